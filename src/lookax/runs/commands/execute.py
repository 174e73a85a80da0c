"""Runs presets and figures from start to finish: folders, learning, drawings, closing tables; and goes on with them."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from lookax.experiments.preset import Figure, Preset, Result, Table
from lookax.experiments.registry import PRESETS, figure_of
from lookax.runs.commands import terminal
from lookax.runs.commands.reproduction import Reproduction
from lookax.runs.errors import RunFailedError
from lookax.runs.processes import is_first_process
from lookax.runs.programs.stopping import Stop, stop_on_signals
from lookax.runs.programs.training import Judge, arranged, train
from lookax.runs.programs.watch import Watch
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.provenance import provenance
from lookax.runs.storage.run import Run, origin_of


def learn(runs: Sequence[Run], checkpoints: Path, stop: Stop) -> list[Result]:
    """Learns runs, or goes on with them, each in its folder; those that can share a program, in one.

    **Arguments:** the folder of their `checkpoints`; `stop`, which is heeded.

    **Returns:** their results; none in other processes than the first.

    **Raises:** `RunFailedError`, naming the quantity, the update and the seed, when all others have come to their ends.
    """
    programs = arranged(runs, checkpoints)
    if is_first_process():
        for run in (run for turns in programs for turn in turns for run in turn):
            run.write_config()
    with terminal.progress(sum(run.settings.total_updates for run in runs)) as watch:
        failures = train_all(programs, watch, stop)
    if failures:
        raise RunFailedError("; ".join(failures.values()))
    return [run.result() for run in runs] if is_first_process() else []


def train_all(
    programs: Sequence[Sequence[Sequence[Run]]], watch: Watch, stop: Stop, judge: Judge | None = None
) -> dict[str, str]:
    """Learns the runs of one program after the other, as they are `arranged`; returns why runs failed, by names.

    **Arguments:** the `programs`; `watch`, called as runs go on; `stop`, heeded after every update; the `judge`,
    who may give runs up.
    """
    failures: dict[str, str] = {}
    for program in programs:
        failures |= train(program, watch, stop, judge)
        # JAX keeps compiled programs, each in a thousand mappings of memory: some sixty are as many as Linux allows.
        jax.clear_caches()
    return failures


@contextlib.contextmanager
def working_in(folder: RunFolder) -> Iterator[Stop]:
    """Within, the folder is this process's alone, and signals ask to stop.

    **Raises:** `ValueError` if another process works in it; `OSError`, in one line, if it cannot be written;
    `RunFailedError` if a process that takes part has gone.
    """
    try:
        with folder.claimed(), stop_on_signals(folder.path) as stop:
            yield stop
    except jax.errors.JaxRuntimeError as reason:
        if jax.process_count() == 1:
            raise
        first = str(reason).splitlines()[0]
        raise RunFailedError(
            f"another process has gone ({first}); `lookax resume` the folder with all of them"
        ) from reason
    except OSError as reason:
        what = f"{reason.strerror} ({reason.filename or folder.path})" if reason.strerror else str(reason)
        raise OSError(
            f"{what}; what was written before is kept: mend that, and `lookax resume {folder.path}` goes on"
        ) from reason


def run_preset(run: Run) -> None:
    """Learns a preset, or goes on with it; writes its figure and its closing table.

    It is compared with the published result if nothing but seeds differs from what was published.
    """
    with working_in(run.folder) as stop:
        results = learn([run], run.checkpoints, stop)
        if results:
            figure = published(run.preset)
            _close(run.folder, run.preset.report.draw(results), (figure or run.preset).report.table(results))


def reproduce(reproduction: Reproduction, out: Path) -> dict[str, Table]:
    """Learns figures' presets, each into a folder of its own in `out`, draws and compares them; or goes on with that.

    Each figure of a collection gets a folder inside `out`.

    **Returns:** the closing tables, by figure.
    """
    tables: dict[str, Table] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    top = RunFolder(out)
    with working_in(top) as stop:
        top.write_config(
            {
                "collection" if reproduction.collection() else "figure": reproduction.name,
                **origin_of(reproduction.name),
                "seeds": reproduction.seeds,
                "first_seed": reproduction.first_seed,
                "recording": as_fields(reproduction.recording),
            }
        )
        top.add_provenance(provenance(devices=True))
        for figure in reproduction.figures():
            folder = top
            if reproduction.collection():
                folder = RunFolder(top.path / figure.name)
                terminal.say(f"\n{figure.name}: {figure.description}")
            runs = [
                Run(preset.name, preset, RunFolder(folder.path / preset.name), reproduction.recording)
                for preset in figure.presets
            ]
            results = learn(runs, folder.path / "checkpoints", stop)
            tables[figure.name] = figure.report.table(results)
            _close(folder, figure.report.draw(results), tables[figure.name])
            terminal.print_closing(tables[figure.name], folder.path)
    verdicts = [verdict for table in tables.values() for verdict in table.verdicts if verdict is not None]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    agreement = f"{sum(verdicts)} of {len(verdicts)} settings that have a reference agree with it; " if verdicts else ""
    terminal.say(f"{agreement}computing took {wall:.0f} s ({cpu:.0f} CPU-s)")
    return tables


def published(preset: Preset) -> Figure | None:
    """The figure to compare a preset with, if nothing but seeds differs from what was published."""
    original = PRESETS.get(preset.name)
    if original is None:
        return None
    seeds = {"seeds": preset.settings.seeds, "first_seed": preset.settings.first_seed}
    unchanged = dataclasses.replace(original.settings, **seeds) == preset.settings
    return figure_of(original) if unchanged else None


def _close(folder: RunFolder, drawing: Any, table: Table) -> None:
    folder.write_figure(drawing)
    folder.write_table(table)
