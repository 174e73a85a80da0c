"""Opponent shaping with exact values: a matrix game, policies, a learner, and how long to learn."""

import dataclasses
from typing import Any, ClassVar, Literal

from jaxtyping import Array, Key

from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.studies.exact_learners import learner_of
from lookax.experiments.studies.repeated_game import RepeatedGameStudy, quantities
from lookax.games.exact_play import ExactPlay
from lookax.learners.learner import Metrics
from lookax.learners.simultaneous import PlayersState


@dataclasses.dataclass(frozen=True)
class ExactShapingStudy(RepeatedGameStudy):
    """Opponent shaping with exact values in a repeated matrix game."""

    settings: ExactShaping

    precision: ClassVar[Literal["float32", "float64"]] = "float64"
    settings_in_lanes: ClassVar[bool] = True
    spreads_games: ClassVar[bool] = False

    def validate(self) -> None:
        """Raises `ValueError` besides for a learner of one's own that cannot be made."""
        super().validate()
        self._learner()

    def play(self) -> ExactPlay:
        """The game, with its observations, discount and horizon."""
        return self.exact_play(self.settings.horizon)

    def init(self, key: Key[Array, ""]) -> PlayersState:
        """The learner's first state."""
        return self._learner().init(key)

    def update(self, key: Key[Array, ""], state: PlayersState) -> tuple[PlayersState, Metrics]:
        """The learner's next state, and its metrics."""
        return self._learner().update(key, state)

    def evaluate(self, key: Key[Array, ""], state: PlayersState) -> Metrics:
        """All players' returns and cooperation, and who plays tit-for-tat; nothing is drawn."""
        del key
        return quantities(self.play(), state.policies)

    def _learner(self) -> Any:
        return learner_of(self.settings.algorithm, self.play(), self.policy_maker(), self.draw_policies)
