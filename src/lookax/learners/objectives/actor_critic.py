"""What advantage actor-critics maximise (A2C, Mnih et al. 2016), differentiable in discount, λ and coefficients."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree, ScalarLike

from lookax.categorical import entropy
from lookax.choices import PolicySurrogate
from lookax.learners.learner import Metrics
from lookax.lookahead.optimiser import step_size
from lookax.rollouts.environments import ActorCritic, Rollout
from lookax.surrogates.advantages import generalised_advantages
from lookax.surrogates.magic_box import magic_box


class Coefficients(eqx.Module):
    """The hyperparameters of an actor-critic's objective.

    **Attributes:**

    - `discount`: γ.
    - `gae_lambda`: λ.
    - `value_coefficient`, `entropy_coefficient`: the weights of the critic's squared error and of the entropy.
    """

    _: dataclasses.KW_ONLY
    discount: ScalarLike
    gae_lambda: ScalarLike
    value_coefficient: ScalarLike
    entropy_coefficient: ScalarLike


class ObjectiveTerms(eqx.Module):
    """Means over a rollout's steps.

    **Attributes:**

    - `policy`: of Â log π.
    - `value_loss`: of the critic's squared error.
    - `entropy`: of the policy's entropy.
    """

    policy: Float[Array, ""]
    value_loss: Float[Array, ""]
    entropy: Float[Array, ""]


def objective_terms(
    network: ActorCritic,
    rollout: Rollout,
    coefficients: Coefficients,
    critic_discount: ScalarLike,
    surrogate: PolicySurrogate = "score-function",
) -> ObjectiveTerms:
    """The terms of the objective, at the network that acted.

        Âₜ = Rₜ(γ, λ) − ⊥V(oₜ),    Rₜ = ⊥V(oₜ) + Σ_{k ≥ t} (γλ)^{k−t} δ_k,    δₜ = rₜ + γ ⊥V(oₜ₊₁) − ⊥V(oₜ)

    (⊥: constant to derivatives), sums ending where episodes do. The policy's part is Ê[Â log π], or with LVC
    Ê[Â exp(log π − ⊥log π)] (Liu et al. 2022), which has the same first derivative; the critic's is Ê[(R − V)²].
    Neither takes γ and λ for constant. Ê is the mean over steps that were played.

    **Arguments:** `critic_discount`: the γ that the critic is conditioned on.
    """
    steps, batch = rollout.actions.shape
    frames = rollout.observations.reshape(-1, *rollout.observations.shape[2:])
    logits, values = network(frames, critic_discount)
    logits, values = logits.reshape(steps + 1, batch, -1)[:-1], values.reshape(steps + 1, batch)
    log_policy = jax.nn.log_softmax(logits)
    log_probs = jnp.take_along_axis(log_policy, rollout.actions[..., None], axis=-1)[..., 0]
    constant = jax.lax.stop_gradient(values)
    advantage = advantages(rollout, constant, coefficients.discount, coefficients.gae_lambda)
    if surrogate == "lvc":
        log_probs = magic_box(log_probs)
    errors = advantage + constant[:-1] - values[:-1]
    return ObjectiveTerms(
        *(mean_over_played(terms, rollout.played) for terms in (advantage * log_probs, errors**2, entropy(log_policy)))
    )


def objective(terms: ObjectiveTerms, coefficients: Coefficients) -> Float[Array, ""]:
    """J = policy − c_V · value loss + c_H · entropy, to be maximised."""
    critic = coefficients.value_coefficient * terms.value_loss
    return terms.policy - critic + coefficients.entropy_coefficient * terms.entropy


def learning_metrics(terms: ObjectiveTerms, gradient: PyTree) -> Metrics:
    """Of an update: its objective's terms, and the norm of its gradient before it is clipped."""
    return {
        "policy_objective": terms.policy,
        "value_loss": terms.value_loss,
        "entropy": terms.entropy,
        "gradient_norm": optax.tree.norm(gradient),
    }


def coefficient_metrics(coefficients: Coefficients) -> Metrics:
    """The numbers that an objective is made with, by name."""
    return {field.name: jnp.asarray(getattr(coefficients, field.name)) for field in dataclasses.fields(Coefficients)}


def advantages(
    rollout: Rollout, values: Float[Array, "_ B"], discount: ScalarLike, gae_lambda: ScalarLike
) -> Float[Array, "T B"]:
    """Generalised advantages of every environment; nothing that comes after an episode's end counts for it.

    A step that was not played is taken to have paid what was expected, so that it adds to no other. So the last step of
    an episode that was cut at s has r + γ V(s) − V, and no more: it goes on to s, and the next step is not played.

    **Arguments:** the `rollout`, of T steps; `values`, V(o₀) … V(o_T), `[T+1, B]`; the `discount` γ; `gae_lambda`, λ.
    """
    rewards = jnp.where(rollout.played, rollout.rewards, values[:-1])
    one_by_one = jax.vmap(generalised_advantages, (1, 1, 1, None), 1)
    return one_by_one(rewards, values, discount * rollout.continues, gae_lambda)


def learning_optimiser(
    learning_rate: ScalarLike, max_norm: ScalarLike | None, total_steps: int | None
) -> optax.GradientTransformation:
    """Adam of gradients that are clipped to a norm, with step sizes that fall linearly to zero.

    What the clipping divides by is constant to derivatives. √v is taken of v + 10⁻³⁰, which changes no number and gives
    zero gradients (of a unit that never fires, say) a finite derivative.

    **Arguments:** `max_norm`, `None` not to clip; `total_steps` until zero, `None` for a constant step size.
    """
    clip = optax.identity() if max_norm is None else clipped_by_constant_norm(max_norm)
    rate = step_size(learning_rate, total_steps)
    return optax.chain(clip, optax.scale_by_adam(eps_root=1e-30), optax.scale_by_learning_rate(rate))


def clipped_by_constant_norm(max_norm: ScalarLike) -> optax.GradientTransformation:
    """Gradients g become g · min(1, c / ⊥‖g‖): clipped by a norm that is constant to derivatives."""

    def init(params: Any) -> optax.EmptyState:
        del params
        return optax.EmptyState()

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        norm = jax.lax.stop_gradient(optax.tree.norm(updates))
        factor = jnp.where(norm < max_norm, 1.0, max_norm / jnp.maximum(norm, max_norm))
        return jax.tree.map(lambda update: update * factor, updates), state

    return optax.GradientTransformation(init, update)


def mean_over_played(terms: Float[Array, "..."], played: Bool[Array, "..."]) -> Float[Array, ""]:
    """The mean of terms `[…]` over steps that were played; 0 if none was."""
    return (terms * played).sum() / jnp.maximum(played.sum(), 1)
