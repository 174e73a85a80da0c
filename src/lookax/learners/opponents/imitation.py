"""Models of opponents learned from play: what they do is imitated, what they expect is learned from their rewards."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from lookax.errors import check_at_least
from lookax.games.rotated_seats import RotatedSeats, seats_after
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives, observe
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.policies.actor import actors_of
from lookax.rollouts.games import Games
from lookax.rollouts.microbatches import Play


class Imitation(eqx.Module):
    """Fits a model of each opponent to games with them, batch after batch.

        θ̂ⱼ ← θ̂ⱼ + u(∇ mean log π_θ̂ⱼ(aⱼ|history)),    its critic likewise up −Σ (return − V)² of that one's rewards,

    with a few steps on each batch. Actions and rewards are seen, parameters are not (Zhao et al. 2022, POLA-OM).

    **Attributes:**

    - `play`: how games are played.
    - `objectives`: whose critic's is used.
    - `optimiser`, `critic_optimiser`: of a model; they start afresh at every update.
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

    def rotated(self, shift: Int[Array, ""]) -> "Imitation":
        """The same in a [`RotatedSeats`][lookax.games.rotated_seats.RotatedSeats] game."""
        return dataclasses.replace(self, play=dataclasses.replace(self.play, game=RotatedSeats(self.play.game, shift)))

    def fit(
        self, key: Key[Array, ""], player: int, agents: tuple[Agent, ...], models: tuple[Agent, ...]
    ) -> tuple[tuple[Agent, ...], Float[Array, ""]]:
        """A player's models of the others, after games of all; and their mean cross-entropy on the last batch.

        **Arguments:**

        - `key`: where games are drawn from.
        - `player`: who models the others, from 0.
        - `agents`: of all players, who play the games.
        - `models`: where the fit starts, agents in the others' places, those after the player first.
        """
        seats = seats_after(player, len(agents))

        def batch(carry, key):
            games = self.play(actors_of(self.play.game, [agent.policy for agent in agents]), key)

            def step(carry, _):
                pairs = zip(seats, carry, strict=True)
                after = [self._step(seat, model, states, games) for seat, (model, states) in pairs]
                return tuple((model, states) for model, states, _ in after), jnp.stack([loss for *_, loss in after])

            carry, losses = jax.lax.scan(step, carry, length=self.steps)
            return carry, losses[-1].mean()

        start = tuple(
            (own, (self.optimiser.init(own.policy), self.critic_optimiser.init(own.critic))) for own in models
        )
        after, losses = jax.lax.scan(batch, start, jax.random.split(key, self.batches))
        return tuple(model for model, _ in after), losses[-1]

    def _step(
        self, seat: int, model: Agent, states: tuple[PyTree, PyTree], games: Games
    ) -> tuple[Agent, tuple[PyTree, PyTree], Float[Array, ""]]:
        """The model of a seat after a step, its optimisers' states, and its cross-entropy before."""
        game, policy_state, critic_state = self.play.game, *states
        values = model.values()
        critic = None if values is None else values.actor(game, seat)
        observed = observe(games, model=model.policy.actor(game, seat), critic=critic)

        def likelihood(policy: Any) -> Float[Array, ""]:
            return self.objectives.likelihood(policy.actor(game, seat), seat, "model", observed)

        value, gradient = jax.value_and_grad(likelihood)(model.policy)
        improved, policy_state = ascent_step(gradient, model.policy, policy_state, self.optimiser)
        if model.critic is None:
            return Agent(improved, None), (policy_state, critic_state), -value

        def accuracy(critic: Any) -> Float[Array, ""]:
            values = Agent(model.policy, critic).values()
            assert values is not None
            return self.objectives.critic(values.actor(game, seat), seat, observed)

        gradient = jax.grad(accuracy)(model.critic)
        learned, critic_state = ascent_step(gradient, model.critic, critic_state, self.critic_optimiser)
        return Agent(improved, learned), (policy_state, critic_state), -value
