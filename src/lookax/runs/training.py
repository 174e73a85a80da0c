"""The loop over updates: learn, check, write."""

import dataclasses
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from lookax.experiments.preset import Result
from lookax.runs.folder import RunFolder, metric_rows
from lookax.runs.lanes import Experiment, Lanes, Metrics, grouped

History = dict[str, np.ndarray]


class RunFailedError(ArithmeticError):
    """A quantity has become infinite or not a number, or a solver gave up; what was computed before is kept."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A preset's name, its settings, and the folder for its files."""

    name: str
    experiment: Experiment
    folder: RunFolder


def train(runs: Sequence[Run], advance: Callable[[int], None]) -> list[Result]:
    """Learns all runs, those that can share a program in one, and writes their files as it goes.

    **Arguments:** `advance` is called with the number of runs in a program after each of its updates.

    **Raises:** [`RunFailedError`][lookax.runs.training.RunFailedError], naming the quantity, the update and the seed,
    as soon as a metric is not finite. The files hold everything up to the update before.
    """
    results: dict[int, Result] = {}
    for turns in grouped([run.experiment for run in runs]):
        for turn in turns:
            together = [runs[i] for i in turn]
            results |= zip(turn, _train_together(together, advance), strict=True)
        # Compiled programs are kept, each in a thousand pieces of memory: some sixty are as many as Linux allows.
        jax.clear_caches()
    return [results[i] for i in range(len(runs))]


def _train_together(runs: Sequence[Run], advance: Callable[[int], None]) -> list[Result]:
    lanes = Lanes([run.experiment for run in runs])
    histories: list[list[History]] = [[] for _ in runs]
    state, metrics = lanes.start()
    _record(runs, histories, 0, metrics)
    for update in range(1, runs[0].experiment.total_updates + 1):
        before = state
        try:
            state, metrics = lanes.step(update, state)
            _record(runs, histories, update, metrics)
        except RunFailedError:
            _write_policies(runs, before)
            raise
        except eqx.EquinoxRuntimeError:
            _write_policies(runs, before)
            names = ", ".join(run.name for run in runs)
            raise RunFailedError(
                f"{names}: a solver did not converge at update {update} of some seed; "
                f"what came before is in {runs[0].folder.path}"
            ) from None
        advance(len(runs))
    _write_policies(runs, state)
    return [Result(run.name, run.experiment, _stacked(history)) for run, history in zip(runs, histories, strict=True)]


def _record(runs: Sequence[Run], histories: list[list[History]], update: int, metrics: Metrics) -> None:
    own = [{name: np.asarray(values[c]) for name, values in metrics.items()} for c in range(len(runs))]
    for run, history, entry in zip(runs, histories, own, strict=True):
        _check_finite(run, update, entry)
        history.append(entry)
        run.folder.append_metrics(metric_rows(update, run.experiment.first_seed, entry))


def _check_finite(run: Run, update: int, metrics: History) -> None:
    for name, values in metrics.items():
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        if bad.size:
            raise RunFailedError(
                f"{run.name}: {name} is not finite at update {update} of seed {run.experiment.first_seed + bad[0]}; "
                f"what came before is in {run.folder.path}"
            )


def _write_policies(runs: Sequence[Run], state: PyTree) -> None:
    for c, run in enumerate(runs):
        for s in range(run.experiment.seeds):
            one = jax.tree.map(lambda leaf, c=c, s=s: np.asarray(leaf[c, s]), state)
            learned = run.experiment.describe(one)
            if learned:
                run.folder.write_policies(run.experiment.first_seed + s, learned)


def _stacked(history: list[History]) -> History:
    return {name: np.stack([entry[name] for entry in history if name in entry]) for name in history[-1]}
