"""All agents of runs and files, and fixed strategies, in games with each other; and how far each can be exploited."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lookax.errors import check, check_at_least
from lookax.evaluation.best_response import (
    BATCH_SIZE,
    Exploitability,
    Exploitation,
    best_responder,
    exploit,
    exploitability,
)
from lookax.evaluation.league import Matches, Standing, meet, standings
from lookax.experiments.preset import Table
from lookax.experiments.reports.agents import Cell, crossplay_table, draw_crossplay
from lookax.experiments.reports.intervals import half_width
from lookax.experiments.reports.league import Places, cooperation_name, league_cells, standings_table
from lookax.runs.commands import terminal
from lookax.runs.commands.page.html import check_page, html_page
from lookax.runs.programs import compilation_cache
from lookax.runs.programs.ray_cluster import check_ray_is_installed, ray_cluster
from lookax.runs.programs.sides import Sides, read_sides
from lookax.runs.storage.numbers import Numbers, writing

WRITTEN_BY = "lookax league"

SEATS = "row's side", "column's side"
"""What rows and columns are."""


@dataclasses.dataclass(frozen=True)
class Work:
    """A part of a league, which can be computed by itself.

    **Attributes:** the numbers of the `first` and the `second` side, `None` for a best responder; `games`, how many a
    pair plays; `updates`, how many a best responder makes.
    """

    first: int
    second: int | None
    games: int
    updates: int = 0

    def of(self, part: Sides) -> Matches | Exploitation:
        """Computes it."""
        key = jax.random.fold_in(jax.random.key(0), self.first)
        first = part.sides[self.first]
        with part.precision():
            if self.second is None:
                responder = _responder(part, self.updates, self.games)
                return exploit(responder, first, jax.random.fold_in(key, len(part.sides)))
            key, second = jax.random.fold_in(key, self.second), part.sides[self.second]
            return meet(part.game, first, second, key, horizon=part.horizon, games=self.games)


Engine = Callable[[Sequence[Path], Sides, Sequence[Work]], list[Matches | Exploitation]]
"""Computes all parts of a league of the sides that are read from paths."""


@dataclasses.dataclass(frozen=True)
class League:
    """What came of a league.

    **Attributes:**

    - `part`: who took part, in what.
    - `met`: what came of matches, by who sat in the first seat and who in the second.
    - `games`: how many each pair of agents played.
    - `exploited`: how far each side can be exploited; `None` where that was not asked for.
    - `updates`: how many a best responder made.
    """

    part: Sides
    met: Sequence[Sequence[Matches]]
    games: int
    exploited: Sequence[Exploitability] | None
    updates: int

    @property
    def names(self) -> list[str]:
        """Of the sides."""
        return [side.name for side in self.part.sides]

    @functools.cached_property
    def standings(self) -> list[Standing]:
        """What every side has earned."""
        return standings(self.part.sides, self.met)

    @functools.cached_property
    def cells(self) -> list[list[Cell]]:
        """What those in rows earn with those in columns: means and intervals."""
        return league_cells(self.part.sides, self.met)

    @property
    def title(self) -> str:
        """What was played."""
        return f"League, {self.part.title}"

    def table(self) -> Table:
        """A row for every side, the best average first."""
        return standings_table(self.standings, self.exploited, cooperation_name(self.part.game), self.notes())

    def matrix(self) -> Table:
        """Who earns what with whom."""
        return crossplay_table(self.names, self.cells, [], SEATS[0])

    def notes(self) -> list[str]:
        """What the table has to say besides."""
        notes = [
            "Mean reward per step in both seats, means over agents ± half of the 95 % interval; "
            f"{self.games} games a pair and seat.",
            "Average: over the other sides, each of which counts once. Worst case: with the side with which it earns "
            "least, its own included. Itself: agents of one seed.",
        ]
        if self.exploited is not None:
            notes.append(
                "Exploitability: how much more a learner earns that was trained against the agent as it is than the "
                "agent's own kind does (other seeds; of a single seed, itself); own loss: how much less the agent "
                f"earns then. In each seat {self.updates} updates of {BATCH_SIZE} games of {self.part.horizon} steps, "
                f"{self.updates * BATCH_SIZE * self.part.horizon:.3g} steps: a longer training may find more."
            )
        return notes

    def content(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        sides, horizon = self.part.sides, self.part.horizon
        budget = {"updates": self.updates, "games": BATCH_SIZE, "horizon": horizon}
        return {
            "rules": self.part.rules,
            "games": self.games,
            "best_response": None if self.exploited is None else budget,
            "runs": self.part.runs(),
            "files": self.part.files(),
            "sides": [self._side(number) for number in range(len(sides))],
            "matches": [
                {
                    "first": first.name,
                    "second": second.name,
                    "seeds": [_seeds(first), _seeds(second)],
                    "rewards": self.met[i][j].rewards.tolist(),
                    "cooperation": _listed(self.met[i][j].cooperation),
                    "earned": _interval(self.cells[i][j].means, self.cells[i][j].halves),
                }
                for i, first in enumerate(sides)
                for j, second in enumerate(sides)
            ],
        }

    def page(self) -> str:
        """A page that opens anywhere."""
        tables = [("Sides", self.table()), ("Who earns what with whom", self.matrix())]
        values = [[float(cell.means[0]) for cell in row] for row in self.cells]
        note = "What the row's side earns with the column's side: mean reward per step in both seats."
        content = {
            "title": self.title,
            "summary": f"{len(self.names)} sides, {self.games} games for every pair of agents in each seat",
            "tables": [{"title": title, **dataclasses.asdict(table)} for title, table in tables],
            "maps": [{"title": self.title, "note": note, "rows": self.names, "columns": self.names, "values": values}],
        }
        return html_page("league", content)

    def _side(self, number: int) -> dict[str, Any]:
        own, places = self.standings[number], Places.of(self.standings)
        content = {"name": own.name, "seeds": _seeds(self.part.sides[number])}
        for name in ("average", "worst", "itself", "other_seeds", "cooperation", "cooperation_with_others"):
            content[name] = _of_seeds(getattr(own, name))
        content |= {"worst_with": own.worst_with}
        content |= {"rank_by_average": places.average[number], "rank_by_worst": places.worst[number]}
        if self.exploited is not None:
            content["best_response"] = {
                name: _of_seeds(values) for name, values in self.exploited[number]._asdict().items()
            }
        return content


def league(paths: Sequence[Path], games: int, updates: int | None, engine: Engine | None = None) -> League:
    """All runs in folders, with their newest sound checkpoints, files of agents and fixed strategies, in both seats.

    **Arguments:**

    - `paths`: folders of runs and files of agents, at least one folder.
    - `games`: how many each pair of agents plays in each seat.
    - `updates`: of best responders; `None` for no such thing.
    - `engine`: what computes it; `None` for this process.

    **Raises:** `ValueError` as [`read_sides`][lookax.runs.programs.sides.read_sides] does, and for a game of more than
    two players.
    """
    check_at_least("games", games, 1)
    if updates is not None:
        check_at_least("best_response", updates, 1)
    part = read_sides(paths)
    check(part.game.num_players == 2, "num_players", part.game.num_players, "2 in a league")
    count = len(part.sides)
    check_at_least("sides", count, 2)
    work = [Work(i, j, games) for i in range(count) for j in range(count)]
    work += [Work(i, None, games, updates) for i in range(count) if updates is not None]
    found: list[Any] = (engine or here)(paths, part, work)
    met = [found[count * i : count * (i + 1)] for i in range(count)]
    exploited = [exploitability(one, met[i][i]) for i, one in enumerate(found[count**2 :])]
    return League(part, met, games, exploited if updates is not None else None, updates or 0)


def run_league(paths: Sequence[Path], games: int, updates: int | None, engine: Engine, out: Path) -> None:
    """Has them play, prints what comes of it, and writes a page, with a drawing and all numbers beside it.

    **Arguments:** `paths`, `games`, `updates` and `engine` as of `league`; `out`, the page's file, an .html.
    """
    check_page(out)
    drawing, numbers = out.with_suffix(".png"), Numbers(out.with_suffix(".json"), WRITTEN_BY)
    numbers.check_replaceable(out, drawing)
    result = league(paths, games, updates, engine)
    terminal.print_table(result.table())
    with writing(out):
        numbers.write(result.content())
        draw_crossplay(result.title, result.names, result.cells, SEATS).savefig(drawing, dpi=150)
        out.write_text(result.page(), encoding="utf-8")
    terminal.say(f"written to {out}, drawn in {drawing}, every number in {numbers.file}")


def here(paths: Sequence[Path], part: Sides, work: Sequence[Work]) -> list[Matches | Exploitation]:
    """Computes all in this process, one part after the other.

    **Arguments:** the `paths`, which are not read again; the sides that take `part`; the `work` to do.
    """
    del paths
    found = []
    with terminal.counting(len(work), "pairs of sides") as one_more:
        for own in work:
            found.append(own.of(part))
            one_more()
    return found


def on_ray(address: str | None) -> Engine:
    """Computes parts as tasks of a Ray cluster, whose nodes all see the runs' folders.

    **Raises:** `ValueError` where the extra `cluster` is not installed, or there is no cluster at the address.
    """
    check_ray_is_installed()
    import ray

    def compute(paths: Sequence[Path], part: Sides, work: Sequence[Work]) -> list[Matches | Exploitation]:
        del part
        with ray_cluster(address, "begin the league again") as task:
            computing = task(_compute)
            return ray.get([computing.remote(tuple(path.resolve() for path in paths), own) for own in work])

    return compute


def _compute(paths: tuple[Path, ...], work: Work) -> Matches | Exploitation:
    compilation_cache.turn_on()
    return work.of(_read(paths))


@functools.cache
def _read(paths: tuple[Path, ...]) -> Sides:
    """Once in each process of a cluster."""
    return read_sides(paths)


def _responder(part: Sides, updates: int, games: int) -> Any:
    discount = getattr(part.study.settings, "discount", 0.96)
    return best_responder(part.game, updates=updates, horizon=part.horizon, games=games, discount=discount)


def _seeds(side: Any) -> list[int] | None:
    return None if side.seeds is None else list(range(side.first_seed, side.first_seed + side.seeds))


def _listed(values: np.ndarray | None) -> Any:
    return None if values is None else values.tolist()


def _of_seeds(values: np.ndarray | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {**_interval(values.mean(keepdims=True), half_width(values)[None]), "by_seed": values.tolist()}


def _interval(means: np.ndarray, halves: np.ndarray) -> dict[str, Any]:
    return {"mean": float(means[0]), "half_width": float(halves[0]) if np.isfinite(halves[0]) else None}
