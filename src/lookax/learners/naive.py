"""Naive learning: every player climbs its own return as if nobody else were learning."""

import dataclasses

import optax
from jaxtyping import Array, Key

from lookax.games.exact_play import ExactPlay
from lookax.learners.state import Initial, LearnerState, Metrics, simultaneous_step


@dataclasses.dataclass(frozen=True)
class Naive:
    """Simultaneous gradient ascent, θᵢ ← θᵢ + α ∇ᵢVᵢ(θ) for all players i at once.

    **Attributes:** the `play`; everybody's `initial` policies; the `optimiser`.
    """

    play: ExactPlay
    initial: Initial
    optimiser: optax.GradientTransformation

    def init(self, key: Key[Array, ""]) -> LearnerState:
        """Everybody's first policies and optimiser states."""
        policies = self.initial(key)
        return LearnerState(policies, tuple(map(self.optimiser.init, policies)))

    def update(self, key: Key[Array, ""], state: LearnerState) -> tuple[LearnerState, Metrics]:
        """One step of everybody; no metrics."""
        del key
        everybody = state.policies
        objectives = [
            lambda mine, i=i: self.play.values((*everybody[:i], mine, *everybody[i + 1 :]))[i]
            for i in range(self.play.num_players)
        ]
        return simultaneous_step(objectives, state, self.optimiser), {}
