"""What a person sees: progress while it runs, and tables."""

import contextlib
from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from lookax.experiments.preset import Table

WIDE = 200

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

    Nothing is ever cut: where the terminal is narrow a column of `prose`, the last, wraps, and other tables go over its
    edge.
    """
    judged = any(verdict is not None for verdict in table.verdicts)
    grid = RichTable(box=box.SIMPLE_HEAD)
    columns = (*table.columns, *(["agrees"] if judged else []))
    for column in columns:
        grid.add_column(column, no_wrap=not (prose and column == columns[-1]))
    for row, verdict in zip(table.rows, table.verdicts, strict=True):
        grid.add_row(*row, *([VERDICTS[verdict]] if judged else []))
    out = console()
    if not prose:
        out = Console(highlight=False, width=max(out.width, out.measure(grid).maximum, WIDE))
    out.print(grid)
    for note in table.notes:
        say(note)
