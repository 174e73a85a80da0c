"""What a person sees: progress while it runs, and tables."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from lookax.experiments.preset import Table

WIDE = 200

MANY = 60
"""Rows beyond which a table is printed in part."""

VERDICTS = {True: "[green]yes[/]", False: "[red]no[/]", None: "–"}


def console() -> Console:
    """Standard output; plain lines, as wide as they need be, where it is not a terminal."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=WIDE)


def say(text: str) -> None:
    """Prints text as it is."""
    console().print(text, markup=False, soft_wrap=True)


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar of updates, on a terminal only; yields what advances it."""
    errors = Console(stderr=True)
    columns = (TextColumn("updates"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda updates: bar.advance(task, updates)


def print_table(table: Table, *, prose: bool = False) -> None:
    """A table, with a last column of verdicts where there are any, and its notes.

    No line is ever cut: where the terminal is narrow a column of `prose`, the last, wraps, and other tables go over its
    edge. Of many rows those without a verdict are left out, if others have one.
    """
    judged = any(verdict is not None for verdict in table.verdicts)
    grid = RichTable(box=box.SIMPLE_HEAD)
    columns = (*table.columns, *(["agrees"] if judged else []))
    for column in columns:
        grid.add_column(column, no_wrap=not (prose and column == columns[-1]))
    chosen = [v is not None or not judged or len(table.rows) <= MANY for v in table.verdicts]
    for row, verdict in itertools.compress(zip(table.rows, table.verdicts, strict=True), chosen):
        grid.add_row(*row, *([VERDICTS[verdict]] if judged else []))
    out = console()
    if not prose:
        out = Console(highlight=False, width=max(out.width, out.measure(grid).maximum, WIDE))
    out.print(grid)
    if not all(chosen):
        say(f"The other {chosen.count(False)} rows are in table.json.")
    for note in table.notes:
        say(note)
