"""Meta-gradient reinforcement learning (MGRL): an actor-critic that tunes its own discount, λ and coefficients.

A window of K inner updates, each up its own [`objective`][lookax.learners.objectives.actor_critic.objective] on
a rollout τₖ of the policy that it finds, is followed by a fresh rollout τ of the policy that it leaves, on which the
outer objective is estimated (Xu et al. 2018):

    (θₖ₊₁, sₖ₊₁) = optimiser(θₖ, sₖ, ∇J(θₖ; η, τₖ)),    η += Adam(d/dη J_out(θ_K; τ)),

    J_out = Ê[⊥Â log π(θ_K)] − c_V Ê[(R − V)²] + c_H Ê[entropy] − c_KL Ê[KL(π(θ_K) ‖ ⊥π(θ₀))],

with a fixed discount and λ in J_out. η are logits: γ, λ and both coefficients are their sigmoids. With LVC
(Liu et al. 2022) the inner updates go the same way and are differentiated otherwise.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Float, Key, PyTree, ScalarLike

from lookax.categorical import kl_divergence
from lookax.errors import check_at_least
from lookax.games.arcade.environment import Environment
from lookax.learners.learner import Metrics
from lookax.learners.objectives.actor_critic import (
    Coefficients,
    ObjectiveTerms,
    PolicySurrogate,
    coefficient_metrics,
    learning_metrics,
    mean_over_played,
    objective,
    objective_terms,
)
from lookax.lookahead.adjoints import ForwardOverReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.recorded import StepRecord, pull_back, recorded_step
from lookax.lookahead.step import ascent_step
from lookax.rollouts.environments import ActorCritic, EnvState, Rollout, act, first_env_state
from lookax.rollouts.episodes import Episodes, no_episodes

MetaParameters = PyTree
"""η, arrays: the logits of an actor-critic's numbers as
[`Coefficients`][lookax.learners.objectives.actor_critic.Coefficients], or what a subclass of `InnerObjective` takes."""


class InnerObjective(eqx.Module):
    """The objective J of inner updates.

    For meta-parameters of one's own: a subclass says which `coefficients` they are, and what else an update's `terms`
    make of them.

    **Attributes:**

    - `surrogate`: of the policy's term.
    - `discount_constant`: the γ that the critic is conditioned on is constant to derivatives, as published.
    """

    _: dataclasses.KW_ONLY
    surrogate: PolicySurrogate = eqx.field(static=True, default="score-function")
    discount_constant: bool = eqx.field(static=True, default=True)

    def coefficients(self, meta: MetaParameters) -> Coefficients:
        """The hyperparameters that η gives, each in (0, 1)."""
        return jax.tree.map(jax.nn.sigmoid, meta)

    def objective(self, network: ActorCritic, context: tuple[MetaParameters, Rollout]) -> Float[Array, ""]:
        """J(θ; η, τ)."""
        return objective(self.terms(network, context), self.coefficients(context[0]))

    def terms(self, network: ActorCritic, context: tuple[MetaParameters, Rollout]) -> ObjectiveTerms:
        """The terms of J."""
        meta, rollout = context
        coefficients = self.coefficients(meta)
        discount = coefficients.discount
        critic_discount = jax.lax.stop_gradient(discount) if self.discount_constant else discount
        return objective_terms(network, rollout, coefficients, critic_discount, self.surrogate)


class OuterObjective(eqx.Module):
    """The outer objective J_out of windows.

    **Attributes:**

    - `discount`, `gae_lambda`: fixed.
    - `value_coefficient`, `entropy_coefficient`, `kl_coefficient`: weights of its further terms.
    """

    _: dataclasses.KW_ONLY
    discount: ScalarLike = 0.99
    gae_lambda: ScalarLike = 0.95
    value_coefficient: ScalarLike = 0.0
    entropy_coefficient: ScalarLike = 0.0
    kl_coefficient: ScalarLike = 0.0

    def objective(self, network: ActorCritic, first: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        """J_out(θ_K; τ), of a window that began with the `first` network.

        **Arguments:** the `network` θ_K; the `first` network θ₀; the `rollout` τ of θ_K.
        """
        coefficients = Coefficients(
            discount=self.discount,
            gae_lambda=self.gae_lambda,
            value_coefficient=self.value_coefficient,
            entropy_coefficient=self.entropy_coefficient,
        )
        value = objective(objective_terms(network, rollout, coefficients, self.discount), coefficients)
        return value - self.kl_coefficient * self.divergence(network, jax.lax.stop_gradient(first), rollout)

    def divergence(self, one: ActorCritic, other: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        """Ê[KL(π(one) ‖ π(other))] over the frames that were acted on.

        **Arguments:** `one` network and the `other`; the `rollout` whose frames they are compared on.
        """
        frames = rollout.observations[:-1].reshape(-1, *rollout.observations.shape[2:])
        log_p, log_q = (jax.nn.log_softmax(network(frames, self.discount)[0]) for network in (one, other))
        return mean_over_played(kl_divergence(log_p, log_q), rollout.played.reshape(-1))


def meta_gradient(
    inner: InnerObjective,
    lookahead: Lookahead,
    outer: OuterObjective,
    meta: MetaParameters,
    start: tuple[Any, PyTree],
    rollouts: Rollout,
    last_rollout: Rollout,
) -> MetaParameters:
    """dJ_out/dη of a window, whose updates are made here.

    **Arguments:**

    - `inner`, `lookahead`, `outer`: the objective of updates, how they are made and differentiated (a
      `FirstOrderAdjoint` gives zero), the outer objective.
    - `meta`: η.
    - `start`: the network and the state of its optimiser.
    - `rollouts`: of the updates, with a leading axis of K.
    - `last_rollout`: that of the outer objective.
    """
    network, state = start

    def of_meta(meta: MetaParameters) -> Float[Array, ""]:
        last = lookahead.maximise(
            lambda network, rollout: inner.objective(network, (meta, rollout)), network, inputs=rollouts, state=state
        )
        return outer.objective(last, network, last_rollout)

    return jax.grad(of_meta)(meta)


def recorded_meta_gradient(
    inner: InnerObjective,
    lookahead: Lookahead,
    outer: OuterObjective,
    meta: MetaParameters,
    steps: StepRecord,
    last: Any,
    rollouts: Rollout,
    last_rollout: Rollout,
) -> MetaParameters:
    """The same gradient of a window whose updates have been made: back through them, and none of them again.

    **Arguments:** as of `meta_gradient`, and

    - `steps`: the [recorded][lookax.lookahead.recorded.recorded_step] updates, with a leading axis of K.
    - `last`: the network after them.
    """
    first = jax.tree.map(lambda leaf: leaf[0], steps.params)
    by_network = jax.grad(outer.objective)(last, first, last_rollout)
    return pull_back(inner.objective, steps, meta, rollouts, lookahead.optimiser, by_network)


class MGRLState(eqx.Module):
    """What MGRL carries from one window to the next.

    **Attributes:**

    - `network`, `optimiser_state`: θ, and its optimiser's state.
    - `meta`, `meta_state`: η, and its optimiser's state.
    - `env_state`: where acting goes on.
    - `rollout`: the last one, of the outer objective; the next window first learns from it.
    - `episodes`: those that ended.
    """

    network: Any
    optimiser_state: PyTree
    meta: MetaParameters
    meta_state: PyTree
    env_state: EnvState
    rollout: Rollout
    episodes: Episodes


class MGRL(eqx.Module):
    """Meta-gradient actor-critic; see the module's docstring.

    **Attributes:**

    - `environment`: what is played.
    - `network`: from a random key to a fresh actor-critic.
    - `meta`: the first η.
    - `batch_size`: environments at once.
    - `steps`: T, of a rollout.
    - `inner`: the objective of inner updates.
    - `lookahead`: the K inner updates of a window, and how they are differentiated. Forward over reverse, the updates
      that were made while acting are gone back through as they were recorded; by other adjoints they are made again.
    - `outer`: the outer objective.
    - `meta_optimiser`: of η.

    ```python
    from lookax.games.arcade.minatar import MinAtar
    from lookax.learners.mgrl import InnerObjective, OuterObjective
    from lookax.learners.objectives.actor_critic import Coefficients, learning_optimiser
    from lookax.policies.convolutional import actor_critic

    environment = MinAtar("breakout")
    learner = lx.MGRL(
        environment=environment,
        network=lambda key: actor_critic(
            key,
            environment.frame,
            environment.num_actions,
            convolutions=((16, 3, 1),),
            hidden_size=128,
            critic_discount=True,
        ),
        meta=Coefficients(
            discount=jnp.array(4.6),
            gae_lambda=jnp.array(2.9),
            value_coefficient=jnp.array(0.0),
            entropy_coefficient=jnp.array(-4.6),
        ),
        batch_size=64,
        steps=5,
        inner=InnerObjective(surrogate="lvc"),
        lookahead=lx.Lookahead(learning_optimiser(0.001, max_norm=0.5, total_steps=None), steps=3),
        outer=OuterObjective(),
        meta_optimiser=optax.adam(0.001),
    )
    state, history = lx.train(learner, jax.random.key(0), 100)
    print(history["discount"][-1])
    ```

    **Raises:** `ValueError` for numbers out of range.
    """

    _: dataclasses.KW_ONLY
    environment: Environment = eqx.field(static=True)
    network: Callable[[Key[Array, ""]], Any] = eqx.field(static=True)
    meta: MetaParameters
    batch_size: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    inner: InnerObjective
    lookahead: Lookahead
    outer: OuterObjective
    meta_optimiser: Optimiser = eqx.field(converter=as_optimiser)

    def __check_init__(self):
        for name in ("batch_size", "steps"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("steps of the lookahead", self.lookahead.steps, 1)

    def init(self, key: Key[Array, ""]) -> MGRLState:
        """A fresh network, and η; it has acted for one rollout."""
        network_key, key = jax.random.split(key)
        reset_key, act_key = jax.random.split(key)
        network = self.network(network_key)
        env_state = first_env_state(self.environment, reset_key, self.batch_size)
        env_state, rollout, finished = act(self.environment, network, env_state, act_key, self.steps)
        states = self.lookahead.optimiser.init(network), self.meta_optimiser.init(self.meta)
        episodes = no_episodes().with_more(finished)
        return MGRLState(network, states[0], self.meta, states[1], env_state, rollout, episodes)

    def update(self, key: Key[Array, ""], state: MGRLState) -> tuple[MGRLState, Metrics]:
        """A window: K inner updates and a meta-update, for which K rollouts are acted.

        Metrics: those of A2C, of inner updates as means over the K; the hyperparameters that η gives after the window;
        `meta_gradient_norm`.
        """

        def inner_update(carry: Any, act_key: Key[Array, ""]):
            network, optimiser_state, env_state, rollout, episodes = carry
            context = state.meta, rollout
            (after, optimiser_state), step = recorded_step(
                self.inner.objective, network, optimiser_state, context, self.lookahead.optimiser
            )
            # The passes of the update; XLA computes them once.
            metrics = learning_metrics(self.inner.terms(network, context), step.gradient)
            env_state, fresh, finished = act(self.environment, after, env_state, act_key, self.steps)
            return (after, optimiser_state, env_state, fresh, episodes.with_more(finished)), (step, rollout, metrics)

        start = state.network, state.optimiser_state, state.env_state, state.rollout, state.episodes
        keys = jax.random.split(key, self.lookahead.steps)
        (network, optimiser_state, env_state, fresh, episodes), made = jax.lax.scan(inner_update, start, keys)
        steps, rollouts, metrics = made
        parts = self.inner, self.lookahead, self.outer, state.meta
        if isinstance(self.lookahead.adjoint, ForwardOverReverseAdjoint):
            gradient = recorded_meta_gradient(*parts, steps, network, rollouts, fresh)
        else:
            gradient = meta_gradient(*parts, start[:2], rollouts, fresh)
        meta, meta_state = ascent_step(gradient, state.meta, state.meta_state, self.meta_optimiser)
        after = MGRLState(network, optimiser_state, meta, meta_state, env_state, fresh, episodes.after_an_update())
        metrics = jax.tree.map(lambda values: values.mean(axis=0), metrics)
        metrics |= coefficient_metrics(self.inner.coefficients(meta)) | episodes.metrics()
        return after, metrics | {"meta_gradient_norm": optax.tree.norm(gradient)}
