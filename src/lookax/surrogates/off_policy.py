"""Surrogates for trajectories that another policy played.

All, untruncated, have the right expectation and not only the right derivatives, as long as μ can do what π does; with
`behaviour_log_probs = stop_gradient(log_probs)` they are on-policy. Ratios are π(a|s)/μ(a|s), from log-probabilities.
Their variance grows with the horizon as ratios multiply: `effective_sample_size` says how many trajectories are left.

Products of ratios are capped at e⁸⁰: float32 holds numbers up to e⁸⁸, and a weight beyond it would be infinite and its
derivatives not a number. A weight above the cap counts as the cap, derivatives included: w̄ = ⊥min(1, e⁸⁰/w) w, ⊥ for
constant to derivatives. Weights below it are untouched; `capped_weights` says how many were above. Self-normalised
weights need no cap: none can exceed the number of trajectories.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, ScalarLike

from lookax.errors import check
from lookax.surrogates.advantages import discounts, running_sums, temporal_differences

Ratios = Literal["per-step", "trajectory"]

LOG_WEIGHT_CAP = 80.0
"""The largest logarithm of a weight, in single and in double precision.

e⁸⁰ ≈ 5.5 · 10³⁴ leaves a factor of 6000 below float32's largest number, for rewards and sums over games.
"""

LOG_OF_SQUARES = 40.0
"""The largest logarithm of a weight whose mean is divided by: derivatives of such a ratio contain its square.

Where one is larger, all weights of that step are divided by the same number, which changes no ratio of them.
"""


def importance_sampling(
    log_probs: Float[Array, " T"],
    behaviour_log_probs: Float[Array, " T"],
    rewards: Float[Array, " T"],
    discount: ScalarLike,
    ratios: Ratios = "per-step",
) -> Float[Array, ""]:
    """Off-policy DiCE: rewards weighted by likelihood ratios, differentiable to every order, each of them unbiased.

    - `"per-step"`: Σₜ γᵗ rₜ Π_{k ≤ t} π(a_k|s_k)/μ(a_k|s_k), what a reward owes to the actions before it. On-policy it
      is [`dice`][lookax.surrogates.dice.dice].
    - `"trajectory"`: Π_{k < T} π(a_k|s_k)/μ(a_k|s_k) · Σₜ γᵗ rₜ, with more variance.

    Source: Precup et al. 2000; as a surrogate for derivatives Tang et al. 2021 (Unifying Gradient Estimators for
    Meta-RL via Off-Policy Evaluation).

    **Arguments:**

    - `log_probs`: log π(aₜ|sₜ), `[T]`, of the policy that is evaluated.
    - `behaviour_log_probs`: log μ(aₜ|sₜ), `[T]`, of the policy that played.
    - `rewards`: `[T]`.
    - `discount`: γ.
    - `ratios`: one of the two above.

    **Raises:** `ValueError` for unknown `ratios`.
    """
    check(ratios in get_args(Ratios), "ratios", ratios, f"one of {', '.join(get_args(Ratios))}")
    cumulated = running_sums(log_probs - behaviour_log_probs)
    weights = jnp.exp(_cut(cumulated if ratios == "per-step" else cumulated[-1]))
    return jnp.sum(weights * discounts(discount, log_probs.shape[0]) * rewards)


def doubly_robust(
    log_probs: Float[Array, " T"],
    behaviour_log_probs: Float[Array, " T"],
    rewards: Float[Array, " T"],
    values: Float[Array, " T"],
    action_values: Float[Array, " T"],
    discount: ScalarLike,
) -> Float[Array, ""]:
    """v₀, from vₜ = V̂(sₜ) + ρₜ (rₜ + γ vₜ₊₁ − Q̂(sₜ, aₜ)) and v_T = 0 (Jiang & Li 2016, eq. 10).

    Every order is unbiased for any Q̂, however wrong, if V̂(s) = Σₐ π_θ(a|s) Q̂(s, a) is differentiable in θ.

    **Arguments:**

    - `values`: V̂(s₀) … V̂(s_{T−1}), `[T]`.
    - `action_values`: Q̂(s₀, a₀) … Q̂(s_{T−1}, a_{T−1}), `[T]`, constant to derivatives in θ.
    """
    weights = jnp.exp(_cut(running_sums(log_probs - behaviour_log_probs)))
    before = jnp.concatenate([jnp.ones_like(weights[:1]), weights[:-1]])
    terms = before * values + weights * (rewards - action_values)
    return jnp.sum(discounts(discount, log_probs.shape[0]) * terms)


def v_trace(
    log_probs: Float[Array, " T"],
    behaviour_log_probs: Float[Array, " T"],
    rewards: Float[Array, " T"],
    values: Float[Array, " T+1"],
    discount: ScalarLike,
    rho_bar: ScalarLike = jnp.inf,
    c_bar: ScalarLike = jnp.inf,
) -> Float[Array, ""]:
    """The V-trace target of the first state, [`v_trace_targets`][lookax.surrogates.off_policy.v_trace_targets]`[0]`.

    Without truncation it is V(s₀) + Σₜ γᵗ (Π_{k ≤ t} ρ_k) δₜ and every order is unbiased for any V(s₀) … V(s_{T−1}), if
    V(s_T) = 0 because the game is over. Truncation trades bias for variance: a ratio above its ceiling has no
    derivatives. On-policy with V = 0 it is [`dice`][lookax.surrogates.dice.dice]. Single ratios are capped as weights
    are, their product is not: that is what truncation is for.

    Source: Espeholt et al. 2018 (IMPALA), eq. 1; as a surrogate Tang et al. 2021.

    **Arguments:**

    - `log_probs`: log π(aₜ|sₜ), `[T]`, of the policy that is evaluated.
    - `behaviour_log_probs`: log μ(aₜ|sₜ), `[T]`, of the policy that played.
    - `rewards`: `[T]`.
    - `values`: V(s₀) … V(s_T), `[T+1]`.
    - `discount`: γ.
    - `rho_bar`, `c_bar`: ceilings of ratios, as of [`v_trace_targets`][lookax.surrogates.off_policy.v_trace_targets];
      infinite for no truncation.
    """
    ratios = jnp.exp(_cut(log_probs - behaviour_log_probs))
    return v_trace_targets(ratios, rewards, values, discount, rho_bar, c_bar)[0]


def v_trace_targets(
    ratios: Float[Array, " T"],
    rewards: Float[Array, " T"],
    values: Float[Array, " T+1"],
    discount: ScalarLike,
    rho_bar: ScalarLike = jnp.inf,
    c_bar: ScalarLike = jnp.inf,
) -> Float[Array, " T"]:
    """vₜ = V(sₜ) + Σ_{k ≥ t} γ^{k−t} (Π_{t ≤ i < k} cᵢ) ρ_k δ_k, `[T]` (Espeholt et al. 2018, IMPALA, eq. 1).

    **Arguments:**

    - `ratios`: π(aₜ|sₜ)/μ(aₜ|sₜ), of the policy that is evaluated and the one that played.
    - `rho_bar`, `c_bar`: ρₜ = min(ρ̄, ratioₜ) and cₜ = min(c̄, ratioₜ). A ratio above its ceiling has no derivatives; one
      that equals it has, so that ceilings of 1 leave on-policy derivatives whole.
    """
    corrections = jnp.where(ratios <= rho_bar, ratios, rho_bar) * temporal_differences(rewards, values, discount)

    def back(later, step):
        correction, trace = step
        sum_from_here = correction + discount * trace * later
        return sum_from_here, sum_from_here

    steps = (corrections, jnp.where(ratios <= c_bar, ratios, c_bar))
    return values[:-1] + jax.lax.scan(back, jnp.zeros_like(corrections[0]), steps, reverse=True)[1]


def off_policy_dice(
    log_probs: Float[Array, "T B"],
    behaviour_log_probs: Float[Array, "T B"],
    rewards: Float[Array, "T B"],
    values: Float[Array, "T B"],
    discount: ScalarLike,
    *,
    ceiling: ScalarLike = jnp.inf,
    self_normalised: bool = False,
) -> Float[Array, ""]:
    """Mean over a batch of Σₜ γᵗ rₜ wₜ + Σₜ γᵗ b(sₜ) (1 − ρₜ), with ρₜ = π(aₜ|sₜ)/μ(aₜ|sₜ) and wₜ = Π_{k ≤ t} ρ_k.

    [`importance_sampling`][lookax.surrogates.off_policy.importance_sampling] per step with DiCE's baseline; on-policy
    it is [`dice_with_baseline`][lookax.surrogates.dice.dice_with_baseline]. Unbiased to every order for any baseline.

    **Arguments:**

    - `values`: b(sₜ), constant to derivatives in θ; zeros for no baseline.
    - `ceiling`: a weight wₜ above it counts as the ceiling, derivatives included: w̄ₜ = ⊥min(1, ceiling/wₜ) wₜ, ⊥ for
      constant to derivatives. Less variance, for a bias.
    - `self_normalised`: wₜ (truncated, if it is) is divided by its mean over the batch, itself differentiated. Such a
      ratio of means has a bias that falls with 1/B, and no weight can exceed B (Precup et al. 2000).
    """
    log_ratios = log_probs - behaviour_log_probs
    log_weights = running_sums(log_ratios)
    if self_normalised:
        log_weights = _cut(log_weights, jnp.log(ceiling))
        largest = jax.lax.stop_gradient(log_weights.max(axis=1, keepdims=True))
        weights = jnp.exp(log_weights - jnp.maximum(largest - LOG_OF_SQUARES, 0))
        weights = weights / weights.mean(axis=1, keepdims=True)
    else:
        weights = jnp.exp(_cut(log_weights, jnp.minimum(jnp.log(ceiling), LOG_WEIGHT_CAP)))
    terms = weights * rewards + values * (1 - jnp.exp(_cut(log_ratios)))
    return discounts(discount, log_probs.shape[0]) @ terms.mean(axis=1)


def self_normalised_dice(
    log_probs: Float[Array, "T B"], rewards: Float[Array, "T B"], discount: ScalarLike
) -> Float[Array, ""]:
    """Σₜ γᵗ (Σ_b rₜ □ₜ) / (Σ_b □ₜ), with □ₜ = □(Σ_{k ≤ t} log π(a_k|s_k)): DiCE, weights divided by a batch's mean.

    The denominator's derivatives make the batch's own mean reward r̄ₜ a baseline at every step. Order 1 is

        ∇ = Σₜ γᵗ mean_b[(rₜ − r̄ₜ) Σ_{k ≤ t} ∇ log π(a_k|s_k)],

    (1 − 1/B) times the gradient in expectation; higher orders have the same baseline, and a bias that falls with 1/B.
    It needs no critic, but a batch: with B = 1 every derivative is 0. It is
    [`off_policy_dice`][lookax.surrogates.off_policy.off_policy_dice], self-normalised, on-policy.

    **Arguments:** `log_probs`, log π(aₜ|sₜ), `[T, B]`; `rewards`, `[T, B]`; the `discount` γ.
    """
    nothing = jnp.zeros_like(rewards)
    return off_policy_dice(
        log_probs, jax.lax.stop_gradient(log_probs), rewards, nothing, discount, self_normalised=True
    )


def effective_sample_size(
    log_probs: Float[Array, "T B"], behaviour_log_probs: Float[Array, "T B"]
) -> Float[Array, " T"]:
    """(Σ_b wₜ)² / Σ_b wₜ² of the weights wₜ = Π_{k ≤ t} π(a_k|s_k)/μ(a_k|s_k): B on-policy, 1 if one has all weight.

    How many on-policy trajectories would estimate the reward of step t as well, roughly (Kong 1992).
    """
    log_weights = running_sums(log_probs - behaviour_log_probs)
    return jnp.exp(2 * jax.nn.logsumexp(log_weights, axis=1) - jax.nn.logsumexp(2 * log_weights, axis=1))


def capped_weights(
    log_probs: Float[Array, "T B"], behaviour_log_probs: Float[Array, "T B"], ceiling: ScalarLike = jnp.inf
) -> Int[Array, ""]:
    """How many weights wₜ = Π_{k ≤ t} π(a_k|s_k)/μ(a_k|s_k) are above the cap of e⁸⁰: none under a lower ceiling.

    An estimate that such weights enter is biased, and of hardly any use: see `effective_sample_size`.

    **Arguments:**

    - `log_probs`: log π(aₜ|sₜ), `[T, B]`, of the policy that is evaluated.
    - `behaviour_log_probs`: log μ(aₜ|sₜ), `[T, B]`, of the policy that played.
    - `ceiling`: as of [`off_policy_dice`][lookax.surrogates.off_policy.off_policy_dice]; infinite for none.
    """
    log_weights = jnp.minimum(running_sums(log_probs - behaviour_log_probs), jnp.log(ceiling))
    return (log_weights > LOG_WEIGHT_CAP).sum()


def _cut(log_weights: Float[Array, "..."], at: ScalarLike = LOG_WEIGHT_CAP) -> Float[Array, "..."]:
    """Logarithms that are at most `at`, whose derivatives are those of the logarithms that were given."""
    return log_weights + jax.lax.stop_gradient(jnp.minimum(at - log_weights, 0))
