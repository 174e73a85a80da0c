"""Models of opponents learned from play: what they do is imitated, what they expect is learned from their rewards."""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Key

from lookax.errors import check_at_least
from lookax.games.swapped_seats import SwappedSeats
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives, observe
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.policies.actor import actors_of
from lookax.rollouts.microbatches import Play


class Imitation(eqx.Module):
    """Fits a model of the opponent to games with it, batch after batch.

        θ̂ ← θ̂ + u(∇ mean log π_θ̂(aⱼ|history)),    the critic likewise up −Σ (return − V)² of the opponent's rewards,

    with a few steps on each batch. Actions and rewards are seen, parameters are not (Zhao et al. 2022, POLA-OM).

    **Attributes:**

    - `play`: how games are played.
    - `objectives`: whose critic's is used.
    - `optimiser`, `critic_optimiser`: of the model; they start afresh at every update.
    - `batches`: of games, in an update.
    - `steps`: on each batch.

    **Raises:** `ValueError` for numbers below 1.
    """

    _: dataclasses.KW_ONLY
    play: Play
    objectives: SampledObjectives
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    critic_optimiser: Optimiser = eqx.field(converter=as_optimiser)
    batches: int = eqx.field(static=True)
    steps: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_at_least("batches", self.batches, 1)
        check_at_least("steps", self.steps, 1)

    def swapped(self, swapped: Bool[Array, ""]) -> "Imitation":
        """The same in a [`SwappedSeats`][lookax.games.swapped_seats.SwappedSeats] game."""
        return dataclasses.replace(
            self, play=dataclasses.replace(self.play, game=SwappedSeats(self.play.game, swapped))
        )

    def fit(
        self, key: Key[Array, ""], player: int, agents: tuple[Agent, Agent], model: Agent
    ) -> tuple[Agent, Float[Array, ""]]:
        """A player's model of the other, after games of both; and its cross-entropy on the last batch.

        **Arguments:**

        - `key`: where games are drawn from.
        - `player`: who models the other, from 0.
        - `agents`: of both players, who play the games.
        - `model`: where the fit starts, an agent in the other's place.
        """
        they, game = 1 - player, self.play.game

        def step(carry, games):
            model, states = carry
            policy = model.policy.actor(game, they)
            values = model.values()
            observed = observe(games, model=policy, critic=None if values is None else values.actor(game, they))

            def likelihood(policy):
                return self.objectives.likelihood(policy.actor(game, they), they, "model", observed)

            value, gradient = jax.value_and_grad(likelihood)(model.policy)
            improved, policy_state = ascent_step(gradient, model.policy, states[0], self.optimiser)
            if model.critic is None:
                return (Agent(improved, None), (policy_state, states[1])), -value

            def accuracy(critic):
                values = Agent(model.policy, critic).values()
                assert values is not None
                return self.objectives.critic(values.actor(game, they), they, observed)

            gradient = jax.grad(accuracy)(model.critic)
            critic, critic_state = ascent_step(gradient, model.critic, states[1], self.critic_optimiser)
            return (Agent(improved, critic), (policy_state, critic_state)), -value

        def batch(carry, key):
            games = self.play(actors_of(game, [agent.policy for agent in agents]), key)
            carry, losses = jax.lax.scan(lambda carry, _: step(carry, games), carry, length=self.steps)
            return carry, losses[-1]

        start = model, (self.optimiser.init(model.policy), self.critic_optimiser.init(model.critic))
        (model, _), losses = jax.lax.scan(batch, start, jax.random.split(key, self.batches))
        return model, losses[-1]
