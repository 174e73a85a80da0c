"""What runs that share a program write while they learn: metrics, curves, checkpoints, policies."""

import functools
import os
import time
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PyTree

from lookax.errors import BadInputError
from lookax.experiments.studies.study import study_of
from lookax.runs.processes import is_first_process
from lookax.runs.programs.devices import agreed
from lookax.runs.programs.lanes import Lanes
from lookax.runs.storage.checkpoints import Checkpoints, DamagedError, Progress
from lookax.runs.storage.config import as_fields, differing
from lookax.runs.storage.folder import updates_in
from lookax.runs.storage.loggers import curves
from lookax.runs.storage.metrics import History, MetricsFile
from lookax.runs.storage.provenance import provenance
from lookax.runs.storage.run import MAY_CHANGE, Run, refusal
from lookax.runs.storage.trackers import Trackers

POINTS = 4
"""Most points that a curve gets at a time, of all the updates that are recorded at once."""


class Recorder:
    """Files of runs that learn together, written by the first process alone; every call is every process's.

    **Arguments:** the `runs`, in the order of their lanes, with one folder of checkpoints; what the first one records
    when, all do.
    """

    def __init__(self, runs: Sequence[Run]):
        self._runs = runs
        self._recording = recording = runs[0].recording
        self._settings = [as_fields(run.settings) for run in runs]
        self._writing = is_first_process()
        self._checkpoints = (
            Checkpoints(runs[0].checkpoints, recording.keep_last, recording.keep_every) if self._writing else None
        )
        self._files: list[MetricsFile] = []
        self._trackers: list[Trackers] = []
        self._last_checkpoint = time.monotonic()
        self.failures: dict[int, str] = {}
        """Why runs have failed, by their places; nothing more is recorded of them."""

    def resume(self, lanes: Lanes) -> tuple[int, PyTree] | None:
        """Update and state of the newest sound checkpoint, files cut back to it; `None` to start from the beginning.

        **Raises:** `ValueError` if settings have changed since that may not.
        """
        found = None
        if self._checkpoints is not None:
            found = self._checkpoints.newest(lanes.template, functools.partial(_is_complete, self._runs))
            if found is not None:
                _check_settings(self._runs, found[1])
            if found is not None and len(self._runs) > 1:
                self.failures = {c: why for c, why in enumerate(found[1].failures) if why is not None}
            for c, run in enumerate(self._runs):
                run.folder.add_provenance(provenance(devices=True))
                if c not in self.failures:
                    run.folder.forget_failure()
                self._files.append(MetricsFile(run.folder.metrics, found[1].positions[c] if found else 0))
                self._trackers.append(Trackers(run, found[1].update + 1 if found else 0))
        (update,) = agreed(found[1].update if found else -1)
        if update < 0:
            return None
        state = found[0] if found else jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), lanes.template)
        if jax.process_count() > 1:
            state = multihost_utils.broadcast_one_to_all(state)
        return update, lanes.put(state)

    def record(self, first_update: int, metrics: History, seconds: float) -> None:
        """Appends metrics `[updates, lanes, …]`; curves also tell how fast they came, which took so many seconds.

        **Arguments:** the number of the `first_update`; `metrics` by name; the `seconds` that these updates took.
        """
        if not self._writing or not metrics:
            return
        for c, run in self.alive():
            own = {name: values[:, self._lanes(c)] for name, values in metrics.items()}
            self._files[c].append(first_update, run.settings.first_seed, own)
            by_name = curves(own)
            number = len(next(iter(own.values())))
            speed = {"updates_per_second": number / seconds}
            few = sorted({round(u) for u in np.linspace(number - 1, 0, POINTS)})
            self._trackers[c].log(
                {first_update + u: {name: float(curve[u]) for name, curve in by_name.items()} | speed for u in few}
            )

    def is_due(self, update: int) -> bool:
        """Whether the state after an update gets a checkpoint."""
        every = self._recording.checkpoint_updates
        minutes = self._recording.checkpoint_minutes
        return (every is not None and update % every == 0) or (
            minutes is not None and time.monotonic() - self._last_checkpoint >= 60 * minutes
        )

    def checkpoint(self, update: int, state: PyTree) -> None:
        """Writes a checkpoint of a fetched state, to which all that was recorded belongs."""
        if self._checkpoints is not None:
            positions = [file.position() for file in self._files]
            for trackers in self._trackers:
                trackers.flush()
            failures = [self.failures.get(c) for c in range(len(self._runs))]
            self._checkpoints.save(state, Progress(update, positions, self._settings, failures))
            self._last_checkpoint = time.monotonic()

    def write_policies(self, state: PyTree) -> None:
        """Writes what runs have learned, of a fetched state."""
        if not self._writing:
            return
        for c, run in self.alive():
            for s in range(run.settings.seeds):
                one = jax.tree.map(lambda leaf, lane=c * run.settings.seeds + s: leaf[lane], state)
                if learned := study_of(run.settings).describe(one):
                    run.folder.write_policies(run.settings.first_seed + s, learned)

    def record_failures(self, why: Mapping[int, str], pruned: bool = False) -> None:
        """Records that runs, by their places, have failed, and why; or that a search has given them up."""
        self.failures |= {
            c: f"{self._runs[c].name}: {reason}; what came before is in {self._runs[c].folder.path}"
            for c, reason in why.items()
        }
        if self._writing:
            for c in why:
                folder = self._runs[c].folder
                (folder.write_pruned if pruned else folder.write_failure)(self.failures[c])

    def lanes(self) -> list[int]:
        """Lanes of runs that have not failed."""
        return [lane for c, _ in self.alive() for lane in range(self._lanes(c).start, self._lanes(c).stop)]

    def close(self) -> None:
        """Closes all files."""
        for file in self._files:
            file.close()
        for trackers in self._trackers:
            trackers.close()
        if self._checkpoints is not None:
            self._checkpoints.close()

    def alive(self) -> list[tuple[int, Run]]:
        """Runs that have not failed, with their places."""
        return [(c, run) for c, run in enumerate(self._runs) if c not in self.failures]

    def _lanes(self, c: int) -> slice:
        seeds = self._runs[c].settings.seeds
        return slice(c * seeds, (c + 1) * seeds)


def finished(runs: Sequence[Run]) -> dict[str, str] | None:
    """Of runs that learn together and have come to their end, why those failed that did, by name; `None` before.

    **Raises:** `ValueError` if settings have changed since that may not.
    """
    total = runs[0].settings.total_updates
    # Of several processes only the first sees the files for certain.
    if jax.process_count() > 1 or total not in updates_in(runs[0].checkpoints):
        return None
    checkpoints = Checkpoints(runs[0].checkpoints)
    try:
        progress = checkpoints.progress(total)
    except DamagedError:
        return None
    finally:
        checkpoints.close()
    if _sizes(runs) != list(progress.positions):
        return None
    _check_settings(runs, progress)
    why = progress.failures or [None] * len(runs)
    return {run.name: reason for run, reason in zip(runs, why, strict=True) if reason is not None}


def _is_complete(runs: Sequence[Run], progress: Progress) -> bool:
    if len(progress.positions) != len(runs):
        raise BadInputError(
            f"{str(runs[0].checkpoints)!r} is of {len(progress.positions)} runs that learn together, and "
            f"{len(runs)} of them do in this release; use the one that wrote it"
        )
    return all(size >= position for size, position in zip(_sizes(runs), progress.positions, strict=True))


def _sizes(runs: Sequence[Run]) -> list[int]:
    """Of files of metrics, in bytes; −1 for none."""
    return [os.path.getsize(run.folder.metrics) if run.folder.metrics.exists() else -1 for run in runs]


def _check_settings(runs: Sequence[Run], progress: Progress) -> None:
    for run, before in zip(runs, progress.settings, strict=True):
        now = as_fields(run.settings)
        changed = {name: pair for name, pair in differing(before, now).items() if name not in MAY_CHANGE}
        if changed:
            raise BadInputError(refusal(run.folder.path, changed))
