"""Sweeps: a preset with every combination of some fields' values, as few programs as these allow, one table."""

import dataclasses
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lookax.errors import BadInputError
from lookax.experiments.preset import Preset, Table
from lookax.experiments.registry import PRESETS, look_up
from lookax.experiments.reports.sampled import Interval
from lookax.runs.commands import terminal
from lookax.runs.commands.execute import working_in
from lookax.runs.commands.report import write_report
from lookax.runs.programs.stopping import Stop
from lookax.runs.programs.training import arranged, train
from lookax.runs.storage.config import as_fields, from_fields
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.loggers import curves
from lookax.runs.storage.run import Recording, Run

Engine = Callable[["Sweep", Path, Stop], dict[str, str]]
"""Learns a sweep's runs, or goes on with them, in a folder, until told to stop; returns why runs failed, by names."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A preset with every combination of some fields' values.

    **Attributes:** the `preset`, with the settings that all have in common; `values` by field, as the command line
    takes them; what is recorded when.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that is not allowed.
    """

    preset: Preset
    values: Mapping[str, Sequence[str]]
    recording: Recording

    def __post_init__(self):
        self.combinations()

    def combinations(self) -> dict[str, Preset]:
        """The preset with each combination of values, by a name that says which; the last field varies fastest."""
        found: dict[str, Preset] = {}
        for combination in itertools.product(*self.values.values()):
            fields = dict(zip(self.values, combination, strict=True))
            experiment = from_fields(self.preset.experiment, fields, "lookax sweep")
            experiment.validate()
            settled = as_fields(experiment)
            name = ",".join(f"{field}={_as_file_name(settled[field])}" for field in fields)
            if name in found:
                raise BadInputError(f"set: {name} is there twice")
            found[name] = dataclasses.replace(self.preset, experiment=experiment)
        return found

    def programs(self, path: Path) -> list[list[list[Run]]]:
        """Its runs by program, each with a folder in the sweep's."""
        runs = [
            Run(name, preset, RunFolder(path / name), self.recording) for name, preset in self.combinations().items()
        ]
        return arranged(runs, path / "checkpoints")


def run_sweep(sweep: Sweep, path: Path, engine: Engine) -> bool:
    """Learns a sweep's runs in a folder, or goes on with them; writes their table, `results.csv`, and their report.

    **Returns:** whether none of them failed.
    """
    top = RunFolder(path)
    with working_in(top) as stop:
        top.write_config(
            {
                "sweep": sweep.preset.name,
                "settings": as_fields(sweep.preset.experiment),
                "set": {field: list(values) for field, values in sweep.values.items()},
                "recording": dataclasses.asdict(sweep.recording),
            }
        )
        top.add_provenance(devices=False)
        runs = [run for turns in sweep.programs(path) for turn in turns for run in turn]
        for run in runs:
            run.write_config()
        failures = engine(sweep, path, stop)
        order = {name: place for place, name in enumerate(sweep.combinations())}
        runs.sort(key=lambda run: order[run.name])
        table = results(runs, list(sweep.values))
        table.to_csv(path / "results.csv", index=False)
        closing = _closing(runs, table, failures)
        top.write_table(closing)
        write_report([path], path / "report.html")
        terminal.print_table(closing)
        terminal.say(f"{len(runs)} settings in {len(sweep.programs(path))} programs; written to {path}")
    return not failures


def local(sweep: Sweep, path: Path, stop: Stop) -> dict[str, str]:
    """Learns in this process, one program after the other."""
    programs = sweep.programs(path)
    updates = sum(run.experiment.total_updates for turns in programs for turn in turns for run in turn)
    with terminal.progress(updates) as watch:
        return train(programs, watch, stop)


def results(runs: Sequence[Run], fields: Sequence[str]) -> pd.DataFrame:
    """A row per run and seed: the fields that were swept, the seed, the last update and its metrics.

    Metrics of several numbers have a column for each, as curves have (`returns/1`), or none where they are many.
    """
    rows: list[dict[str, Any]] = []
    for run in runs:
        settled, history = as_fields(run.experiment), run.result().history
        for s in range(run.experiment.seeds):
            last = curves({name: values[-1:, s : s + 1] for name, values in history.items()})
            rows.append(
                {field: settled[field] for field in fields}
                | {"seed": run.experiment.first_seed + s, "update": max(map(len, history.values()), default=1) - 1}
                | {name: float(values[0]) for name, values in last.items()}
            )
    return pd.DataFrame(rows)


def stored_sweep(content: Mapping[str, Any]) -> Sweep:
    """The sweep that a folder's configuration tells of.

    **Raises:** `ValueError`, in one line, for what makes no sense.
    """
    preset = look_up("preset", str(content["sweep"]), PRESETS)
    experiment = from_fields(preset.experiment, content["settings"], "lookax sweep")
    recording = from_fields(Recording(), content["recording"], "lookax sweep")
    return Sweep(dataclasses.replace(preset, experiment=experiment), content["set"], recording)


def parse_set(words: Sequence[str]) -> dict[str, list[str]]:
    """Values by field, from words such as `learning_rate=0.1,0.3`.

    **Raises:** `ValueError`, in one line, for words of another form and fields that are there twice.
    """
    values: dict[str, list[str]] = {}
    for word in words:
        field, equals, listed = word.partition("=")
        field = field.removeprefix("--").replace("-", "_")
        if not equals or not field or not all(listed.split(",")):
            raise BadInputError(f"set: {word!r} is not allowed; it must be field=value,value,…")
        if field in values:
            raise BadInputError(f"set: {field} is there twice")
        values[field] = listed.split(",")
    return values


def _as_file_name(value: Any) -> str:
    text = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    return re.sub(r"[^\w.+-]+", "_", text)


def _closing(runs: Sequence[Run], table: pd.DataFrame, failures: Mapping[str, str]) -> Table:
    """Headline metrics of every run, means over seeds with intervals."""
    headline = [
        name
        for name in table.columns
        for head in runs[0].preset.report.headline
        if re.fullmatch(rf"{head}(/\d+)?", name)
    ]
    rows, start = [], 0
    for run in runs:
        own = table.iloc[start : start + run.experiment.seeds]
        start += run.experiment.seeds
        cells = [str(Interval.of(own[name].to_numpy(float))) for name in headline]
        rows.append([run.name, str(own["update"].iloc[-1]), *cells])
    notes = [
        "Last update's metrics: means over seeds with 95 % intervals. results.csv has every seed's.",
        *failures.values(),
    ]
    return Table(["setting", "update", *headline], rows, [None] * len(rows), notes)
