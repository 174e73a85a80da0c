"""Agents of different runs and files in games with each other, and with fixed strategies."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from lookax.errors import check, check_at_least
from lookax.evaluation.crossplay import cross_scores, independent, pairings
from lookax.evaluation.sides import Side
from lookax.experiments.reports.agents import Cell, crossplay_table, draw_crossplay
from lookax.runs.commands import terminal
from lookax.runs.programs.sides import Sides, read_sides
from lookax.runs.storage.numbers import Numbers, writing

WRITTEN_BY = "lookax crossplay"


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

    **Attributes:** who took `part`; what has come of it, `met`, in rows by who sat in the first seat; how many `games`
    a pairing played.
    """

    part: Sides
    met: Sequence[Sequence[Met]]
    games: int

    @property
    def names(self) -> list[str]:
        """Of the sides."""
        return [side.name for side in self.part.sides]

    @property
    def cells(self) -> list[list[Cell]]:
        """Means and intervals."""
        return [[met.cell for met in row] for row in self.met]

    def notes(self) -> list[str]:
        """What the table has to say besides."""
        own = "A side meets itself with agents of seeds s and s + 1, never with the partner that one has learned with"
        if alone := [side.name for side in self.part.sides if side.seeds == 1]:
            own += f" (of {', '.join(alone)} there is a single seed: there, with that partner)"
        return [
            "Mean reward per step of the one in the first seat, means over pairs of seeds ± half of the 95 % interval; "
            f"{self.games} games a pair.",
            f"{own}.",
        ]

    def content(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        sides = self.part.sides
        return {
            "rules": self.part.rules,
            "games": self.games,
            "runs": self.part.runs(),
            "files": self.part.files(),
            "matches": [
                _match(first, second, met)
                for first, row in zip(sides, self.met, strict=True)
                for second, met in zip(sides, row, strict=True)
            ],
        }


def crossplay(paths: Sequence[Path], games: int) -> CrossPlay:
    """All runs in folders, with their newest sound checkpoints, in games with each other and with fixed strategies.

    Agents in files of arrays take part, too: each of their groups is a side, and its agents are its seeds. All
    players see a coin game as they did when they learned.

    **Arguments:** `paths`, folders of runs and files of agents, at least one folder; `games`, how many each pairing
    plays.

    **Raises:** `ValueError` as [`read_sides`][lookax.runs.programs.sides.read_sides] does.
    """
    check_at_least("games", games, 1)
    part = read_sides(paths)
    with part.precision():
        # A program for each two kinds of policies: runs of networks of the same sizes share theirs.
        play = eqx.filter_jit(functools.partial(cross_scores, part.game, horizon=part.horizon, batch_size=games))

        def met(first: Side, second: Side) -> Met:
            pairs = pairings(first.seeds, second.seeds, itself=first is second)
            keys = jax.random.split(jax.random.key(0), len(pairs))
            scores = np.asarray(play(first.taken(pairs[:, 0])[0], second.taken(pairs[:, 1])[1:], keys))
            return Met(pairs, scores, Cell.of(independent(scores, first.seeds, second.seeds)))

        return CrossPlay(part, [[met(first, second) for second in part.sides] for first in part.sides], games)


def run_crossplay(paths: Sequence[Path], games: int, out: Path) -> None:
    """Has them play, prints what comes of it, draws it, and writes every number beside the drawing.

    **Arguments:** `paths`, folders of runs and files of agents; `games`, how many each pairing plays; `out`, the
    drawing's file, a .png.
    """
    check(out.suffix == ".png", "out", str(out), "a file whose name ends in .png")
    numbers = Numbers(out.with_suffix(".json"), WRITTEN_BY)
    numbers.check_replaceable(out)
    result = crossplay(paths, games)
    terminal.print_table(crossplay_table(result.names, result.cells, result.notes()))
    with writing(out):
        numbers.write(result.content())
        draw_crossplay(f"Cross-play, {result.part.title}", result.names, result.cells).savefig(out, dpi=150)
    terminal.say(f"drawn in {out}, every number in {numbers.file}")


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
