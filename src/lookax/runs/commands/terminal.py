"""What a person sees: progress while it runs, and tables."""

import contextlib
import datetime
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TimeRemainingColumn
from rich.table import Table as RichTable

from lookax.experiments.preset import Table
from lookax.runs.programs.watch import Watch
from lookax.runs.storage.run import Run

WIDE = 200

SECONDS_PER_LINE = 10
"""Between lines of progress where there is no bar."""

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
def progress(total: int) -> Iterator[Watch]:
    """How far runs have come, on standard error: a bar on a terminal, elsewhere a line every ten seconds.

    **Arguments:** the `total` of all runs' updates.
    """
    errors = Console(stderr=True, highlight=False)
    columns = (
        *("{task.completed:.0f}/{task.total:.0f} updates", BarColumn(), "{task.fields[rate]}", TimeRemainingColumn()),
        "{task.fields[numbers]}",
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total, rate="", numbers="")
        printed = began = time.monotonic()
        learned = done = 0

        def watch(runs: Sequence[Run], updates: int, metrics: Mapping[str, float], *, resumed: bool = False) -> None:
            nonlocal printed, done, learned
            done += updates * len(runs)
            learned += 0 if resumed else updates * len(runs)
            rate = f"{learned / (time.monotonic() - began):.3g}/s" if learned else ""
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            bar.update(task, completed=done, rate=rate, numbers=numbers)
            if not errors.is_terminal and time.monotonic() - printed >= SECONDS_PER_LINE:
                printed = time.monotonic()
                left = datetime.timedelta(seconds=round((total - done) * (printed - began) / max(learned, 1)))
                pace = f"{rate}, {left} left" if rate else "compiling"
                errors.print(
                    f"{done} of {total} updates, {pace}; {runs[0].name}: {numbers}",
                    soft_wrap=True,
                )

        yield watch


@contextlib.contextmanager
def counting(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Within, a call says that one more is done, on standard error: a bar on a terminal, else a line now and then.

    **Arguments:** the `total`; `what` is counted, such as `matches`.
    """
    errors = Console(stderr=True, highlight=False)
    columns = (f"{{task.completed:.0f}}/{{task.total:.0f}} {what}", BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        printed, done = time.monotonic(), 0

        def one_more() -> None:
            nonlocal printed, done
            done += 1
            bar.update(task, completed=done)
            if not errors.is_terminal and time.monotonic() - printed >= SECONDS_PER_LINE:
                printed = time.monotonic()
                errors.print(f"{done} of {total} {what}", soft_wrap=True)

        yield one_more


def print_table(table: Table, *, prose: bool = False) -> None:
    """A table, with a last column of verdicts where there are any, and its notes.

    No line is ever cut: where the terminal is narrow a column of `prose`, the last, wraps, and other tables go over its
    edge. Of many rows those without a verdict are left out, if others have one.
    """
    compared = any(verdict is not None for verdict in table.verdicts)
    grid = RichTable(box=box.SIMPLE_HEAD)
    columns = (*table.columns, *(["agrees"] if compared else []))
    for column in columns:
        grid.add_column(column, no_wrap=not (prose and column == columns[-1]))
    chosen = [v is not None or not compared or len(table.rows) <= MANY for v in table.verdicts]
    for row, verdict in itertools.compress(zip(table.rows, table.verdicts, strict=True), chosen):
        grid.add_row(*map(escape, row), *([VERDICTS[verdict]] if compared else []))
    out = console()
    if not prose:
        out = Console(highlight=False, width=max(out.width, out.measure(grid).maximum, WIDE))
    out.print(grid)
    if not all(chosen):
        say(f"The other {chosen.count(False)} rows are in table.json.")
    for note in table.notes:
        say(note)


def print_closing(table: Table, path: Path) -> None:
    """A closing table, and the folder that it has been written to."""
    print_table(table)
    say(f"written to {path}")
