"""Runs presets and figures from start to finish: folders, learning, drawings, closing tables; and goes on with them."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError, check
from lookax.experiments.preset import Collection, Figure, Preset, Result, Table
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS, figure_of, look_up
from lookax.runs.commands import terminal
from lookax.runs.programs.devices import is_first_process
from lookax.runs.programs.stopping import Stop, stop_on_signals
from lookax.runs.programs.training import arranged, train
from lookax.runs.storage.checkpoints import updates_in
from lookax.runs.storage.config import as_fields, differing, fields_of, from_fields
from lookax.runs.storage.folder import CONFIG, RunFolder
from lookax.runs.storage.recording import MAY_CHANGE, refusal
from lookax.runs.storage.run import Recording, Run, read_config


class RunFailedError(ArithmeticError):
    """A quantity has become infinite or not a number, or a solver gave up; what was computed before is kept."""


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
    with terminal.progress(sum(run.experiment.total_updates for run in runs)) as watch:
        failures = train(programs, watch, stop)
    if failures:
        raise RunFailedError("; ".join(failures.values()))
    return [run.result() for run in runs] if is_first_process() else []


@contextlib.contextmanager
def working_in(folder: RunFolder) -> Iterator[Stop]:
    """Within, the folder is this process's alone, and signals ask to stop.

    **Raises:** `ValueError` if another process works in it; `OSError`, in one line, if it cannot be written.
    """
    try:
        with folder.claimed(), stop_on_signals(folder.path) as stop:
            yield stop
    except OSError as reason:
        what = f"{reason.strerror} ({reason.filename or folder.path})" if reason.strerror else str(reason)
        raise OSError(
            f"{what}; what was written before is kept: mend that, and `lookax resume {folder.path}` goes on"
        ) from reason


def run_preset(run: Run) -> None:
    """Learns a preset, or goes on with it, draws it and prints its closing table.

    It is compared with the published result if nothing but seeds differs from what was published.
    """
    with working_in(run.folder) as stop:
        results = learn([run], run.checkpoints, stop)
        if results:
            figure = published(run.preset)
            _close(run.folder, run.preset.report.draw(results), (figure or run.preset).report.table(results))


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """Published figures to be reproduced.

    **Attributes:** the `name` of a figure or collection; how many `seeds` each preset gets, None for as many as it
    says, and the `first_seed`; what is recorded when.
    """

    name: str
    seeds: int | None
    first_seed: int
    recording: Recording

    def __post_init__(self):
        for figure in self.figures():
            for preset in figure.presets:
                preset.experiment.validate()

    def collection(self) -> Collection | None:
        """The collection, if it is one."""
        return COLLECTIONS.get(self.name)

    def figures(self) -> Sequence[Figure]:
        """Its figures, with presets of as many seeds as asked for."""
        chosen = look_up("figure", self.name, FIGURES | COLLECTIONS)
        return [self._with_seeds(figure) for figure in (chosen.figures if isinstance(chosen, Collection) else [chosen])]

    def _with_seeds(self, figure: Figure) -> Figure:
        def changed(preset: Preset) -> Preset:
            number = preset.experiment.seeds if self.seeds is None else self.seeds
            experiment = dataclasses.replace(preset.experiment, seeds=number, first_seed=self.first_seed)
            return dataclasses.replace(preset, experiment=experiment)

        return dataclasses.replace(figure, presets=[changed(preset) for preset in figure.presets])


def reproduce(reproduction: Reproduction, out: Path) -> bool:
    """Learns figures' presets, each into a folder of its own in `out`, draws and compares them; or goes on with that.

    Each figure of a collection gets a folder inside `out`.

    **Returns:** whether everything that can be compared agrees with the published result.
    """
    verdicts: list[bool] = []
    wall, cpu = time.perf_counter(), time.process_time()
    top = RunFolder(out)
    with working_in(top) as stop:
        top.write_config(
            {
                "collection" if reproduction.collection() else "figure": reproduction.name,
                "seeds": reproduction.seeds,
                "first_seed": reproduction.first_seed,
                "recording": dataclasses.asdict(reproduction.recording),
            }
        )
        top.add_provenance(devices=True)
        for figure in reproduction.figures():
            folder = top
            if reproduction.collection():
                folder = RunFolder(out / figure.name)
                terminal.say(f"\n{figure.name}: {figure.description}")
            runs = [
                Run(preset.name, preset, RunFolder(folder.path / preset.name), reproduction.recording)
                for preset in figure.presets
            ]
            results = learn(runs, folder.path / "checkpoints", stop)
            table = figure.report.table(results)
            _close(folder, figure.report.draw(results), table)
            verdicts += [verdict for verdict in table.verdicts if verdict is not None]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    agreement = f"{sum(verdicts)} of {len(verdicts)} settings that have a reference agree with it; " if verdicts else ""
    terminal.say(f"{agreement}computing took {wall:.0f} s ({cpu:.0f} CPU-s)")
    return all(verdicts)


def resume(path: Path, changes: Callable[[Run], Run]) -> bool:
    """Goes on with whatever a folder holds: a run, figures that are being reproduced.

    **Arguments:** `changes`, made to a run's settings and recording before it goes on. They are made before anything
    starts JAX, so that a process may join others there.

    **Returns:** False where a published result disagrees.

    **Raises:** `ValueError` for a folder that holds none of them, or that is part of another, and for settings that may
    not change.
    """
    folder = RunFolder(path)
    content = folder.config()
    if "preset" not in content:
        return reproduce(_reproduction(content, path), path)
    before = read_config(content, path / CONFIG, folder)
    if before.checkpoints.parent != path.resolve():
        top = before.checkpoints.parent.parent
        raise BadInputError(f"{str(path)!r} learns together with others; resume {str(top)!r}")
    after = changes(before)
    before.validate(path / CONFIG)
    changed = differing(as_fields(before.experiment), as_fields(after.experiment))
    if refused := {name: pair for name, pair in changed.items() if name not in MAY_CHANGE}:
        raise BadInputError(refusal(path, refused))
    after.experiment.validate()
    after.recording.validate()
    reached = max(updates_in(after.checkpoints), default=0)
    least = f"at least {reached}, where the run is"
    check(after.experiment.total_updates >= reached, "total_updates", after.experiment.total_updates, least)
    run_preset(after)
    return True


def published(preset: Preset) -> Figure | None:
    """The figure to compare a preset with, if nothing but seeds differs from what was published."""
    original = PRESETS[preset.name]
    seeds = {"seeds": preset.experiment.seeds, "first_seed": preset.experiment.first_seed}
    unchanged = dataclasses.replace(original.experiment, **seeds) == preset.experiment
    return figure_of(original) if unchanged else None


def _reproduction(content: Mapping[str, Any], path: Path) -> Reproduction:
    name = content.get("figure") or content.get("collection")
    if name is None:
        raise BadInputError(f"{str(path / CONFIG)!r} names no preset, figure or collection; put back what it said")
    fields = {field: content[field] for field in ("seeds", "first_seed") if field in content}
    try:
        as_it_is = Reproduction(str(name), None, 0, Recording())
        return from_fields(as_it_is, fields | fields_of("recording", content), str(path))
    except BadInputError as mistake:
        raise BadInputError(f"{path / CONFIG}: {mistake}") from None


def _close(folder: RunFolder, drawing: Any, table: Table) -> None:
    folder.write_figure(drawing)
    folder.write_table(table)
    terminal.print_table(table)
    terminal.say(f"written to {folder.path}")
