"""Runs in folders as they stand at present, and their curves, which grow."""

import dataclasses
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lookax.errors import BadInputError, check
from lookax.runs.commands.listing import Standing, preset_and_name
from lookax.runs.commands.page.curves import thinned
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.folder import updates_in
from lookax.runs.storage.loggers import curves_by_seed
from lookax.runs.storage.metrics import GrowingHistory
from lookax.runs.storage.run import Run, distinct_names, runs_below

POINTS = 300
"""Most points of a curve."""

SECONDS = 3.0
"""How long it takes at most until a new folder is seen."""


@dataclasses.dataclass
class LiveRun:
    """A run that may go on.

    **Attributes:** the `run`; its `history`; its `curves` by name as they were drawn last, and of which `version` of
    the history that was; the folder's `inode`.
    """

    run: Run
    history: GrowingHistory
    inode: int
    curves: dict[str, Any] = dataclasses.field(default_factory=dict)
    version: int = -1

    @classmethod
    def of(cls, run: Run, first_version: int = 0) -> "LiveRun":
        """A run of which nothing has been read yet; what is read has versions after the first."""
        history = GrowingHistory(run.folder.metrics, run.settings.seeds)
        history.version = first_version
        return cls(run, history, run.folder.path.stat().st_ino)

    def now(self, run: Run) -> "LiveRun":
        """The same with what its folder says now; another one if the folder was replaced, or holds other settings."""
        same = as_fields(run.settings) == as_fields(self.run.settings)
        if same and run.folder.path.stat().st_ino == self.inode:
            self.run = run
            return self
        return LiveRun.of(run, self.history.version + 1)


class LiveRuns:
    """All runs in folders and in those within, numbered in the order in which they were found.

    **Arguments:** the `paths` of the folders.

    **Raises:** `ValueError` if one is no folder.
    """

    def __init__(self, paths: Sequence[Path]):
        for path in paths:
            if not path.is_dir():
                raise BadInputError(f"{str(path)!r} is not a folder")
        self._paths = list(paths)
        self._runs: list[LiveRun] = []
        self._numbers: dict[Path, int] = {}
        self._complaints: list[str] = []
        self._lock = threading.Lock()
        self._looked = -np.inf

    def listing(self) -> dict[str, Any]:
        """Which runs there are and how far they have come, as JSON can hold it."""
        with self._lock:
            self._find()
            complaints, rows = list(self._complaints), []
            # Those that were removed keep their numbers, so that the others do.
            there = {number: own.run for number, own in enumerate(self._runs) if own.run.folder.path.is_dir()}
            labels = distinct_names(list(there.values())) if there else []
            for (number, run), label in zip(there.items(), labels, strict=True):
                try:
                    rows.append({"id": number, "label": label, **_row(run)})
                except (BadInputError, OSError) as complaint:
                    complaints.append(str(complaint))
            return {"runs": rows, "complaints": complaints}

    def curves(self, number: int, known: int) -> dict[str, Any] | None:
        """A run's curves, unless what is known already is the newest version of them.

        **Arguments:** the run's `number`; the `known` version, −1 for none.

        **Raises:** `ValueError`, in one line, for a number that there is not, and metrics that are damaged.
        """
        with self._lock:
            own = self._run(number)
            own.history.read()
            if own.version != own.history.version:
                metrics, last = own.history.metrics, own.history.last
                names = dict.fromkeys((*own.run.preset.report.headline, *metrics))
                kept = {name: metrics[name] for name in names if name in metrics}
                own.curves = {
                    name: {**thinned(name, values, last, POINTS), "are_shares": values.dtype == bool}
                    for name, values in curves_by_seed(kept).items()
                }
                own.version = own.history.version
            return None if own.version == known else {"version": own.version, "curves": own.curves}

    def run(self, number: int) -> tuple[Run, list[int]]:
        """The run of a number, and the updates that have a checkpoint.

        **Raises:** `ValueError`, in one line, for a number that there is not.
        """
        with self._lock:
            run = self._run(number).run
        return run, updates_in(run.checkpoints)

    def _run(self, number: int) -> LiveRun:
        if not self._runs:
            self._find()
        check(0 <= number < len(self._runs), "run", number, f"one of the {len(self._runs)} that there are, from 0")
        return self._runs[number]

    def _find(self) -> None:
        """Looks for runs that are new, and at settings that were changed, unless it has just done so."""
        if time.monotonic() - self._looked < SECONDS:
            return
        self._complaints = []
        for path in self._paths:
            runs, complaints = runs_below(path)
            self._complaints += complaints
            for run in runs:
                folder = run.folder.path.resolve()
                try:
                    if folder in self._numbers:
                        number = self._numbers[folder]
                        self._runs[number] = self._runs[number].now(run)
                    else:
                        self._runs.append(LiveRun.of(run))
                        self._numbers[folder] = len(self._runs) - 1
                except FileNotFoundError:
                    continue  # It was removed meanwhile.
        self._looked = time.monotonic()


def _row(run: Run) -> dict[str, Any]:
    standing, metrics = Standing.of(run), run.folder.metrics
    return {
        "preset": preset_and_name(run),
        "folder": str(run.folder.path),
        "state": standing.state,
        "update": standing.update or 0,
        "total": run.settings.total_updates,
        "seeds": run.settings.seeds,
        "started": f"{standing.started:%Y-%m-%d %H:%M}" if standing.started else "–",
        "headline": {name: f"{value:.4g}" for name, value in standing.headline.items()},
        "failure": standing.failure,
        "written": _written(metrics),
    }


def _written(file: Path) -> str:
    """Another text for every other content of a file that has been added to, or replaced."""
    if not file.exists():
        return ""
    found = file.stat()
    return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"
