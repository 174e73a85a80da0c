"""What an experiment is made of: presets, what to match, and how to tell."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
"""Of intervals that are shown."""

AGREEMENT = 0.99
"""Of tests whether our numbers and published ones are of one kind: each says "no" by chance once in a hundred times."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run of a preset gave.

    **Attributes:** the preset's `name`; the `experiment` that was run; `history`, metrics by name,
    `[updates, seeds, …]`; those that are evaluated before the first update too have one entry more, at the front.
    """

    name: str
    experiment: Any
    history: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Table:
    """What a run or a figure closes with.

    **Attributes:** the `columns`' names; `rows` of text; `verdicts`, one per row, whether it agrees with the published
    result, `None` where there is nothing to compare with; `notes`, lines below the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    verdicts: Sequence[bool | None]
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class HeatMap:
    """Numbers by two properties, such as a policy's probabilities by player and state.

    **Attributes:** a `title`; names of `rows` and of `columns`; `values`, `[rows, columns]`.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: np.ndarray

    def table(self) -> Table:
        """The same in figures."""
        rows = [
            [name, *(f"{value:.3f}" for value in values)] for name, values in zip(self.rows, self.values, strict=True)
        ]
        return Table(("", *self.columns), rows, [None] * len(rows))


@dataclasses.dataclass(frozen=True)
class Report:
    """How to tell results.

    **Attributes:** `draw`, from results to a matplotlib figure; `table`, from results to a closing table; `headline`,
    names of the metrics that tell how a run goes, the first one best; `heat_maps`, of a result and of what its seeds
    have learned (as `describe` tells it), means over seeds at the end.
    """

    draw: Callable[[Sequence[Result]], Any]
    table: Callable[[Sequence[Result]], Table]
    headline: Sequence[str] = ()
    heat_maps: Callable[[Result, Sequence[Mapping[str, Any]]], Sequence[HeatMap]] = lambda *_: ()


@dataclasses.dataclass(frozen=True)
class Preset:
    """Settings under a name.

    **Attributes:** its `name`; a `description`, one line; the `experiment`'s settings; the `report` of a run of it.
    """

    name: str
    description: str
    experiment: Any
    report: Report


@dataclasses.dataclass(frozen=True)
class Figure:
    """A published figure or table: the presets behind it, and how to draw and compare them.

    **Attributes:** `name`; a `description`, one line; its `presets`; their `report`.
    """

    name: str
    description: str
    presets: Sequence[Preset]
    report: Report


@dataclasses.dataclass(frozen=True)
class Collection:
    """Figures that belong together, and are reproduced together.

    **Attributes:** `name`; a `description`, one line; its `figures`.
    """

    name: str
    description: str
    figures: Sequence[Figure]


@dataclasses.dataclass(frozen=True)
class Count:
    """How many of a number of runs did something."""

    successes: int
    total: int

    @classmethod
    def of(cls, outcomes: np.ndarray) -> "Count":
        """Counts the true ones."""
        return cls(int(np.sum(outcomes)), len(outcomes))

    @property
    def share(self) -> float:
        """The share of runs."""
        return self.successes / self.total

    def interval(self) -> tuple[float, float]:
        """The Clopper–Pearson interval of the probability, at 95 % confidence."""
        interval = stats.binomtest(self.successes, self.total).proportion_ci(CONFIDENCE, method="exact")
        return float(interval.low), float(interval.high)

    def agrees_with(self, other: "Count") -> bool:
        """Whether Fisher's exact test does not tell the two probabilities apart."""
        table = [[count.successes, count.total - count.successes] for count in (self, other)]
        test: Any = stats.fisher_exact(table)
        return bool(test.pvalue >= 1 - AGREEMENT)

    def __str__(self) -> str:
        return f"{self.successes}/{self.total}"
