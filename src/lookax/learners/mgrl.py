"""Meta-gradient reinforcement learning (MGRL): an actor-critic that tunes its own discount, λ and coefficients.

A window of K inner updates, each up its own [`objective`][lookax.learners.objectives.actor_critic.objective] on
a rollout τₖ of the policy that it finds, is judged by a fresh rollout τ of the policy that it leaves (Xu et al. 2018):

    (θₖ₊₁, sₖ₊₁) = optimiser(θₖ, sₖ, ∇J(θₖ; η, τₖ)),    η += Adam(d/dη J_out(θ_K; τ)),

    J_out = Ê[⊥Â log π(θ_K)] − c_V Ê[(R − V)²] + c_H Ê[entropy] − c_KL Ê[KL(π(θ_K) ‖ ⊥π(θ₀))],

with a fixed discount and λ in J_out. η are logits: γ, λ and both coefficients are their sigmoids. With LVC
(Liu et al. 2022) the inner updates go the same way and are differentiated otherwise.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree, ScalarLike

from lookax.errors import check_at_least
from lookax.games.arcade.environment import Environment
from lookax.learners.objectives.actor_critic import (
    Coefficients,
    Parts,
    PolicySurrogate,
    coefficient_metrics,
    learning_metrics,
    objective,
    parts,
)
from lookax.learners.state import Metrics
from lookax.lookahead.ascent import ascent_step
from lookax.lookahead.retraced import Taken, retraced, taken
from lookax.lookahead.unrolled import Adjoint, unrolled
from lookax.policies.convolutional import ActorCritic
from lookax.rollouts.environments import Place, Rollout, act, first_place
from lookax.rollouts.episodes import Episodes, no_episodes

MetaParameters = PyTree
"""η, arrays: the logits of an actor-critic's numbers as
[`Coefficients`][lookax.learners.objectives.actor_critic.Coefficients], or whatever a subclass of `Inner` makes of
them."""


class Inner(eqx.Module):
    """How inner updates are made: by which `optimiser`, with which `surrogate`, and what the critic is told.

    For meta-parameters of one's own: a subclass says which `coefficients` they stand for, and what else an update's
    `parts` make of them.

    **Attributes:** with `discount_constant` the γ that a critic is told is constant to derivatives, as published.
    """

    optimiser: optax.GradientTransformation
    surrogate: PolicySurrogate = eqx.field(static=True, default="score-function")
    discount_constant: bool = eqx.field(static=True, default=True)

    def coefficients(self, meta: MetaParameters) -> Coefficients:
        """The numbers that η stands for, each in (0, 1)."""
        return jax.tree.map(jax.nn.sigmoid, meta)

    def objective(self, network: ActorCritic, surroundings: tuple[MetaParameters, Rollout]) -> Float[Array, ""]:
        """J(θ; η, τ)."""
        return objective(self.parts(network, surroundings), self.coefficients(surroundings[0]))

    def parts(self, network: ActorCritic, surroundings: tuple[MetaParameters, Rollout]) -> Parts:
        """What J is made of."""
        meta, rollout = surroundings
        own = self.coefficients(meta)
        told = jax.lax.stop_gradient(own.discount) if self.discount_constant else own.discount
        return parts(network, rollout, own, told, self.surrogate)


class Outer(eqx.Module):
    """What windows are judged by: fixed `discount` and `gae_lambda`, and the weights of J_out's further parts."""

    discount: ScalarLike = 0.99
    gae_lambda: ScalarLike = 0.95
    value_coefficient: ScalarLike = 0.0
    entropy_coefficient: ScalarLike = 0.0
    kl_coefficient: ScalarLike = 0.0

    def objective(self, network: ActorCritic, first: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        """J_out(θ_K; τ), of a window that began with the `first` network."""
        own = Coefficients(self.discount, self.gae_lambda, self.value_coefficient, self.entropy_coefficient)
        judged = objective(parts(network, rollout, own, self.discount), own)
        return judged - self.kl_coefficient * self.divergence(network, jax.lax.stop_gradient(first), rollout)

    def divergence(self, one: ActorCritic, other: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        """Ê[KL(π(one) ‖ π(other))] over the frames that were acted on."""
        frames = rollout.observations[:-1].reshape(-1, *rollout.observations.shape[2:])
        mine, its = (jax.nn.log_softmax(own(frames, self.discount)[0]) for own in (one, other))
        terms = (jnp.exp(mine) * (mine - its)).sum(axis=-1)
        played = rollout.played.reshape(-1)
        return (terms * played).sum() / jnp.maximum(played.sum(), 1)


class Bootstrapped(Outer):
    """Bootstrapped meta-gradients (BMG, Flennerhag et al. 2022): windows are judged by how near they come to a target.

        −Ê[KL(⊥π(θ̃) ‖ π(θ_K))],    θ̃ = θ_K + α ∇J_out(θ_K; τ)

    The target is one step further up J_out; its policy is constant to derivatives.

    **Attributes:** those of `Outer`, for J_out; the `step_size` α.
    """

    step_size: ScalarLike = 0.1

    def objective(self, network: ActorCritic, first: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        """The negative divergence."""
        slope = jax.grad(super().objective)(network, first, rollout)
        target = jax.tree.map(lambda leaf, own: leaf + self.step_size * own, network, slope)
        return -self.divergence(jax.lax.stop_gradient(target), network, rollout)


def meta_gradient(
    inner: Inner,
    outer: Outer,
    meta: MetaParameters,
    start: tuple[ActorCritic, PyTree],
    rollouts: Rollout,
    judged_by: Rollout,
    adjoint: Adjoint = "forward-over-reverse",
) -> MetaParameters:
    """dJ_out/dη of a window, whose updates are made here.

    **Arguments:** the network and the state of its optimiser at the `start`; the `rollouts` of its updates, with a
    leading axis of K, and the one that it is `judged_by`; the `adjoint`, as in [`lookax.lookahead.unrolled`][]
    (`"none"` gives zero, for gradients count as constants).

    **Raises:** `ValueError` for an unknown adjoint.
    """
    network, state = start

    def judged(meta: MetaParameters) -> Float[Array, ""]:
        last = unrolled(
            lambda network, rollout: inner.objective(network, (meta, rollout)),
            network,
            optimiser=inner.optimiser,
            steps=len(rollouts.actions),
            adjoint=adjoint,
            inputs=rollouts,
            state=state,
        )
        return outer.objective(last, network, judged_by)

    return jax.grad(judged)(meta)


def retraced_meta_gradient(
    inner: Inner,
    outer: Outer,
    meta: MetaParameters,
    steps: Taken,
    last: ActorCritic,
    rollouts: Rollout,
    judged_by: Rollout,
) -> MetaParameters:
    """The same gradient of a window whose updates have been made: back through them, and none of them again.

    **Arguments:** the `steps` that were [`taken`][lookax.lookahead.retraced.taken], with a leading axis of K as the
    `rollouts` have, and the network after the `last`.
    """
    first, state = jax.tree.map(lambda leaf: leaf[0], (steps.params, eqx.filter(steps.state, eqx.is_inexact_array)))
    by_network = jax.grad(outer.objective)(last, first, judged_by)

    def back(after: tuple[Any, MetaParameters], made: tuple[Taken, Rollout]):
        (step, rollout), (cotangents, total) = made, after
        cotangents, (by_meta, _) = retraced(inner.objective, step, (meta, rollout), inner.optimiser, cotangents)
        return (cotangents, jax.tree.map(jnp.add, total, by_meta)), None

    # A loop, not K copies of it: what a step needs is then needed by one step at a time.
    start = (by_network, jax.tree.map(jnp.zeros_like, state)), jax.tree.map(jnp.zeros_like, meta)
    (_, total), _ = jax.lax.scan(back, start, (steps, rollouts), reverse=True)
    return total


class MGRLState(eqx.Module):
    """The `network` and its optimiser's state; η and its optimiser's state; where acting goes on; the rollout `kept`.

    The rollout that a window is judged by is the first that the next one learns from. `episodes` are those that ended.
    """

    network: ActorCritic
    optimiser_state: PyTree
    meta: MetaParameters
    meta_state: PyTree
    place: Place
    kept: Rollout
    episodes: Episodes


class MGRL(eqx.Module):
    """Meta-gradient actor-critic; see the module's docstring.

    **Attributes:** the `environment`, of which `batch_size` play at once, `steps` T a rollout; how `inner` updates are
    made, `inner_steps` K of them; what windows are judged by, `outer`; the optimiser of η; the `adjoint`: forward over
    reverse, no update is made twice.

    **Raises:** `ValueError` for numbers out of range.
    """

    environment: Environment = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    inner: Inner
    inner_steps: int = eqx.field(static=True)
    outer: Outer
    meta_optimiser: optax.GradientTransformation
    adjoint: Adjoint = eqx.field(static=True, default="forward-over-reverse")

    def __check_init__(self):
        for name in ("batch_size", "steps", "inner_steps"):
            check_at_least(name, getattr(self, name), 1)

    def init(self, key: Key[Array, ""], network: ActorCritic, meta: MetaParameters) -> MGRLState:
        """The first state of a fresh network and η; it has acted for one rollout."""
        reset_key, act_key = jax.random.split(key)
        place = first_place(self.environment, reset_key, self.batch_size)
        place, kept, finished = act(self.environment, network, place, act_key, self.steps)
        learned: Any = network, meta
        states = self.inner.optimiser.init(learned[0]), self.meta_optimiser.init(learned[1])
        return MGRLState(network, states[0], meta, states[1], place, kept, no_episodes().with_more(finished))

    def update(self, key: Key[Array, ""], state: MGRLState) -> tuple[MGRLState, Metrics]:
        """A window: K inner updates and a meta-update, for which K rollouts are acted.

        **Returns:** the next state; metrics, those of inner updates as means over the K, η's numbers after the window.
        """

        def inner_update(now: Any, act_key: Key[Array, ""]):
            network, optimiser_state, place, rollout, episodes = now
            surroundings = state.meta, rollout
            (after, optimiser_state), step = taken(
                self.inner.objective, network, optimiser_state, surroundings, self.inner.optimiser
            )
            # The passes of the update; XLA computes them once.
            told = learning_metrics(self.inner.parts(network, surroundings), step.slope)
            place, fresh, finished = act(self.environment, after, place, act_key, self.steps)
            return (after, optimiser_state, place, fresh, episodes.with_more(finished)), (step, rollout, told)

        start = state.network, state.optimiser_state, state.place, state.kept, state.episodes
        keys = jax.random.split(key, self.inner_steps)
        (network, optimiser_state, place, fresh, episodes), made = jax.lax.scan(inner_update, start, keys)
        steps, rollouts, told = made
        if self.adjoint == "forward-over-reverse":
            slope = retraced_meta_gradient(self.inner, self.outer, state.meta, steps, network, rollouts, fresh)
        else:
            slope = meta_gradient(self.inner, self.outer, state.meta, start[:2], rollouts, fresh, self.adjoint)
        meta, meta_state = ascent_step(slope, state.meta, state.meta_state, self.meta_optimiser)
        after = MGRLState(network, optimiser_state, meta, meta_state, place, fresh, episodes.after_an_update())
        metrics = jax.tree.map(lambda values: values.mean(axis=0), told)
        metrics |= coefficient_metrics(self.inner.coefficients(meta)) | episodes.metrics()
        return after, metrics | {"meta_gradient_norm": optax.tree.norm(slope)}
