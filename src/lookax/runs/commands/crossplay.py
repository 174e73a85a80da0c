"""Agents of different runs and files in games with each other, and with fixed strategies."""

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from lookax.errors import BadInputError, check, check_at_least
from lookax.evaluation.against import read_opponents
from lookax.evaluation.crossplay import cross_scores, independent, pairings
from lookax.experiments.reports.agents import Cell, crossplay_table, draw_crossplay
from lookax.experiments.studies.study import AGAINST, GameStudy
from lookax.games.game import Game, Policies
from lookax.policies.published.agent_files import is_agent_file
from lookax.policies.published.seats import PolicyWithView, view_of
from lookax.policies.strategies import strategy, strategy_names
from lookax.runs.commands import terminal
from lookax.runs.commands.listing import distinct_names
from lookax.runs.programs.saved import Saved, read_players
from lookax.runs.storage.config import differing

WRITTEN_BY = "lookax crossplay"


@dataclasses.dataclass(frozen=True)
class Side:
    """Who takes part: the agents of a run, a group of agents of a file, or a fixed strategy.

    **Attributes:** its `name`; its policies, one per seat, arrays `[seeds, …]`; how many `seeds`, `None` for a
    strategy; the random one of the first.
    """

    name: str
    policies: Policies
    seeds: int | None = None
    first_seed: int = 0

    def taken(self, places: np.ndarray) -> Policies:
        """Policies of all seats, of seeds at these places."""
        if self.seeds is None:
            return jax.tree.map(lambda leaf: _repeated(leaf, len(places)), tuple(self.policies))
        return jax.tree.map(lambda leaf: leaf[places], tuple(self.policies))


@dataclasses.dataclass(frozen=True)
class Met:
    """What came of matches of one side in the first seat with another, or itself, in all other ones.

    **Attributes:** `pairs` of seeds' places, `[pairings, 2]`; all players' `scores`, `[pairings, N]`; the `cell`.
    """

    pairs: np.ndarray
    scores: np.ndarray
    cell: Cell


@dataclasses.dataclass(frozen=True)
class CrossPlay:
    """What came of all matches.

    **Attributes:** the runs with what they have `saved`; the `rules` of the game; the `sides`; what has come of it, in
    rows by who sat in the first seat; how many `games` a pairing played; of sides that came from `files`, which.
    """

    saved: Sequence[Saved]
    rules: Mapping[str, Any]
    sides: Sequence[Side]
    met: Sequence[Sequence[Met]]
    games: int
    files: Mapping[str, Path] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Of the sides."""
        return [side.name for side in self.sides]

    @property
    def cells(self) -> list[list[Cell]]:
        """Means and intervals."""
        return [[met.cell for met in row] for row in self.met]

    def notes(self) -> list[str]:
        """What the table has to say besides."""
        own = "A side meets itself with agents of seeds s and s + 1, never with the partner that one has learned with"
        if alone := [side.name for side in self.sides if side.seeds == 1]:
            own += f" (of {', '.join(alone)} there is a single seed: there, with that partner)"
        return [
            "Mean reward per step of the one in the first seat, means over pairs of seeds ± half of the 95 % interval; "
            f"{self.games} games a pair.",
            f"{own}.",
        ]

    def content(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        runs = [
            {
                "name": side.name,
                "folder": str(saved.run.folder.path),
                "update": saved.update,
                "seeds": list(saved.seeds),
            }
            for side, saved in zip(self.sides, self.saved, strict=False)
        ]
        return {
            "written_by": WRITTEN_BY,
            "rules": self.rules,
            "games": self.games,
            "runs": runs,
            "files": [
                {
                    "name": side.name,
                    "file": str(self.files[side.name]),
                    "seeds": [side.first_seed + seed for seed in range(side.seeds or 0)],
                }
                for side in self.sides
                if side.name in self.files
            ],
            "matches": [
                _match(first, second, met)
                for first, row in zip(self.sides, self.met, strict=True)
                for second, met in zip(self.sides, row, strict=True)
            ],
        }


def crossplay(paths: Sequence[Path], games: int) -> CrossPlay:
    """All runs in folders, with their newest sound checkpoints, in games with each other and with fixed strategies.

    Agents in files of arrays take part, too: each of their groups is a side, and its agents are its seeds. All
    players see a coin game as they did when they learned.

    **Arguments:** `paths`, folders of runs and files of agents, at least one folder; `games`, how many each pairing
    plays.

    **Raises:** `ValueError` if a path is named twice or a folder has no checkpoint, players do not meet in sampled
    games, do not play the same game, or do not fit it.
    """
    check_at_least("games", games, 1)
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
    with jax.enable_x64(study.precision == "float64"):
        game = study.game()
        names = [name for name in AGAINST if name in strategy_names(game)]
        sides = [
            Side(name, _with_own_views(other, own.state), own.run.settings.seeds, own.seeds[0])
            for name, (own, other) in zip(distinct_names([own.run for own in saved]), read, strict=True)
        ]
        files: dict[str, Path] = {}
        for path in paths:
            if is_agent_file(path):
                for side in agent_sides(path, game, taken=[*names, *(side.name for side in sides)]):
                    sides.append(side)
                    files[side.name] = path
        sides += [Side(name, tuple(strategy(name, game, seat) for seat in range(game.num_players))) for name in names]
        # A program for each two kinds of policies: runs of networks of the same sizes share theirs.
        play = eqx.filter_jit(functools.partial(cross_scores, game, horizon=study.settings.horizon, batch_size=games))

        def met(first: Side, second: Side) -> Met:
            pairs = pairings(first.seeds, second.seeds, itself=first is second)
            keys = jax.random.split(jax.random.key(0), len(pairs))
            scores = np.asarray(play(first.taken(pairs[:, 0])[0], second.taken(pairs[:, 1])[1:], keys))
            return Met(pairs, scores, Cell.of(independent(scores, first.seeds, second.seeds)))

        matches = [[met(first, second) for second in sides] for first in sides]
        return CrossPlay(saved, study.rules(), sides, matches, games, files)


def agent_sides(path: Path, game: Game, taken: Sequence[str]) -> list[Side]:
    """The groups of agents in a file, each a side, for a game, which all of them have to fit.

    **Arguments:** the file's `path`; the `game`; the names that are `taken`: a group of
    such a name is called after its file as well.

    **Raises:** `ValueError` for a file that is none, and agents that do not fit.
    """
    sides = []
    for name, group in read_opponents(path, game).items():
        told_apart = f"{path}:{name}" if name in taken else name
        sides.append(Side(told_apart, (group.policy,) * game.num_players, len(group.numbers), group.numbers[0]))
    return sides


def run_crossplay(paths: Sequence[Path], games: int, out: Path) -> None:
    """Has them play, prints what comes of it, draws it, and writes every number beside the drawing.

    **Arguments:** `paths`, folders of runs and files of agents; `games`, how many each pairing plays; `out`, the
    drawing's file, a .png.
    """
    file = _numbers_beside(out)
    result = crossplay(paths, games)
    terminal.print_table(crossplay_table(result.names, result.cells, result.notes()))
    title = f"Cross-play, {result.rules.get('game', 'own payoffs')}, {result.rules['horizon']} steps"
    try:
        file.write_text(json.dumps(result.content(), indent=1) + "\n")
        draw_crossplay(title, result.names, result.cells).savefig(out, dpi=150)
    except OSError as reason:
        raise BadInputError(f"out: {str(out)!r} cannot be written ({reason.strerror})") from None
    terminal.say(f"drawn in {out}, every number in {file}")


def _repeated(leaf: Any, number: int) -> Any:
    return np.repeat(np.asarray(leaf)[None], number, axis=0) if eqx.is_array(leaf) else leaf


def _with_own_views(study: GameStudy, state: Any) -> Policies:
    """A run's policies, which see a coin game as they did when they learned."""
    view = view_of(study.game())
    policies = study.policies(state)
    return policies if view is None else tuple(PolicyWithView(policy, view) for policy in policies)


def _check_same_game(ours: Mapping[str, Any], path: Path, theirs: Mapping[str, Any], other: Path) -> None:
    for name, (own, its) in differing(ours, theirs).items():
        raise BadInputError(
            f"{name}: {own!r} in {str(path)!r} and {its!r} in {str(other)!r}; runs must play the same game"
        )


def _numbers_beside(out: Path) -> Path:
    """The file of numbers beside a drawing.

    **Raises:** `ValueError` if there are files of these names that this command has not written.
    """
    check(out.suffix == ".png", "out", str(out), "a file whose name ends in .png")
    check(out.parent.is_dir(), "out", str(out), "a file in a folder that exists")
    file = out.with_suffix(".json")
    for existing in (out, file):
        check(not existing.exists() or _is_ours(file), "out", str(existing), "new, or written by `lookax crossplay`")
    return file


def _is_ours(file: Path) -> bool:
    try:
        return json.loads(file.read_text())["written_by"] == WRITTEN_BY
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _match(first: Side, second: Side, met: Met) -> dict[str, Any]:
    halves = [float(half) if np.isfinite(half) else None for half in met.cell.halves]
    seeds = [
        [
            None if side.seeds is None else side.first_seed + int(place)
            for side, place in zip((first, second), pair, strict=True)
        ]
        for pair in met.pairs
    ]
    return {
        "first": first.name,
        "second": second.name,
        "rewards": met.cell.means.tolist(),
        "half_widths": halves,
        "seeds": seeds,
        "rewards_by_pair": met.scores.tolist(),
    }
