"""Advantage actor-critic (A2C, Mnih et al. 2016): acts for a few steps, and makes one update with them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Key, PyTree

from lookax.errors import check_at_least
from lookax.games.arcade.environment import Environment
from lookax.learners.learner import Metrics
from lookax.learners.objectives.actor_critic import Coefficients, learning_metrics, objective, objective_terms
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.rollouts.environments import EnvState, act, first_env_state
from lookax.rollouts.episodes import Episodes, no_episodes


class A2CState(eqx.Module):
    """What A2C carries from one update to the next.

    **Attributes:**

    - `network`, `optimiser_state`: θ, and its optimiser's state.
    - `env_state`: where acting goes on.
    - `episodes`: those that ended.
    """

    network: Any
    optimiser_state: PyTree
    env_state: EnvState
    episodes: Episodes


class A2C(eqx.Module):
    """θ += optimiser(∇J(θ; τ)), with J an actor-critic's objective and τ a rollout of θ.

    J is [`lookax.learners.objectives.actor_critic.objective`][].

    **Attributes:**

    - `environment`: what is played.
    - `network`: from a random key to a fresh actor-critic.
    - `batch_size`: environments at once.
    - `steps`: T, of a rollout.
    - `coefficients`: of J.
    - `optimiser`: of θ.

    ```python
    from lookax.games.arcade.minatar import MinAtar
    from lookax.learners.objectives.actor_critic import Coefficients, learning_optimiser
    from lookax.policies.convolutional import actor_critic

    environment = MinAtar("breakout")
    learner = lx.A2C(
        environment=environment,
        network=lambda key: actor_critic(
            key, environment.frame, environment.num_actions, convolutions=((16, 3, 1),), hidden_size=128
        ),
        batch_size=64,
        steps=5,
        coefficients=Coefficients(discount=0.99, gae_lambda=0.95, value_coefficient=0.5, entropy_coefficient=0.01),
        optimiser=learning_optimiser(0.001, max_norm=0.5, total_steps=None),
    )
    state, history = lx.train(learner, jax.random.key(0), 100)
    ```

    **Raises:** `ValueError` for numbers out of range.
    """

    _: dataclasses.KW_ONLY
    environment: Environment = eqx.field(static=True)
    network: Callable[[Key[Array, ""]], Any] = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    coefficients: Coefficients
    optimiser: Optimiser = eqx.field(converter=as_optimiser)

    def __check_init__(self):
        for name in ("batch_size", "steps"):
            check_at_least(name, getattr(self, name), 1)

    def init(self, key: Key[Array, ""]) -> A2CState:
        """A fresh network, and first episodes."""
        network_key, reset_key = jax.random.split(key)
        network = self.network(network_key)
        env_state = first_env_state(self.environment, reset_key, self.batch_size)
        return A2CState(network, self.optimiser.init(network), env_state, no_episodes())

    def update(self, key: Key[Array, ""], state: A2CState) -> tuple[A2CState, Metrics]:
        """A rollout, and an update with it.

        Metrics: the terms of J, `gradient_norm` before it is clipped, and those of
        [`Episodes`][lookax.rollouts.episodes.Episodes], `score` among them.
        """
        coefficients = self.coefficients
        env_state, rollout, finished = act(self.environment, state.network, state.env_state, key, self.steps)

        def of_network(network: Any):
            terms = objective_terms(network, rollout, coefficients, coefficients.discount)
            return objective(terms, coefficients), terms

        gradient, terms = jax.grad(of_network, has_aux=True)(state.network)
        network, optimiser_state = ascent_step(gradient, state.network, state.optimiser_state, self.optimiser)
        episodes = state.episodes.with_more(finished)
        after = A2CState(network, optimiser_state, env_state, episodes.after_an_update())
        return after, learning_metrics(terms, gradient) | episodes.metrics()
