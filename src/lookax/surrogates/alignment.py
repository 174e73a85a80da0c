"""Advantages that take into account what opponents learn from the same games.

Opponents who follow their policy gradient raise the probability of what was good for *them*. Where what I did at step k
paid for me, and what the other did after it, at step t, paid for it, I want it to have been paid for that: so my action
at t is weighted by what it was worth to the other.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.surrogates.magic_box import magic_box


def past_sums(terms: Float[Array, "T ..."], discount: ScalarLike) -> Float[Array, "T ..."]:
    """xₜ = Σ_{k < t} γ^{t−k} termₖ over the first axis, `[T, …]`.

    **Arguments:** `terms`, `[T, …]`; the `discount` γ.
    """

    def step(past, term):
        return discount * (past + term), past

    return jax.lax.scan(step, jnp.zeros_like(terms[0]), terms)[1]


def aligned_advantages(
    mine: Float[Array, " T"], others: Float[Array, "T J"], discount: ScalarLike, weight: ScalarLike
) -> Float[Array, " T"]:
    """A*ₜ = Aᵢ(t) + βγ Σ_{k < t} γ^{t−k} Aᵢ(k) · Σⱼ Aⱼ(t) (Duque et al. 2025, Advantage Alignment, eq. 8).

    In place of my advantages in a policy gradient, it shapes others who learn by theirs. With β = 0 it is A.

    **Arguments:**

    - `mine`: my advantages Aᵢ, `[T]`.
    - `others`: those of the J others, `[T, J]`.
    - `discount`: γ.
    - `weight`: β.
    """
    return mine + weight * discount * past_sums(mine, discount) * others.sum(axis=1)


def opponent_log_prob(
    log_probs: Float[Array, " T"],
    returns: Float[Array, " T"],
    values: Float[Array, " T"],
    action_values: Float[Array, "T A"],
    actions: Float[Array, "T A"],
    discount: ScalarLike,
    *,
    decay: ScalarLike = 1.0,
    stop_normaliser: bool = False,
    present_reward: bool = False,
) -> Float[Array, " T"]:
    """Log π̂(bₜ) of an opponent who plays softmax of its action values, differentiable in *my* policy, `[T]`.

    The value of the action bₜ that it has taken is what it got after it, which depends on what I do then:

        Q̂ₜ = ⊥Gₜ + Σ_{k > t} (γλ)^{k−t} ⊥(G_k − V_k) (□(log π(aₖ)) − 1),
        log π̂(bₜ) = Q̂ₜ − log(exp Q̂ₜ + Σ_{b ≠ bₜ} exp Q(sₜ, b)),

    with □ the magic box and ⊥ "constant to derivatives". First derivatives of the sum are those of
    [`loaded_dice`][lookax.surrogates.dice.loaded_dice] from t on, with later steps discounted by λ besides. What is
    given is a constant, but for log π. Source: Aghajohari et al. 2024, LOQA, eqs. 6–9; λ is that of its code.

    **Arguments:**

    - `log_probs`: of my actions, log π(aₜ), `[T]`, differentiable.
    - `returns`: the opponent's discounted returns Gₜ, `[T]`.
    - `values`: its V(sₜ), a baseline, `[T]`.
    - `action_values`: its Q(sₜ, ·), `[T, A]`.
    - `actions`: its actions bₜ, one-hot, `[T, A]`.
    - `discount`: γ.
    - `decay`: λ.
    - `stop_normaliser`: log(…) is a constant.
    - `present_reward`: Σ over k ≥ t: what I do at t matters to the reward at t, too.
    """
    returns, values, action_values = jax.lax.stop_gradient((returns, values, action_values))
    moving = (returns - values) * (magic_box(log_probs) - 1)

    def back(later, now):
        before = discount * decay * later
        return now + before, now + before if present_reward else before

    _, after = jax.lax.scan(back, jnp.zeros_like(moving[0]), moving, reverse=True)
    values = jnp.where(actions == 1, (returns + after)[:, None], action_values)
    normaliser = jax.nn.logsumexp(values, axis=1)
    if stop_normaliser:
        normaliser = jax.lax.stop_gradient(normaliser)
    return returns + after - normaliser
