"""Opponent shaping with exact values: a matrix game, policies, a learner, and how long to learn."""

import dataclasses
from typing import ClassVar

from lookax.errors import check, check_at_least
from lookax.experiments.settings.exact_learners import Algorithm
from lookax.experiments.settings.repeated_game import RepeatedGame


@dataclasses.dataclass(frozen=True)
class ExactShaping(RepeatedGame):
    """Opponent shaping with exact values in a repeated matrix game."""

    algorithm: Algorithm
    """Who learns how."""
    horizon: int | None = None
    """Number of steps of a game; None for infinitely many."""

    study: ClassVar[str] = "lookax.experiments.studies.exact_shaping:ExactShapingStudy"

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        super().validate()
        if self.horizon is None:
            check(self.discount < 1, "discount", self.discount, "less than 1 where the horizon is infinite")
        else:
            check_at_least("horizon", self.horizon, 1)
            check(self.horizon <= 10**6, "horizon", self.horizon, "at most 1000000")
        self.algorithm.validate()
