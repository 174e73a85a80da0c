"""Who takes part in games between agents: those that runs have saved, those in files, and fixed strategies."""

import contextlib
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax

from lookax.errors import BadInputError
from lookax.evaluation.against import read_opponents
from lookax.evaluation.sides import Side
from lookax.experiments.studies.study import AGAINST, GameStudy
from lookax.games.game import Game, Policies
from lookax.policies.published.agent_files import is_agent_file
from lookax.policies.published.seats import PolicyWithView, view_of
from lookax.policies.strategies import strategies, strategy_names
from lookax.runs.programs.saved import Saved, read_players
from lookax.runs.storage.config import differing
from lookax.runs.storage.run import distinct_names


@dataclasses.dataclass(frozen=True)
class Sides:
    """Who takes part, and in what.

    **Attributes:** the `study` of the first run, whose game is played; what runs have `saved`; the `sides`: these runs'
    agents in the same order, then agents of files, then fixed strategies; which files sides come from: `sources`.
    """

    study: GameStudy
    saved: Sequence[Saved]
    sides: Sequence[Side]
    sources: Mapping[str, Path]

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

    def files(self) -> list[dict[str, Any]]:
        """Which sides come from files, as JSON can hold it."""
        return [
            {
                "name": side.name,
                "file": str(self.sources[side.name]),
                "seeds": list(range(side.first_seed, side.first_seed + side.number)),
            }
            for side in self.sides
            if side.name in self.sources
        ]


def read_sides(paths: Sequence[Path]) -> Sides:
    """Runs in folders, with their newest sound checkpoints, agents in files, and the strategies that they all meet.

    Each group of agents in a file is a side, and its agents are its seeds. All players see a coin game as they did when
    they learned.

    **Raises:** `ValueError` if a path is named twice or none is a folder, a folder has no checkpoint, players do not
    meet in sampled games, do not play the same game, or do not fit it.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise BadInputError("the same folder or file is named twice; a run meets itself in any case")
    folders = [path for path in paths if not is_agent_file(path)]
    if not folders:
        raise BadInputError("the folder of a run is missing; it says which game the agents of files play")
    read = [read_players(path, None) for path in folders]
    saved = [each for each, _ in read]
    study = read[0][1]
    for path, (_, other) in zip(folders[1:], read[1:], strict=True):
        _check_same_game(study.rules(), folders[0], other.rules(), path)
    with _precision(study):
        game = study.game()
        against = [name for name in AGAINST if name in strategy_names(game)]
        names = distinct_names([own.run for own in saved])
        sides = [
            Side(name, _with_own_views(other, own.state), own.run.settings.seeds, own.seeds[0])
            for name, (own, other) in zip(names, read, strict=True)
        ]
        sources: dict[str, Path] = {}
        for path in filter(is_agent_file, paths):
            for side in _sides_of_file(path, game, taken=[*against, *(side.name for side in sides)]):
                sides.append(side)
                sources[side.name] = path
        by_seat = [strategies(against, game, seat) for seat in range(game.num_players)]
        sides += [Side(name, tuple(policies)) for name, *policies in zip(against, *by_seat, strict=True)]
    return Sides(study, saved, sides, sources)


def _sides_of_file(path: Path, game: Game, taken: Sequence[str]) -> list[Side]:
    """The groups of agents in a file; a group whose name is taken is called after its file as well."""
    sides = []
    for name, group in read_opponents(path, game).items():
        told_apart = f"{path}:{name}" if name in taken else name
        sides.append(Side(told_apart, (group.policy,) * game.num_players, len(group.numbers), group.numbers[0]))
    return sides


def _with_own_views(study: GameStudy, state: Any) -> Policies:
    """A run's policies, which see a coin game as they did when they learned."""
    view = view_of(study.game())
    policies = study.policies(state)
    return policies if view is None else tuple(PolicyWithView(policy, view) for policy in policies)


@contextlib.contextmanager
def _precision(study: GameStudy):
    with jax.enable_x64(study.precision == "float64"):
        yield


def _check_same_game(ours: Mapping[str, Any], path: Path, theirs: Mapping[str, Any], other: Path) -> None:
    for name, (own, its) in differing(ours, theirs).items():
        raise BadInputError(
            f"{name}: {own!r} in {str(path)!r} and {its!r} in {str(other)!r}; runs must play the same game"
        )
