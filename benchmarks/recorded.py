"""Speed and memory beside the original codes, as recorded in `docs/results/data/speed-side-by-side.json`.

Seconds of another machine say nothing about this one. So benchmarks print their own seconds, and these tables beside
them. A new measurement is a new row of the file. `docs/results/speed.md` shows the rows, and a test compares them.

- `jax`: both codes ran in turn on one machine. A pair is a run of each; the ratio is the original's time over ours.
- `pytorch`: CPU-seconds of each code, measured at different times on like machines. Only their size means something.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

FILE = Path(__file__).parents[1] / "docs" / "results" / "data" / "speed-side-by-side.json"

UNKNOWN = "not recorded"

JAX_COLUMNS = ("", "times as fast", "median", "pairs", "original MiB", "machine", "date")
PYTORCH_COLUMNS = ("", "lookax", "original", "times as fast")

TO_ONE_DIGIT = ".0e"


def rows(kind: str) -> list[dict[str, Any]]:
    """The rows of a kind, `jax` or `pytorch`."""
    return json.loads(FILE.read_text())[kind]


def jax_cells(row: dict[str, Any]) -> list[str]:
    """A row of `JAX_COLUMNS`."""
    ratio = row["ratio"]
    optional = (
        None if ratio["median"] is None else f"{ratio['median']:.1f}×", row["pairs"], row["original_mib"],
        row["machine"], row["date"],
    )  # fmt: skip
    return [row["case"], spread(row), *(UNKNOWN if value is None else str(value) for value in optional)]


def pytorch_cells(row: dict[str, Any]) -> list[str]:
    """A row of `PYTORCH_COLUMNS`; the ratio has one digit, as the codes did not run in turn."""
    ours, theirs = row["lookax"], row["original"]
    ratio = UNKNOWN if ours is None else f"about {float(format(theirs / ours, TO_ONE_DIGIT)):.0f}×"
    return [row["case"], UNKNOWN if ours is None else f"{ours:g}", f"{theirs:.3g}", ratio]


def spread(row: dict[str, Any]) -> str:
    """The least and the largest ratio."""
    return f"{row['ratio']['least']:.1f}–{row['ratio']['most']:.1f}×"


def jax_table() -> Table:
    """All rows of the original JAX code."""
    cells = [jax_cells(row) for row in rows("jax")]
    return _table("Recorded elsewhere, not measured now: both JAX codes in turn on one machine", JAX_COLUMNS, cells)


def pytorch_table(presets: Sequence[str]) -> Table:
    """The rows of these presets."""
    cells = [pytorch_cells(row) for row in rows("pytorch") if row["preset"] in presets]
    title = "Recorded elsewhere, not measured now: CPU-seconds, codes not in turn (original: PyTorch 2.13, two cores)"
    return _table(title, PYTORCH_COLUMNS, cells)


def _table(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for each in cells:
        table.add_row(*each)
    return table
