"""The loop over updates: learn, check, record; stop when told, and go on from where a run was."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from lookax.runs.devices import agreed
from lookax.runs.lanes import Lanes, grouped
from lookax.runs.metrics import History
from lookax.runs.recording import Recorder
from lookax.runs.run import Run
from lookax.runs.stopping import Stop

BURST_SECONDS = 0.3
"""Updates that take so long together are recorded at once."""


@runtime_checkable
class Watch(Protocol):
    """What follows runs as they go on."""

    def __call__(
        self, runs: Sequence[Run], updates: int, metrics: Mapping[str, float], *, resumed: bool = False
    ) -> None:
        """Runs that learn together have made so many updates more; their latest headline metrics, means over seeds.

        **Arguments:** `resumed`: these updates had been made before.
        """
        ...


class RunFailedError(ArithmeticError):
    """A quantity has become infinite or not a number, or a solver gave up; what was computed before is kept."""


def arranged(runs: Sequence[Run], checkpoints: Path) -> list[list[list[Run]]]:
    """Runs by program: a list per program, in it a list per turn, in it those that learn at once.

    Those that do are given the folder of their checkpoints, within the one named, and their places in it.
    """
    if len(runs) == 1:
        return [[[dataclasses.replace(runs[0], checkpoints=checkpoints)]]]
    number = iter(range(len(runs)))

    def placed(turn: Sequence[int]) -> list[Run]:
        folder = checkpoints / f"{next(number):03}"
        return [dataclasses.replace(runs[i], checkpoints=folder, place=place) for place, i in enumerate(turn)]

    return [[placed(turn) for turn in turns] for turns in grouped([run.experiment for run in runs])]


def train(programs: Sequence[Sequence[Sequence[Run]]], watch: Watch, stop: Stop) -> None:
    """Learns all runs and writes their files as it goes; each from the beginning, or from its newest sound checkpoint.

    **Arguments:** `programs`, as they are `arranged`; `watch`, called as runs go on; `stop`, heeded after every update.

    **Raises:** [`RunFailedError`][lookax.runs.training.RunFailedError], naming the quantity, the update and the seed,
    if a metric is not finite: the files hold everything up to the update before.
    [`StoppedError`][lookax.runs.stopping.StoppedError] after SIGTERM and SIGINT, with a checkpoint written. `OSError`
    where files cannot be written.
    """
    for program in programs:
        lanes: Lanes | None = None
        for together in program:
            experiments = [run.experiment for run in together]
            lanes = Lanes(experiments) if lanes is None else lanes.with_numbers_of(experiments)
            _Learning(together, lanes, watch, stop).learn()
        # Compiled programs are kept, each in a thousand pieces of memory: some sixty are as many as Linux allows.
        jax.clear_caches()


class _Learning:
    def __init__(self, runs: Sequence[Run], lanes: Lanes, watch: Watch, stop: Stop):
        self._runs = runs
        self._total = runs[0].experiment.total_updates
        self._lanes = lanes
        self._recorder = Recorder(runs)
        self._watch = watch
        self._stop = stop
        self._update, self._state = -1, None

    def learn(self) -> None:
        """From where it was to the end."""
        try:
            resumed = self._recorder.resume(self._lanes)
            if resumed is not None:
                self._update, self._state = resumed
                self._watch(self._runs, self._update, {}, resumed=True)
                if self._update >= self._total:
                    return
            for run in self._runs:
                run.folder.forget_failure()
            self._stop.leave = self._leave
            self._learn()
        finally:
            with self._stop.lock:
                self._stop.leave = str
                self._recorder.close()

    def _leave(self) -> str:
        if self._update >= 0 and jax.process_count() == 1:
            self._recorder.checkpoint(self._update, self._lanes.fetch(self._state))
        return self._where()

    def _learn(self) -> None:
        count = 1
        while self._update < self._total:
            began = time.perf_counter()
            burst = self._burst(count)
            if burst is None:
                count = 1
                continue
            state, metrics, number = burst
            seconds = time.perf_counter() - began
            with self._stop.lock:
                self._recorder.record(self._update + 1, metrics)
                self._update, self._state = self._update + number, state
            self._watch(self._runs, number if self._update else 0, self._headline(metrics))
            # Waiting for other processes is done without the lock, so that nobody is kept from leaving.
            told, due, count = agreed(
                self._stop.signal,
                int(self._recorder.is_due(self._update)),
                max(1, min(2 * count, int(number * BURST_SECONDS / seconds))),
            )
            over = self._update == self._total
            if told and not over:
                self._stop.signal = told
                self._stop.noticed.set()
            if told or due or over:
                fetched = self._lanes.fetch(state)
                with self._stop.lock:
                    if over:
                        self._recorder.write_policies(fetched)
                    self._recorder.checkpoint(self._update, fetched)
            if told and not over:
                raise self._stop.error(self._where())

    def _burst(self, count: int) -> tuple[PyTree, History, int] | None:
        """State and metrics of the next updates, fewer if it is time to stop or for a checkpoint.

        `None` if one of them fails, which is then to be found by itself.
        """
        state, metrics = self._state, []
        try:
            if self._update < 0:
                state, first = self._lanes.start()
                metrics.append(first)
            else:
                for number in range(self._update + 1, self._update + 1 + self._most(count)):
                    state, entry = self._lanes.step(number, state)
                    metrics.append(entry)
                    if self._stop.signal and jax.process_count() == 1:
                        break
            fetched = self._lanes.fetch(metrics)
        except eqx.EquinoxRuntimeError:
            if count > 1:
                return None
            names = ", ".join(run.name for run in self._runs)
            raise self._failed(
                f"{names}: a solver did not converge at update {self._update + 1} of some seed"
            ) from None
        history = {name: np.stack([entry[name] for entry in fetched]) for name in fetched[0]}
        bad = _not_finite(history)
        if bad is not None and count > 1:
            return None
        if bad is not None:
            name, lane = bad
            run = self._runs[lane // self._runs[0].experiment.seeds]
            seed = run.experiment.first_seed + lane % run.experiment.seeds
            raise self._failed(f"{run.name}: {name} is not finite at update {self._update + 1} of seed {seed}")
        return state, history, len(metrics)

    def _most(self, count: int) -> int:
        every = self._runs[0].recording.checkpoint_updates
        until_due = count if every is None else every - self._update % every
        return min(count, until_due, self._total - self._update)

    def _failed(self, what: str) -> RunFailedError:
        """Keeps what came before, and says so."""
        if self._update >= 0:
            before = self._lanes.fetch(self._state)
            with self._stop.lock:
                self._recorder.write_policies(before)
                self._recorder.checkpoint(self._update, before)
        message = f"{what}; what came before is in {self._runs[0].folder.path}"
        for run in self._runs:
            run.folder.write_failure(message)
        return RunFailedError(message)

    def _headline(self, metrics: History) -> dict[str, float]:
        names = [name for name in self._runs[0].preset.report.headline if name in metrics]
        return {name: float(metrics[name][-1].mean()) for name in names}

    def _where(self) -> str:
        return f"at update {self._update} of {self._total}" if self._update >= 0 else "before the first update"


def _not_finite(metrics: History) -> tuple[str, int] | None:
    """A metric and a lane of it where it is not finite, if any; metrics are `[updates, lanes, …]`."""
    for name, values in metrics.items():
        bad = np.flatnonzero(~np.isfinite(values).all(axis=(0, *range(2, values.ndim))))
        if bad.size:
            return name, int(bad[0])
    return None
