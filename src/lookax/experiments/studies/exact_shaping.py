"""Opponent shaping with exact values: a matrix game, policies, a learner, and how long to learn."""

import dataclasses
from typing import ClassVar, Literal

from jaxtyping import Array, Key

from lookax.errors import check, check_at_least
from lookax.experiments.settings import settings
from lookax.experiments.studies.algorithms import Algorithm
from lookax.experiments.studies.repeated_game import RepeatedGame, quantities
from lookax.games.exact_play import ExactPlay
from lookax.learners.learner import Metrics
from lookax.learners.lola import LOLA
from lookax.learners.naive import Naive
from lookax.learners.pola import POLA
from lookax.learners.simultaneous import PlayersState


@settings
@dataclasses.dataclass(frozen=True)
class ExactShaping(RepeatedGame):
    """An experiment with exact values in a repeated matrix game."""

    algorithm: Algorithm
    """Who learns how."""
    horizon: int | None = None
    """Number of steps of a game; None for infinitely many."""

    precision: ClassVar[Literal["float32", "float64"]] = "float64"
    settings_in_lanes: ClassVar[bool] = True
    spreads_games: ClassVar[bool] = False
    updates_in_loops: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        super().validate()
        if self.horizon is None:
            check(self.discount < 1, "discount", self.discount, "less than 1 where the horizon is infinite")
        else:
            check_at_least("horizon", self.horizon, 1)
            check(self.horizon <= 10**6, "horizon", self.horizon, "at most 1000000")
        self.algorithm.validate()

    def play(self) -> ExactPlay:
        """The game, with its observations, discount and horizon."""
        return self.exact_play(self.horizon)

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

    def _learner(self) -> Naive | LOLA | POLA:
        return self.algorithm.learner(self.play(), self.policy_maker(), self.draw_policies)
