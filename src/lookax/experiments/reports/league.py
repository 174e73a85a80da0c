"""What a league says: a row for every side, who earns what with whom, and how that is drawn."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lookax.evaluation.best_response import Exploitability
from lookax.evaluation.league import Matches, Standing, by_seed, earned, ranks
from lookax.evaluation.sides import Side
from lookax.experiments.preset import Table
from lookax.experiments.reports.agents import Cell, mean_and_half
from lookax.games.coin_game import CoinGame
from lookax.games.game import Game


@dataclasses.dataclass(frozen=True)
class Places:
    """Places of all sides, from 1.

    **Attributes:** by what they earn on `average`, and by what they earn with the `worst` opponent (the maximin).
    """

    average: Sequence[int]
    worst: Sequence[int]

    @classmethod
    def of(cls, standings: Sequence[Standing]) -> "Places":
        """Of all sides' standings."""
        means = [[float(values.mean()) for values in (own.average, own.worst)] for own in standings]
        average, worst = zip(*means, strict=True)
        return cls(ranks(average), ranks(worst))


def league_cells(sides: Sequence[Side], met: Sequence[Sequence[Matches]]) -> list[list[Cell]]:
    """What agents of sides in rows earn with those in columns, mean over both seats, with intervals.

    **Arguments:** the `sides`; what came of all matches, `met`, by who sat in the first seat and who in the second.
    """
    return [
        [Cell.of(by_seed(earned(met, i, j), first, second)[:, None]) for j, second in enumerate(sides)]
        for i, first in enumerate(sides)
    ]


def standings_table(
    standings: Sequence[Standing],
    exploited: Sequence[Exploitability] | None,
    cooperation: str,
    notes: Sequence[str],
) -> Table:
    """A row for every side, the best average first.

    **Arguments:**

    - `standings`: of all sides.
    - `exploited`: how far each can be exploited; `None` where that was not asked for.
    - `cooperation`: what the shares of cooperation are called, such as `own share`.
    - `notes`: lines for below the table.
    """
    places = Places.of(standings)
    has_cooperation = standings[0].cooperation is not None
    columns = ["side", "average", "rank", "worst case", "rank", "with", "itself", "other seeds"]
    columns += [cooperation, f"{cooperation}, other seeds"] if has_cooperation else []
    columns += ["exploitability", "own loss"] if exploited is not None else []
    rows = []
    for number in sorted(range(len(standings)), key=lambda number: places.average[number]):
        own = standings[number]
        row = [own.name, mean_and_half(own.average), str(places.average[number])]
        row += [mean_and_half(own.worst), str(places.worst[number]), own.worst_with]
        row += [mean_and_half(own.itself), _or_none(own.other_seeds)]
        row += [_or_none(own.cooperation), _or_none(own.cooperation_with_others)] if has_cooperation else []
        if exploited is not None:
            row += [mean_and_half(exploited[number].gain), mean_and_half(exploited[number].loss)]
        rows.append(row)
    return Table(tuple(columns), rows, [None] * len(rows), notes)


def cooperation_name(game: Game) -> str:
    """What shares of cooperation in a game are called."""
    return "own share" if isinstance(game, CoinGame) else "cooperation"


def _or_none(values: np.ndarray | None) -> str:
    return "–" if values is None else mean_and_half(values)
