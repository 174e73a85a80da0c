"""A repeated matrix game and the policies that play it, which all studies of such games share."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Key

from lookax.evaluation.tit_for_tat import is_tit_for_tat
from lookax.experiments.settings.repeated_game import RepeatedGame
from lookax.experiments.studies.matrix_games import matrix_game_of
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.games.matrix_game import MatrixGame
from lookax.learners.learner import Metrics
from lookax.policies.factory import PolicyMaker
from lookax.policies.policy_files import read_policies, write_policies


@dataclasses.dataclass(frozen=True)
class RepeatedGameStudy:
    """A matrix game that is played again and again, and the policies that learn in it."""

    settings: RepeatedGame

    def validate(self) -> None:
        """Raises `ValueError` for a game of too many states, and for first policies that cannot be made or read."""
        jax.eval_shape(self.draw_policies, jax.random.key(0))

    def matrix_game(self) -> MatrixGame:
        """The game."""
        settings = self.settings
        return matrix_game_of(
            settings, settings.memory_length, settings.start, settings.num_players, scaled=settings.scaled
        )

    def policy_maker(self) -> PolicyMaker:
        """What makes policies for it."""
        return PolicyMaker(
            self.matrix_game(),
            self.settings.policy,
            self.settings.standard_deviation,
            self.settings.hidden_sizes,
            self.settings.activation,
            self.settings.initialiser,
        )

    def exact_play(self, horizon: int | None) -> ExactPlay:
        """The game, with its observations and discount."""
        return ExactPlay(self.matrix_game(), self.policy_maker().observations(), self.settings.discount, horizon)

    def draw_policies(self, key: Key[Array, ""]) -> Policies:
        """All players' first policies."""
        if self.settings.initial_policies is not None:
            return read_policies(_located(self.settings.initial_policies), self.policy_maker())
        return self.policy_maker().initial(key)

    def describe(self, state: Any) -> dict[str, Any]:
        """A state's policies, as `initial_policies` takes them."""
        return write_policies(state.policies)


def _located(path: Path) -> Path:
    """Where a file is: of lookax's own, settings hold the name alone, wherever lookax is installed."""
    name = str(path).removeprefix("lookax:")
    return path if name == str(path) else Path(__file__).parents[1] / "figures" / "data" / name


def quantities(play: ExactPlay, policies: Policies) -> Metrics:
    """All players' `returns` `[N]`, `cooperation` P(C | state) `[N, S]` in its own view, and `tit_for_tat`."""
    returns = play.values(policies)
    cooperation = play.cooperation(policies)
    return {
        "returns": returns,
        "cooperation": cooperation,
        "tit_for_tat": is_tit_for_tat(play, returns, cooperation),
    }
