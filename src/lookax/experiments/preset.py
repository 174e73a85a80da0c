"""Settings under names, published figures that are made of them, and how results are reported."""

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lookax.errors import BadInputError
from lookax.imports import import_named

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run of a preset gave.

    **Attributes:** the preset's `name`; the `settings` that were run; `history`, metrics by name,
    `[updates, seeds, …]`; those that are evaluated before the first update too have one entry more, at the front.
    """

    name: str
    settings: Any
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

    def __str__(self) -> str:
        return "\n".join([self.frame().to_string(index=False), *self.notes])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.frame().to_html(index=False) + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)

    def frame(self) -> "pd.DataFrame":
        """Its rows; whether each agrees is a column, where there is something to compare with."""
        import pandas as pd

        frame = pd.DataFrame(list(self.rows), columns=list(self.columns))
        return frame.assign(agrees=list(self.verdicts)) if any(v is not None for v in self.verdicts) else frame


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
    """How results are drawn and tabulated: functions by where they are, `"package.module:function"`.

    They are imported when they are called, so that whoever wants to see settings need not wait for what draws.

    **Attributes:**

    - `drawing`: from results to a matplotlib figure.
    - `closing`: from results to a closing table.
    - `headline`: names of the metrics that say how a run goes, the most important one first.
    - `maps`: from a result, and what each of its seeds has learned (as `describe` says), to heat maps; `None` for none.
    """

    drawing: str
    closing: str
    headline: Sequence[str] = ()
    maps: str | None = None

    def check(self) -> None:
        """Raises `ValueError`, in one line, for a function that is not where it is said to be."""
        for field, name in (("drawing", self.drawing), ("closing", self.closing), ("maps", self.maps)):
            if name is not None:
                import_named(field, name)

    def draw(self, results: Sequence[Result]) -> Any:
        """A matplotlib figure."""
        return import_named("drawing", self.drawing)(results)

    def table(self, results: Sequence[Result]) -> Table:
        """The closing table."""
        return import_named("closing", self.closing)(results)

    def heat_maps(self, result: Result, learned: Sequence[Mapping[str, Any]]) -> Sequence[HeatMap]:
        """Means over seeds at the end."""
        return () if self.maps is None else import_named("maps", self.maps)(result, learned)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Settings under a name.

    **Attributes:** its `name`; a `description`, one line; its `settings`; the `report` of a run of it.
    """

    name: str
    description: str
    settings: Any
    report: Report


def check_settings(settings: Any) -> None:
    """Raises `ValueError`, in one line, if a field of settings is out of range, as their `validate()` says."""
    try:
        settings.validate()
    except BadInputError:
        raise
    except ValueError as reason:
        raise BadInputError(str(reason)) from None


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
