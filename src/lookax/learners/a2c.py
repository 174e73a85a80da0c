"""Advantage actor-critic (A2C, Mnih et al. 2016): acts for a few steps, and makes one update with them."""

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Key, PyTree

from lookax.errors import check_at_least
from lookax.games.arcade.environment import Environment
from lookax.learners.objectives.actor_critic import Coefficients, learning_metrics, objective, parts
from lookax.learners.state import Metrics
from lookax.lookahead.ascent import ascent_step
from lookax.policies.convolutional import ActorCritic
from lookax.rollouts.environments import Place, act, first_place
from lookax.rollouts.episodes import Episodes, no_episodes


class A2CState(eqx.Module):
    """The `network` and its optimiser's state; where acting goes on; `episodes` that ended."""

    network: ActorCritic
    optimiser_state: PyTree
    place: Place
    episodes: Episodes


class A2C(eqx.Module):
    """θ += optimiser(∇J(θ; τ)), with J an actor-critic's objective and τ a rollout of θ.

    J is [`lookax.learners.objectives.actor_critic.objective`][].

    **Attributes:** the `environment`, of which `batch_size` play at once, `steps` T a rollout; the `coefficients` of J;
    the `optimiser`.

    **Raises:** `ValueError` for numbers out of range.
    """

    environment: Environment = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    coefficients: Coefficients
    optimiser: optax.GradientTransformation

    def __check_init__(self):
        for name in ("batch_size", "steps"):
            check_at_least(name, getattr(self, name), 1)

    def init(self, key: Key[Array, ""], network: ActorCritic) -> A2CState:
        """A fresh network's first state."""
        learned: PyTree = network
        place = first_place(self.environment, key, self.batch_size)
        return A2CState(network, self.optimiser.init(learned), place, no_episodes())

    def update(self, key: Key[Array, ""], state: A2CState) -> tuple[A2CState, Metrics]:
        """A rollout, and an update with it."""
        own = self.coefficients
        place, rollout, finished = act(self.environment, state.network, state.place, key, self.steps)

        def judged(network: ActorCritic):
            seen = parts(network, rollout, own, own.discount)
            return objective(seen, own), seen

        slope, seen = jax.grad(judged, has_aux=True)(state.network)
        network, optimiser_state = ascent_step(slope, state.network, state.optimiser_state, self.optimiser)
        episodes = state.episodes.with_more(finished)
        after = A2CState(network, optimiser_state, place, episodes.after_an_update())
        return after, learning_metrics(seen, slope) | episodes.metrics()
