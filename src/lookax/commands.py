"""What the command does, as functions of the same names. Paths are strings or `Path`s."""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookax.errors import BadInputError, check
from lookax.experiments.plugins import find_figure, find_preset, load_entry_points, register_from
from lookax.experiments.preset import Collection, Figure, Preset, Table
from lookax.experiments.registry import COLLECTIONS, FIGURES, ORIGINS, PRESETS
from lookax.opened import OpenRun
from lookax.options import Cluster
from lookax.runs.arguments import settings_table
from lookax.runs.commands.combinations import Sweep
from lookax.runs.commands.listing import listing, standings
from lookax.runs.commands.reproduction import Reproduction
from lookax.runs.processes import Distribution, is_first_process
from lookax.runs.storage.config import as_fields, differing, from_fields
from lookax.runs.storage.folder import CONFIG, RunFolder, updates_in
from lookax.runs.storage.run import MAY_CHANGE, Recording, Run, read_config, read_run, refusal

if TYPE_CHECKING:
    import pandas as pd

    from lookax.runs.commands.crossplay import CrossPlay
    from lookax.runs.commands.evaluate import Evaluation
    from lookax.runs.commands.inspect import Inspection
    from lookax.runs.commands.play import WholeGames

AnyPath = str | PathLike[str]


@dataclasses.dataclass(frozen=True)
class _Given:
    """The fields that may be given by name."""

    settings: Any
    recording: Recording = dataclasses.field(default_factory=Recording)


def run(preset: str | Preset, *, out: AnyPath | None = None, **fields: Any) -> OpenRun:
    """Learns a preset into a new folder, as `lookax run` does.

    ```python
    run = lx.run("ipd-pola", seeds=5, contribution_factor=1.5, out="runs/x")
    run.metrics.groupby("update")["returns/1"].mean()
    ```

    **Arguments:**

    - `preset`: a name (`lx.list_presets()` has them all), or a `Preset` of your own, which is registered.
    - `out`: the folder to make; a new one under `runs/` unless given.
    - `fields`: settings that differ from the preset's, and what is recorded when, by name. `lx.show(preset)` has them
      all.

    **Raises:** `ValueError`, in one line, for a name or a value that makes no sense;
    [`RunFailedError`][lookax.runs.errors.RunFailedError] if a metric is not finite.
    """
    chosen = _chosen(preset, sys._getframe(1).f_globals)
    given = from_fields(_Given(chosen.settings), fields, "lx.run")
    chosen = dataclasses.replace(chosen, settings=given.settings)
    new = Run(chosen.name, chosen, RunFolder(Path()), given.recording)
    return begin(new, None if out is None else Path(out))


def resume(path: AnyPath, **fields: Any) -> OpenRun:
    """Goes on with a run where it stopped, bit for bit, as `lookax resume` does.

    **Arguments:**

    - `path`: its folder.
    - `fields`: `total_updates`, and what is recorded when, by name.

    **Raises:** `ValueError`, in one line, for a folder that holds no run of its own, or a field that may not change.
    """
    before = own_run(Path(path))
    given = from_fields(_Given(before.settings, before.recording), fields, "lx.resume")
    return go_on(before, given.settings, given.recording)


def open_run(path: AnyPath) -> OpenRun:
    """A run's folder, to look at.

    **Raises:** `ValueError`, in one line, if it is none.
    """
    opened = OpenRun(Path(path))
    _ = opened.run
    return opened


def sweep(
    preset: str | Preset,
    values: Mapping[str, Sequence[Any]],
    *,
    out: AnyPath | None = None,
    engine: str = "local",
    address: str | None = None,
    **fields: Any,
) -> "pd.DataFrame":
    """Learns a preset with every combination of some fields' values, as `lookax sweep` does.

    ```python
    results = lx.sweep("ipd-lola", {"learning_rate": [0.3, 1.0], "inner_steps": [1, 2]}, seeds=4)
    ```

    **Arguments:**

    - `values`: by field.
    - `engine`, `address`: `"ray"` for tasks of a Ray cluster, and where that is.
    - `preset`, `out`, `fields`: as of `run`; `fields` are what all have in common.

    **Returns:** what its `results.csv` holds: a row per combination and seed.

    **Raises:** as `run`.
    """
    chosen = _chosen(preset, sys._getframe(1).f_globals)
    given = from_fields(_Given(chosen.settings), fields, "lx.sweep")
    cluster = from_fields(Cluster(), {"engine": engine, "address": address}, "lx.sweep")
    chosen = dataclasses.replace(chosen, settings=given.settings)
    plain = {field: [_plain(value) for value in own] for field, own in values.items()}
    path = begin_sweep(Sweep(chosen, plain, given.recording), cluster, None if out is None else Path(out))[0]

    import pandas as pd

    return pd.read_csv(path / "results.csv")


def reproduce(
    figure: str | Figure, *, seeds: int | None = None, first_seed: int = 0, out: AnyPath | None = None
) -> dict[str, Table]:
    """Learns a published figure's presets, draws it and compares it, as `lookax reproduce` does.

    **Arguments:** the `figure`, by its name; how many `seeds` every preset gets, and the first; `out` as of `run`.

    **Returns:** the closing table of every figure, by name; verdicts say which rows agree with the published result.
    """
    if isinstance(figure, Figure):
        register_from(sys._getframe(1).f_globals, [figure])
        figure = figure.name
    find_figure(figure)
    reproduction = Reproduction(figure, seeds, first_seed, Recording())
    return begin_reproduction(reproduction, lambda: new_folder(None if out is None else Path(out), figure))


def evaluate(path: AnyPath, *, update: int | None = None) -> "Evaluation":
    """What a run's newest checkpoint gives, or that of an `update`, as `lookax evaluate` does.

    **Returns:** `quantities` by name, `[seeds, …]`, and a `table()` of them.
    """
    from lookax.runs.commands.evaluate import evaluate

    _start()
    return evaluate(read_run(Path(path)), update)


def inspect(path: AnyPath, *, update: int | None = None, seed: int | None = None) -> "Inspection":
    """What a run's agents do: after short histories, and against fixed strategies, as `lookax inspect` does.

    **Arguments:** the `update` whose checkpoint, the newest unless given; the `seed`, all unless given.
    """
    from lookax.runs.commands.inspect import inspect

    _start()
    return inspect(Path(path), update, seed)


def crossplay(paths: Sequence[AnyPath], *, games: int = 500) -> "CrossPlay":
    """Agents of runs in games with each other, and with fixed strategies, as `lookax crossplay` does.

    **Arguments:** the runs' folders; how many `games` every pair of agents plays.
    """
    from lookax.runs.commands.crossplay import crossplay

    _start()
    return crossplay(list(map(Path, paths)), games)


def play(path: AnyPath, *, update: int | None = None, games: int = 30, greedy: bool = False) -> "WholeGames":
    """Whole games of a run's actor-critics, as `lookax play` does.

    **Arguments:** the `update` whose checkpoint; how many `games` every seed plays; `greedy`: always the likeliest
    action.
    """
    from lookax.runs.commands.play import play

    _start()
    return play(Path(path), update, games, greedy)


def report(paths: AnyPath | Sequence[AnyPath], *, out: AnyPath = "report.html") -> Path:
    """Writes a page about the runs in folders, side by side, as `lookax report` does; returns where it is."""
    from lookax.runs.commands.report import write_report

    several = [paths] if isinstance(paths, str | PathLike) else paths
    write_report(list(map(Path, several)), Path(out))
    return Path(out)


def list_presets(figure: str | None = None) -> Table:
    """All presets, or those of a figure, with a line about each."""
    load_entry_points()
    presets = PRESETS if figure is None else {own.name: own for own in _figures_presets(find_figure(figure))}
    rows = [[name, preset.description] for name, preset in presets.items()]
    return Table(("preset", "description"), rows, [None] * len(rows))


def list_figures() -> Table:
    """All figures and collections that can be reproduced, with a line about each."""
    load_entry_points()
    rows = [[name, figure.description] for name, figure in (FIGURES | COLLECTIONS).items()]
    return Table(("figure", "description"), rows, [None] * len(rows))


def list_runs(folder: AnyPath = "runs") -> Table:
    """The runs in a folder, and how far they have come, as `lookax runs` does."""
    found, complaints = standings(Path(folder))
    table = listing(found, Path(folder))
    return dataclasses.replace(table, notes=[*table.notes, *complaints])


def show(preset: str | Preset) -> Table:
    """A preset's settings, and what they mean, as `lookax show` does."""
    return settings_table((find_preset(preset) if isinstance(preset, str) else preset).settings)


# What follows is for the command, too, which has read words into objects.


def begin(new: Run, out: Path | None, distribution: Distribution | None = None) -> OpenRun:
    """Learns a run from its beginning, in a new folder."""
    new.settings.validate()
    new.recording.validate()
    _start(distribution)
    from lookax.experiments.studies.study import study_of
    from lookax.runs.commands.execute import run_preset

    study_of(new.settings).validate()
    folder = new_folder(out, new.name)
    run_preset(dataclasses.replace(new, folder=RunFolder(folder), checkpoints=folder / "checkpoints"))
    return OpenRun(folder)


def own_run(path: Path) -> Run:
    """The run of a folder that can be resumed by itself.

    **Raises:** `ValueError`, in one line, for other folders.
    """
    read_run(path)
    before = read_config(RunFolder(path).config(), path / CONFIG, RunFolder(path))
    if before.checkpoints.parent != path.resolve():
        raise BadInputError(f"{str(path)!r} learns together with others; resume {str(before.checkpoints.parents[1])!r}")
    return before


def go_on(before: Run, settings: Any, recording: Recording, distribution: Distribution | None = None) -> OpenRun:
    """Goes on with a run, with settings that may differ in what may change."""
    folder = before.folder.path
    before.validate(folder / CONFIG)
    changed = differing(as_fields(before.settings), as_fields(settings))
    if refused := {field: pair for field, pair in changed.items() if field not in MAY_CHANGE}:
        raise BadInputError(refusal(folder, refused))
    settings.validate()
    recording.validate()
    reached = max(updates_in(before.checkpoints), default=0)
    total = settings.total_updates
    check(total >= reached, "total_updates", total, f"at least {reached}, where the run is")
    _start(distribution)
    from lookax.experiments.studies.study import study_of
    from lookax.runs.commands.execute import run_preset

    try:
        study_of(settings).validate()
    except BadInputError as mistake:
        raise BadInputError(f"{folder / CONFIG}: {mistake}") from None
    preset = dataclasses.replace(before.preset, settings=settings)
    run_preset(dataclasses.replace(before, preset=preset, recording=recording))
    return OpenRun(folder)


def begin_sweep(new: Sweep, cluster: Cluster, out: Path | None) -> tuple[Path, bool]:
    """Learns a sweep, in a new folder; returns that, and whether no run failed."""
    return go_on_with_sweep(new, cluster, lambda: new_folder(out, f"{new.preset.name}-sweep"))


def go_on_with_sweep(sweep: Sweep, cluster: Cluster, out: Callable[[], Path]) -> tuple[Path, bool]:
    """Learns a sweep, or goes on with it; returns its folder, and whether no run failed."""
    cluster.validate()
    sweep.recording.validate()
    from lookax.experiments.studies.study import study_of
    from lookax.runs.commands.ray_engine import on_ray
    from lookax.runs.commands.sweep import local, run_sweep

    chosen = local if cluster.engine == "local" else on_ray(cluster.address)
    _start()
    for preset in sweep.combinations().values():
        study_of(preset.settings).validate()
    folder = out()
    return folder, run_sweep(sweep, folder, chosen)


def begin_reproduction(reproduction: Reproduction, out: Callable[[], Path]) -> dict[str, Table]:
    """Reproduces figures, or goes on with that; returns their closing tables."""
    _start()
    from lookax.experiments.studies.study import study_of
    from lookax.runs.commands.execute import reproduce

    for figure in reproduction.figures():
        for preset in figure.presets:
            study_of(preset.settings).validate()
    return reproduce(reproduction, out())


def new_folder(out: Path | None, name: str) -> Path:
    """Makes the folder of a run, by default a new one under `runs/`.

    **Raises:** `ValueError`, in one line, if it holds something, or cannot be made.
    """
    folder = Path("runs", f"{name}-{datetime.now():%Y%m%d-%H%M%S}") if out is None else out
    if not is_first_process():
        return folder
    try:
        # Empty but for its lock is what a run leaves that was killed before it wrote anything.
        if folder.exists() and (not folder.is_dir() or any(file.name != ".lock" for file in folder.iterdir())):
            raise BadInputError(
                f"out: {str(folder)!r} exists; it must be a new folder (`lookax resume` goes on with a run)"
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise BadInputError(f"out: {str(folder)!r} cannot be made ({reason.strerror})") from None
    return folder


def _chosen(preset: str | Preset, caller: dict[str, Any]) -> Preset:
    """The preset of a name; or one that is given, which is registered unless lookax has it, with other settings."""
    if isinstance(preset, str):
        return find_preset(preset)
    if preset.name not in PRESETS or preset.name in ORIGINS:
        register_from(caller, [preset])
    return preset


def _plain(value: Any) -> Any:
    """As YAML can hold it."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _figures_presets(figure: Figure | Collection) -> Sequence[Preset]:
    if isinstance(figure, Collection):
        return [preset for own in figure.figures for preset in own.presets]
    return figure.presets


def _start(distribution: Distribution | None = None) -> None:
    from lookax.runs.programs.jax_setup import start

    start(distribution)
