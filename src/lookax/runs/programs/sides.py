"""Who takes part in games between agents: those that runs have saved, and fixed strategies."""

import contextlib
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax

from lookax.errors import BadInputError
from lookax.evaluation.sides import Side
from lookax.experiments.studies.study import AGAINST, GameStudy
from lookax.games.game import Game
from lookax.policies.strategies import strategies, strategy_names
from lookax.runs.programs.saved import Saved, read_players
from lookax.runs.storage.config import differing
from lookax.runs.storage.run import distinct_names


@dataclasses.dataclass(frozen=True)
class Sides:
    """Who takes part, and in what.

    **Attributes:** the `study` of the first run, whose game is played; what runs have `saved`; the `sides`: these runs'
    agents in the same order, then fixed strategies.
    """

    study: GameStudy
    saved: Sequence[Saved]
    sides: Sequence[Side]

    @property
    def rules(self) -> Mapping[str, Any]:
        """What is played and for how long, by name."""
        return self.study.rules()

    @functools.cached_property
    def game(self) -> Game:
        """What is played."""
        with self.precision():
            return self.study.game()

    @property
    def horizon(self) -> int:
        """The number of steps of a game."""
        return self.rules["horizon"]

    @property
    def title(self) -> str:
        """What is played, in words."""
        return f"{self.rules.get('game', 'own payoffs')}, {self.horizon} steps"

    def precision(self) -> AbstractContextManager[None]:
        """Within, everything is computed as in the runs."""
        return _precision(self.study)

    def runs(self) -> list[dict[str, Any]]:
        """Which runs there are, as JSON can hold it."""
        return [
            {
                "name": side.name,
                "folder": str(saved.run.folder.path),
                "update": saved.update,
                "seeds": list(saved.seeds),
            }
            for side, saved in zip(self.sides, self.saved, strict=False)
        ]


def read_sides(paths: Sequence[Path]) -> Sides:
    """All runs in folders, with their newest sound checkpoints, and the strategies that agents are evaluated against.

    **Raises:** `ValueError` if a folder is named twice or has no checkpoint, players do not meet in sampled games, or
    do not play the same game.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise BadInputError("the same folder is named twice; a run meets itself in any case")
    read = [read_players(path, None) for path in paths]
    saved = [each for each, _ in read]
    study = read[0][1]
    for path, (_, other) in zip(paths[1:], read[1:], strict=True):
        _check_same_game(study.rules(), paths[0], other.rules(), path)
    with _precision(study):
        game = study.game()
        names = distinct_names([own.run for own in saved])
        sides = [
            Side(name, other.policies(own.state), own.run.settings.seeds, own.seeds[0])
            for name, (own, other) in zip(names, read, strict=True)
        ]
        against = [name for name in AGAINST if name in strategy_names(game)]
        by_seat = [strategies(against, game, seat) for seat in range(game.num_players)]
        sides += [Side(name, tuple(policies)) for name, *policies in zip(against, *by_seat, strict=True)]
    return Sides(study, saved, sides)


@contextlib.contextmanager
def _precision(study: GameStudy):
    with jax.enable_x64(study.precision == "float64"):
        yield


def _check_same_game(ours: Mapping[str, Any], path: Path, theirs: Mapping[str, Any], other: Path) -> None:
    for name, (own, its) in differing(ours, theirs).items():
        raise BadInputError(
            f"{name}: {own!r} in {str(path)!r} and {its!r} in {str(other)!r}; runs must play the same game"
        )
