"""Sweeps: a preset with every combination of some fields' values, as few programs as these allow, one table."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lookax.experiments.preset import Table
from lookax.experiments.reports.intervals import Interval
from lookax.runs.commands import terminal
from lookax.runs.commands.execute import train_all, working_in
from lookax.runs.commands.report import write_report
from lookax.runs.programs import compilation_cache
from lookax.runs.programs.stopping import Stop, stop_on_signals
from lookax.runs.programs.training import arranged, train
from lookax.runs.programs.watch import Watch
from lookax.runs.storage.config import as_fields, read_yaml
from lookax.runs.storage.folder import CONFIG, RunFolder
from lookax.runs.storage.loggers import curves
from lookax.runs.storage.metrics import last_rows
from lookax.runs.storage.provenance import provenance
from lookax.runs.storage.run import Run, origin_of
from lookax.runs.sweeps.combinations import Sweep, stored_sweep

SECONDS_PER_LOOK = 1.0
"""Between looks at how far other processes have come."""

Engine = Callable[["Sweep", Path, Stop], dict[str, str]]
"""Learns a sweep's runs, or goes on with them, in a folder, until asked to stop; returns why runs failed, by names."""


def programs_of(sweep: Sweep, path: Path) -> list[list[list[Run]]]:
    """A sweep's runs by program, each with a folder in the sweep's."""
    runs = [Run(name, preset, RunFolder(path / name), sweep.recording) for name, preset in sweep.combinations().items()]
    return arranged(runs, path / "checkpoints")


def run_sweep(sweep: Sweep, path: Path, engine: Engine) -> bool:
    """Learns a sweep's runs in a folder, or goes on with them; writes their table, `results.csv`, and their report.

    **Arguments:** the `sweep`; `path`, its folder; the `engine` that computes its programs.

    **Returns:** whether none of them failed.
    """
    top = RunFolder(path)
    with working_in(top) as stop:
        top.write_config(
            {
                "sweep": sweep.preset.name,
                **origin_of(sweep.preset.name),
                "settings": as_fields(sweep.preset.settings),
                "set": {field: list(values) for field, values in sweep.values.items()},
                "recording": as_fields(sweep.recording),
            }
        )
        top.add_provenance(provenance(devices=False))
        runs = [run for turns in programs_of(sweep, path) for turn in turns for run in turn]
        for run in runs:
            run.write_config()
        failures = engine(sweep, path, stop)
        order = {name: place for place, name in enumerate(sweep.combinations())}
        runs.sort(key=lambda run: order[run.name])
        table = results(runs, list(sweep.values))
        table.to_csv(path / "results.csv", index=False)
        closed = closing(runs, table, failures)
        top.write_table(closed)
        write_report([path], path / "report.html")
        terminal.print_table(closed)
        number = len(programs_of(sweep, path))
        terminal.say(f"{len(runs)} settings in {number} program{'' if number == 1 else 's'}; written to {path}")
    return not failures


def local(sweep: Sweep, path: Path, stop: Stop) -> dict[str, str]:
    """Learns in this process, one program after the other.

    **Arguments:** the `sweep`; `path`, its folder; `stop`, heeded after every update.
    """
    programs = programs_of(sweep, path)
    updates = sum(run.settings.total_updates for turns in programs for turn in turns for run in turn)
    with terminal.progress(updates) as watch:
        return train_all(programs, watch, stop)


class Followed:
    """How far programs have come that other processes learn.

    **Arguments:** the `programs`; `watch`, called as runs go on.
    """

    def __init__(self, programs: Sequence[Sequence[Sequence[Run]]], watch: Watch):
        self._runs = [run for turns in programs for turn in turns for run in turn]
        self._seen = dict.fromkeys((run.name for run in self._runs), 0)
        self._watch = watch

    def look(self) -> None:
        """Looks at the ends of their files."""
        for run in self._runs:
            rows = last_rows(run.folder.metrics, run.settings.seeds)
            reached = rows[0]["update"] if rows else 0
            self._watch([run], reached - self._seen[run.name], {})
            self._seen[run.name] = reached


def learn_program(path: Path, number: int) -> dict[str, str]:
    """Learns one program of the sweep in a folder, or goes on with it, in a process for it; returns why runs failed.

    **Arguments:** `path`, the sweep's folder; the program's `number`.
    """
    compilation_cache.turn_on()
    program = programs_of(stored_sweep(read_yaml(path / CONFIG)), path)[number]
    with RunFolder(path / "checkpoints" / f"program-{number}").claimed(), stop_on_signals(path) as stop:
        return train(program, lambda *_, **__: None, stop)


def results(runs: Sequence[Run], fields: Sequence[str]) -> pd.DataFrame:
    """A row per run and seed: the fields that were swept, the seed, the last update, the state, that update's metrics.

    The state is finished, failed, or pruned, which is what a search gave up.

    Metrics of several numbers have a column for each, as curves have (`returns/1`), or none where they are many.
    """
    rows: list[dict[str, Any]] = []
    for run in runs:
        settled, history = as_fields(run.settings), run.result().history
        for s in range(run.settings.seeds):
            last = curves({name: values[-1:, s : s + 1] for name, values in history.items()})
            rows.append(
                {field: settled[field] for field in fields}
                | {"seed": run.settings.first_seed + s, "update": max(map(len, history.values()), default=1) - 1}
                | {"state": "pruned" if run.folder.pruned() else "failed" if run.folder.failure() else "finished"}
                | {name: float(values[0]) for name, values in last.items()}
            )
    return pd.DataFrame(rows)


def closing(runs: Sequence[Run], table: pd.DataFrame, failures: Mapping[str, str]) -> Table:
    """Headline metrics of every run, means over seeds with intervals.

    **Arguments:** the `runs`; the `table` of their `results`; why runs failed, by names: `failures`.
    """
    headline = [
        name
        for name in table.columns
        for head in runs[0].preset.report.headline
        if re.fullmatch(rf"{head}(/\d+)?", name)
    ]
    rows, start = [], 0
    for run in runs:
        own = table.iloc[start : start + run.settings.seeds]
        start += run.settings.seeds
        cells = [str(Interval.of(own[name].to_numpy(float), name)) for name in headline]
        rows.append([run.name, str(own["update"].iloc[-1]), own["state"].iloc[-1], *cells])
    notes = [
        "Last update's metrics: means over seeds with 95 % intervals. results.csv has every seed's.",
        *failures.values(),
    ]
    return Table(["setting", "update", "state", *headline], rows, [None] * len(rows), notes)
