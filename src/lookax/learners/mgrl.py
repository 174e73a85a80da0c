"""Meta-gradient reinforcement learning (MGRL): an actor-critic that tunes its own discount, λ and coefficients.

A window of K inner updates, each up its own [`objective`][lookax.learners.actor_critic.objective] on a rollout τₖ of
the policy that it finds, is judged by a fresh rollout τ of the policy that it leaves (Xu et al. 2018):

    (θₖ₊₁, sₖ₊₁) = optimiser(θₖ, sₖ, ∇J(θₖ; η, τₖ)),    η += Adam(d/dη J_out(θ_K; τ)),

    J_out = Ê[⊥Â log π(θ_K)] − c_V Ê[(R − V)²] + c_H Ê[entropy] − c_KL Ê[KL(π(θ_K) ‖ ⊥π(θ₀))],

with a fixed discount and λ in J_out. η are logits: γ, λ and both coefficients are their sigmoids. With LVC
(Liu et al. 2022) the inner updates go the same way and are differentiated otherwise.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree, ScalarLike

from lookax.errors import check_at_least
from lookax.games.environment import Environment
from lookax.learners.actor_critic import (
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
from lookax.rollouts.acting import Place, Rollout, act, first_place
from lookax.rollouts.episodes import Episodes, no_episodes

MetaParameters = Coefficients
"""η: the logits of an actor-critic's numbers, arrays."""


def coefficients(meta: MetaParameters) -> Coefficients:
    """The numbers that η stands for, each in (0, 1)."""
    return jax.tree.map(jax.nn.sigmoid, meta)


class Inner(eqx.Module):
    """How inner updates are made: by which `optimiser`, with which `surrogate`, and what the critic is told.

    **Attributes:** with `discount_constant` the γ that a critic is told is constant to derivatives, as published.
    """

    optimiser: optax.GradientTransformation
    surrogate: PolicySurrogate = eqx.field(static=True, default="score-function")
    discount_constant: bool = eqx.field(static=True, default=True)

    def objective(self, network: ActorCritic, surroundings: tuple[MetaParameters, Rollout]) -> Float[Array, ""]:
        """J(θ; η, τ)."""
        return objective(self.parts(network, surroundings), coefficients(surroundings[0]))

    def parts(self, network: ActorCritic, surroundings: tuple[MetaParameters, Rollout]) -> Parts:
        """What J is made of."""
        meta, rollout = surroundings
        own = coefficients(meta)
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
        return judged - self.kl_coefficient * self._divergence(network, first, rollout)

    def _divergence(self, network: ActorCritic, first: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        frames = rollout.observations[:-1].reshape(-1, *rollout.observations.shape[2:])
        mine, before = (jax.nn.log_softmax(own(frames, self.discount)[0]) for own in (network, first))
        terms = (jnp.exp(mine) * (mine - jax.lax.stop_gradient(before))).sum(axis=-1)
        played = rollout.played.reshape(-1)
        return (terms * played).sum() / jnp.maximum(played.sum(), 1)


def meta_gradient(
    inner: Inner,
    outer: Outer,
    meta: MetaParameters,
    start: tuple[ActorCritic, PyTree],
    rollouts: Sequence[Rollout],
    judged_by: Rollout,
    adjoint: Adjoint = "forward-over-reverse",
) -> MetaParameters:
    """dJ_out/dη of a window, whose updates are made here.

    **Arguments:** the network and the state of its optimiser at the `start`; the K `rollouts` of its updates, and the
    one that it is `judged_by`; the `adjoint`, as in [`lookax.lookahead.unrolled`][] (`"none"` gives zero, for gradients
    count as constants).

    **Raises:** `ValueError` for an unknown adjoint.
    """
    network, state = start
    each = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rollouts)

    def judged(meta: MetaParameters) -> Float[Array, ""]:
        last = unrolled(
            lambda network, rollout: inner.objective(network, (meta, rollout)),
            network,
            optimiser=inner.optimiser,
            steps=len(rollouts),
            adjoint=adjoint,
            inputs=each,
            state=state,
        )
        return outer.objective(last, network, judged_by)

    return jax.grad(judged)(meta)


def retraced_meta_gradient(
    inner: Inner,
    outer: Outer,
    meta: MetaParameters,
    steps: Sequence[Taken],
    last: ActorCritic,
    rollouts: Sequence[Rollout],
    judged_by: Rollout,
) -> MetaParameters:
    """The same gradient of a window whose updates have been made: back through them, and none of them again.

    **Arguments:** the `steps` that were [`taken`][lookax.lookahead.retraced.taken], and the network after the `last`.
    """
    by_network = jax.grad(outer.objective)(last, steps[0].params, judged_by)
    state = eqx.filter(steps[0].state, eqx.is_inexact_array)
    cotangents = by_network, jax.tree.map(jnp.zeros_like, state)
    total = jax.tree.map(jnp.zeros_like, meta)
    for step, rollout in zip(reversed(steps), reversed(rollouts), strict=True):
        cotangents, (by_meta, _) = retraced(inner.objective, step, (meta, rollout), inner.optimiser, cotangents)
        total = jax.tree.map(jnp.add, total, by_meta)
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
        """A window: K inner updates and a meta-update, for which K rollouts are acted."""
        network, optimiser_state, place, rollout = state.network, state.optimiser_state, state.place, state.kept
        episodes = state.episodes.in_new_update()
        rollouts, steps = [], []
        for act_key in jax.random.split(key, self.inner_steps):
            (network, optimiser_state), step = taken(
                self.inner.objective, network, optimiser_state, (state.meta, rollout), self.inner.optimiser
            )
            rollouts.append(rollout)
            steps.append(step)
            place, rollout, finished = act(self.environment, network, place, act_key, self.steps)
            episodes = episodes.with_more(finished)
        if self.adjoint == "forward-over-reverse":
            slope = retraced_meta_gradient(self.inner, self.outer, state.meta, steps, network, rollouts, rollout)
        else:
            start = state.network, state.optimiser_state
            slope = meta_gradient(self.inner, self.outer, state.meta, start, rollouts, rollout, self.adjoint)
        meta, meta_state = ascent_step(slope, state.meta, state.meta_state, self.meta_optimiser)
        after = MGRLState(network, optimiser_state, meta, meta_state, place, rollout, episodes)
        # The passes of the update are those of the last step; XLA computes them once.
        metrics = learning_metrics(self.inner.parts(steps[-1].params, (state.meta, rollouts[-1])), steps[-1].slope)
        metrics |= coefficient_metrics(coefficients(meta)) | episodes.metrics()
        return after, metrics | {"meta_gradient_norm": optax.tree.norm(slope)}
