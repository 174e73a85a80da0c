"""Naive learning: every player maximises its own return as if no other player learned."""

import dataclasses

import equinox as eqx
from jaxtyping import Array, Key

from lookax.games.differentiable import DifferentiableGame
from lookax.learners.learner import Metrics
from lookax.learners.simultaneous import Initial, PlayersState, simultaneous_step
from lookax.lookahead.optimiser import Optimiser, as_optimiser


class Naive(eqx.Module):
    """Simultaneous gradient ascent, θᵢ ← θᵢ + α ∇ᵢVᵢ(θ) for all players i at once.

    **Attributes:**

    - `game`: whose values are differentiated.
    - `initial`: the first policies of all players, from a random key.
    - `optimiser`: of every player's policy.
    """

    _: dataclasses.KW_ONLY
    game: DifferentiableGame
    initial: Initial = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(converter=as_optimiser)

    def init(self, key: Key[Array, ""]) -> PlayersState:
        """First policies and optimiser states."""
        policies = self.initial(key)
        return PlayersState(policies, tuple(map(self.optimiser.init, policies)))

    def update(self, key: Key[Array, ""], state: PlayersState) -> tuple[PlayersState, Metrics]:
        """One step of every player; metrics `returns` and `gradient_norm`, `[N]`."""
        del key
        policies = state.policies
        objectives = [
            lambda mine, i=i: self.game.values((*policies[:i], mine, *policies[i + 1 :]))[i]
            for i in range(self.game.num_players)
        ]
        state, metrics = simultaneous_step(objectives, state, self.optimiser)
        return state, {"returns": self.game.values(policies)} | metrics
