"""The loop over updates: learn, check, record; stop on request, and go on from where a run was."""

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from lookax.runs.programs.devices import Rounds, agreed
from lookax.runs.programs.lanes import LOOP, Lanes, grouped
from lookax.runs.programs.recorder import Recorder, finished
from lookax.runs.programs.stopping import Stop
from lookax.runs.programs.watch import Watch
from lookax.runs.storage.metrics import History
from lookax.runs.storage.run import Run

BURST_SECONDS = 0.3
"""Updates that take so long together are recorded at once."""


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

    return [[placed(turn) for turn in turns] for turns in grouped([run.settings for run in runs])]


Judge = Callable[[int, Mapping[str, Mapping[str, np.ndarray]]], Collection[str]]
"""Given an update, and of runs by name their metrics `[seeds, …]` after it: says which runs to give up."""


def train(program: Sequence[Sequence[Run]], watch: Watch, stop: Stop, judge: Judge | None = None) -> dict[str, str]:
    """Learns all runs of a program and writes their files as it goes.

    Each begins at the beginning, or goes on from its newest sound checkpoint. A run with a metric that is not finite
    fails: its files hold everything up to the update before. The others go on.

    **Arguments:** the `program`, a list per turn, as runs are `arranged`; `watch`, called as runs go on; `stop`, heeded
    after every update; the `judge`, asked at every checkpoint by updates before the last.

    **Returns:** why runs failed, by their names: quantity, update and seed; or that they were given up.

    **Raises:** [`StoppedError`][lookax.runs.errors.StoppedError] once asked to stop, with a checkpoint
    written. `OSError` where files cannot be written.
    """
    failures: dict[str, str] = {}
    lanes: Lanes | None = None
    for together in program:
        over = finished(together)
        if over is not None:
            watch(together, together[0].settings.total_updates, {}, resumed=True)
            failures |= over
            continue
        settings = [run.settings for run in together]
        lanes = Lanes(settings) if lanes is None else lanes.with_numbers_of(settings)
        failures |= _Learning(together, lanes, watch, stop, judge).learn()
    return failures


class _AllFailedError(Exception):
    """No run of a program is left."""


class _Learning:
    def __init__(self, runs: Sequence[Run], lanes: Lanes, watch: Watch, stop: Stop, judge: Judge | None):
        self._runs = runs
        self._total = runs[0].settings.total_updates
        self._lanes = lanes
        self._recorder = Recorder(runs)
        self._watch = watch
        self._judge = judge
        self._stop = stop
        self._update = -1
        self._state: Rounds = ()

    def learn(self) -> dict[str, str]:
        """From where it was to the end; returns why runs failed, by their names."""
        try:
            resumed = self._recorder.resume(self._lanes)
            if resumed is not None:
                self._update, self._state = resumed
                self._watch(self._runs, self._update, {}, resumed=True)
            self._stop.leave = self._leave
            if len(self._recorder.failures) < len(self._runs):
                self._learn()
        except _AllFailedError:
            pass
        finally:
            with self._stop.lock:
                self._stop.leave = str
                self._recorder.close()
        return {self._runs[c].name: why for c, why in self._recorder.failures.items()}

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
                self._recorder.record(self._update + 1, metrics, seconds)
                self._update, self._state = self._update + number, state
            self._watch(self._runs, number if self._update else 0, self._headline(metrics))
            self._prune(metrics)
            # Waiting for other processes is done without the lock, so that no process is kept from leaving.
            requested, due, count = agreed(
                self._stop.signal,
                int(self._recorder.is_due(self._update)),
                max(1, min(2 * count, int(number * BURST_SECONDS / seconds))),
            )
            over = self._update == self._total
            if requested and not over:
                self._stop.signal = requested
                self._stop.noticed.set()
            if requested or due or over:
                fetched = self._lanes.fetch(state)
                with self._stop.lock:
                    if over:
                        self._recorder.write_policies(fetched)
                    self._recorder.checkpoint(self._update, fetched)
            if requested and not over:
                raise self._stop.error(self._where())

    def _burst(self, count: int) -> tuple[Rounds, History, int] | None:
        """State and metrics of the next updates, fewer if it is time to stop or for a checkpoint.

        `None` if one of them fails, which is then to be found by itself.
        """
        try:
            if self._update < 0:
                state, metrics = self._lanes.start()
                history = {name: values[None] for name, values in self._lanes.fetch(metrics).items()}
                made = 1
            else:
                state, history, made = self._steps(self._most(count))
        except eqx.EquinoxRuntimeError:
            if count > 1:
                return None
            # Which lane it was, XLA does not tell.
            why = f"a solver did not converge at update {self._update + 1} of some seed"
            raise self._failed(dict.fromkeys(range(len(self._runs)), why)) from None
        bad = _not_finite(history, self._recorder.lanes())
        if bad and count > 1:
            return None
        if bad:
            self._fail(bad)
        return state, history, made

    def _steps(self, count: int) -> tuple[Rounds, History, int]:
        """State and metrics of the next updates, fewer if it is time to stop."""
        state, calls, made = self._state, [], 0
        while made < count and not (made and self._stop.signal and jax.process_count() == 1):
            number = min(LOOP, count - made)
            state, metrics = self._lanes.steps(self._update + 1 + made, number, state)
            calls.append((number, metrics))
            made += number
        # Fetched once all are under way, so that no device waits for it.
        fetched = [
            {name: np.moveaxis(values[:, :number], 1, 0) for name, values in self._lanes.fetch(metrics).items()}
            for number, metrics in calls
        ]
        return state, {name: np.concatenate([entry[name] for entry in fetched]) for name in fetched[0]}, made

    def _most(self, count: int) -> int:
        every = self._runs[0].recording.checkpoint_updates
        until_due = count if every is None else every - self._update % every
        return min(count, until_due, self._total - self._update)

    def _fail(self, names: Mapping[int, str]) -> None:
        """Records failures: of lanes, the names of metrics that are not finite after the next update."""
        first_seed, seeds = self._runs[0].settings.first_seed, self._runs[0].settings.seeds
        why: dict[int, str] = {}
        for lane, name in names.items():
            reason = f"{name} is not finite at update {self._update + 1} of seed {first_seed + lane % seeds}"
            why.setdefault(lane // seeds, reason)
        failed = self._failed(why)
        if len(self._recorder.failures) == len(self._runs):
            raise failed

    def _prune(self, metrics: History) -> None:
        """Gives runs up that the judge finds no good, where it is asked."""
        every = self._runs[0].recording.checkpoint_updates
        if self._judge is None or every is None or not 0 < self._update < self._total or self._update % every:
            return
        places = {run.name: place for place, run in self._recorder.alive()}
        seeds = self._runs[0].settings.seeds
        last = {
            name: {metric: values[-1, place * seeds : (place + 1) * seeds] for metric, values in metrics.items()}
            for name, place in places.items()
        }
        why = {places[name]: f"pruned after update {self._update}" for name in self._judge(self._update, last)}
        if why:
            failed = self._failed(why, pruned=True)
            if len(self._recorder.failures) == len(self._runs):
                raise failed

    def _failed(self, why: Mapping[int, str], pruned: bool = False) -> _AllFailedError:
        """Records that runs, by their places, have failed, or been pruned, and keeps what came before."""
        before = self._lanes.fetch(self._state) if self._update >= 0 else None
        with self._stop.lock:
            if before is not None:
                self._recorder.write_policies(before)
            self._recorder.record_failures(why, pruned)
            if before is not None and len(self._recorder.failures) == len(self._runs):
                self._recorder.checkpoint(self._update, before)
        return _AllFailedError()

    def _headline(self, metrics: History) -> dict[str, float]:
        names = [name for name in self._runs[0].preset.report.headline if name in metrics]
        return {name: float(metrics[name][-1, self._recorder.lanes()].mean()) for name in names}

    def _where(self) -> str:
        return f"at update {self._update} of {self._total}" if self._update >= 0 else "before the first update"


def _not_finite(metrics: History, lanes: Sequence[int]) -> dict[int, str]:
    """Of each of these lanes with a metric that is not finite, the first one's name; metrics `[updates, lanes, …]`."""
    found: dict[int, str] = {}
    for name, values in metrics.items():
        finite = np.asarray(np.isfinite(values).all(axis=(0, *range(2, values.ndim))))
        found |= {lane: found.get(lane, name) for lane in lanes if not finite[lane]}
    return dict(sorted(found.items()))
