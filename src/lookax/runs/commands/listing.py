"""Which runs there are, and how far each has come, by little more than the ends of their files."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from lookax.errors import BadInputError
from lookax.experiments.preset import Table
from lookax.runs.storage.folder import RunFolder, updates_in
from lookax.runs.storage.metrics import last_rows
from lookax.runs.storage.run import Run, runs_below

AROUND = 2
"""How many folders around a run may be those that it is a part of: a figure's, and a collection's."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """How far a run has come.

    **Attributes:** its `state` in words; the last `update` whose metrics are complete, `None` before there is one; the
    `headline` metrics after it, means over seeds (and players); when it `started`, in local time, `None` before; why it
    failed, if it did.
    """

    state: str
    update: int | None
    headline: Mapping[str, float]
    started: datetime | None
    failure: str | None

    @classmethod
    def of(cls, run: Run) -> "Standing":
        """A run's; nothing is written, and a process that works on it takes no notice.

        **Raises:** `ValueError`, in one line, if its metrics are damaged.
        """
        rows = last_rows(run.folder.metrics, run.settings.seeds)
        update = rows[0]["update"] if rows else None
        names = [name for name in run.preset.report.headline if rows and name in rows[0]]
        provenance = run.folder.provenance()
        return cls(
            _state(run, update),
            update,
            {name: float(np.mean([row[name] for row in rows])) for name in names},
            datetime.fromisoformat(provenance[0]["time"]).astimezone() if provenance else None,
            run.folder.failure(),
        )


def standings(path: Path) -> tuple[list[tuple[Run, Standing]], list[str]]:
    """All runs in a folder and in those within, and how far each has come.

    And what is wrong with those that cannot be read, a line each.

    **Raises:** `ValueError` if there is no such folder.
    """
    if not path.is_dir():
        raise BadInputError(f"{str(path)!r} is not a folder")
    runs, complaints = runs_below(path)
    found = []
    for run in runs:
        try:
            found.append((run, Standing.of(run)))
        except BadInputError as complaint:
            complaints.append(str(complaint))
    return found, complaints


def listing(found: Sequence[tuple[Run, Standing]], path: Path) -> Table:
    """Runs and how far they have come, a row each, named by their folders in `path`, which may be a run's own."""
    rows = []
    for run, standing in found:
        rows.append(
            [
                path.name if run.folder.path == path else str(run.folder.path.relative_to(path)),
                preset_and_name(run),
                standing.state,
                f"{standing.update or 0} of {run.settings.total_updates}",
                str(run.settings.seeds),
                f"{standing.started:%Y-%m-%d %H:%M}" if standing.started else "–",
                ", ".join(f"{name} {value:.4g}" for name, value in standing.headline.items()) or "–",
            ]
        )
    columns = ("run", "preset", "state", "updates", "seeds", "started", "headline")
    failures = [standing.failure for _, standing in found if standing.failure]
    return Table(columns, rows, [None] * len(rows), failures)


def preset_and_name(run: Run) -> str:
    """The preset's name, and the run's where it has one of its own that its folder does not tell."""
    same = run.name in (run.preset.name, run.folder.path.resolve().name)
    return run.preset.name if same else f"{run.preset.name}: {run.name}"


def _state(run: Run, update: int | None) -> str:
    if run.folder.failure() is not None:
        return "failed" if update is None else f"failed after update {update}"
    if run.folder.pruned():
        return f"pruned after update {update}"
    if update == run.settings.total_updates:
        return "finished"
    path = run.folder.path.resolve()
    if any(RunFolder(folder).in_use() for folder in (path, *path.parents[:AROUND])):
        return "starting" if update is None else "running"
    if update is None:
        return "stopped before the first update"
    newest = max(updates_in(run.checkpoints), default=None)
    saved = "" if newest == update else ", no checkpoint" if newest is None else f", checkpoint at {newest}"
    return f"stopped at update {update}{saved}"
