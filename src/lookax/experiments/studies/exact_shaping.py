"""Opponent shaping with exact values: a matrix game, policies, a learner, and how long to learn."""

import dataclasses
from typing import Any, ClassVar, Literal

from jaxtyping import Array, Key

from lookax.errors import BadInputError
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.studies.exact_learners import learner_of
from lookax.experiments.studies.repeated_game import RepeatedGameStudy, quantities
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.learners.learner import Metrics
from lookax.learners.lola import LOLA
from lookax.learners.pola import POLA
from lookax.learners.simultaneous import PlayersState, beliefs


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
        self.learner()

    def play(self) -> ExactPlay:
        """The game, with its observations, discount and horizon."""
        return self.exact_play(self.settings.horizon)

    def init(self, key: Key[Array, ""]) -> PlayersState:
        """The learner's first state."""
        return self.learner().init(key)

    def update(self, key: Key[Array, ""], state: PlayersState) -> tuple[PlayersState, Metrics]:
        """The learner's next state, and its metrics."""
        return self.learner().update(key, state)

    def evaluate(self, key: Key[Array, ""], state: PlayersState) -> Metrics:
        """All players' returns and cooperation, and who plays tit-for-tat; nothing is drawn."""
        del key
        return quantities(self.play(), state.policies)

    def opponents_ahead(self, key: Key[Array, ""], state: PlayersState, player: int) -> tuple[Policies, Policies]:
        """As [`LookingAheadStudy`][lookax.experiments.studies.study.LookingAheadStudy] says; nothing is drawn.

        **Arguments:** the `key` of whatever is sampled; the learner's `state`; the `player`, from 0.
        """
        del key
        learner = self.learner()
        if not isinstance(learner, LOLA | POLA):
            raise BadInputError(f"a {type(learner).__name__} learner looks ahead through no step of its opponents")
        game, start = beliefs(learner.opponent_model, learner.game, state)[0][player]
        theirs = learner.shaping.look_ahead(game, player, state.policies[player], start)
        return start, (*theirs[:player], state.policies[player], *theirs[player:])

    def learner(self) -> Any:
        """The learner that these settings describe."""
        return learner_of(self.settings.algorithm, self.play(), self.policy_maker(), self.draw_policies)
