"""Runs from Python: begun, gone on with, and opened, with metrics, settings, states and agents as objects."""

import base64
import dataclasses
import html
import itertools
from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookax.errors import BadInputError, check
from lookax.experiments.plugins import find_preset, register
from lookax.experiments.preset import Preset, check_settings
from lookax.experiments.registry import ORIGINS, PRESETS
from lookax.runs.commands.listing import Standing
from lookax.runs.processes import Distribution, is_first_process
from lookax.runs.storage.config import as_fields, differing, from_fields
from lookax.runs.storage.folder import CONFIG, RunFolder, updates_in
from lookax.runs.storage.metrics import first_update, read_history
from lookax.runs.storage.run import MAY_CHANGE, Recording, Run, read_run, refusal

if TYPE_CHECKING:
    import pandas as pd
    from jaxtyping import PyTree

    from lookax.policies.player import Player

AnyPath = str | PathLike[str]


@dataclasses.dataclass(frozen=True)
class OpenRun:
    """A run's folder, read as it is at present; a run that goes on may have more a moment later.

    **Attributes:**

    - `path`: its folder.
    """

    path: Path

    @property
    def run(self) -> Run:
        """What is being run: name, preset with its settings, what is recorded when."""
        return read_run(self.path)

    @property
    def settings(self) -> Any:
        """Its settings, a dataclass."""
        return self.run.settings

    @property
    def config(self) -> dict[str, Any]:
        """Its settings and what is recorded when, by the fields' names."""
        return as_fields(self.run.settings) | as_fields(self.run.recording)

    @property
    def metrics(self) -> "pd.DataFrame":
        """A row per update and seed: `update`, `seed`, and the metrics that are numbers.

        Metrics of several numbers, such as one per player, have a column for each, counted from 1 (`returns/1`), as a
        sweep's `results.csv` has; those of many, such as tables of policies, have none. What is measured by updates is
        missing (NaN) at update 0.

        ```python
        run.metrics.groupby("update")["returns/1"].mean()
        ```
        """
        import pandas as pd

        from lookax.runs.storage.loggers import curves_by_seed

        run = self.run
        history = read_history(run.folder.metrics) if run.folder.metrics.exists() else {}
        if not history:
            return pd.DataFrame(columns=["update", "seed"])
        seeds = range(run.settings.first_seed, run.settings.first_seed + run.settings.seeds)
        last = first_update(run.folder.metrics) + max(map(len, history.values())) - 1
        frames = []
        for name, values in curves_by_seed(history).items():
            updates = range(last + 1 - len(values), last + 1)
            index = pd.MultiIndex.from_product([updates, seeds], names=["update", "seed"])
            frames.append(pd.Series(values.reshape(-1), index, name=name))
        return pd.concat(frames, axis=1).sort_index().reset_index()

    @property
    def final_states(self) -> "PyTree":
        """The states of all seeds in the newest sound checkpoint, arrays of NumPy `[seeds, …]`.

        **Raises:** `ValueError` if there is none.
        """
        from lookax.runs.programs.saved import read_saved

        return read_saved(self.run, None).state

    def agent(self, *, seed: int, player: int = 0, update: int | None = None) -> "Player":
        """The policy of one player, which acts on observations.

        **Arguments:**

        - `seed`: of the run's.
        - `player`: from 0.
        - `update`: whose checkpoint; the newest unless given.

        **Raises:** `ValueError` for a seed, player or update that there is not, or a player that is a fixed strategy.
        """
        from lookax.policies.player import Player
        from lookax.runs.programs.saved import read_saved

        return Player(read_saved(self.run, update).policy(seed, player))

    def resume(self, **fields: Any) -> "OpenRun":
        """Goes on where it stopped; see [`resume`][lookax.commands.resume]."""
        return resume_run(self.path, **fields)

    def figure(self) -> Any:
        """Its figure, drawn by matplotlib from the metrics that there are."""
        run = self.run
        return run.preset.report.draw([run.result()])

    def table(self) -> Any:
        """Its closing table, from the metrics that there are."""
        run = self.run
        return run.preset.report.table([run.result()])

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        run = self.run
        standing = Standing.of(run)
        reached = f"{standing.update or 0} of {run.settings.total_updates} updates"
        numbers = "".join(f", {name} {value:.4g}" for name, value in standing.headline.items())
        return f"<{run.preset.name} in {self.path}: {standing.state}, {reached}, {run.settings.seeds} seeds{numbers}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: where it is, how far it has come, and its figure."""
        drawn = self.path / "figure.png"
        picture = ""
        if drawn.exists():
            data = base64.b64encode(drawn.read_bytes()).decode()
            picture = f'<img src="data:image/png;base64,{data}" style="max-width: 40em" alt="figure">'
        return f"<p>{html.escape(repr(self))}</p>{picture}"


@dataclasses.dataclass(frozen=True)
class Given:
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
    chosen = chosen_preset(preset)
    given = from_fields(Given(chosen.settings), plain(fields), "lx.run")
    chosen = dataclasses.replace(chosen, settings=given.settings)
    new = Run(chosen.name, chosen, RunFolder(Path()), given.recording)
    return begin(new, None if out is None else Path(out))


def resume_run(path: AnyPath, **fields: Any) -> OpenRun:
    """Goes on with a run, as [`resume`][lookax.commands.resume] does."""
    before = own_run(Path(path))
    given = from_fields(Given(before.settings, before.recording), fields, "lx.resume")
    return go_on(before, given.settings, given.recording)


def open_run(path: AnyPath) -> OpenRun:
    """A run's folder, to look at.

    **Raises:** `ValueError`, in one line, if it is none.
    """
    opened = OpenRun(Path(path))
    _ = opened.run
    return opened


def begin(new: Run, out: Path | None, distribution: Distribution | None = None) -> OpenRun:
    """Learns a run from its beginning, in a new folder.

    **Arguments:** the `new` run; `out`, the folder to make, `None` for a new one under `runs/`; the `distribution` over
    processes, `None` for one process.
    """
    check_settings(new.settings)
    new.recording.validate()
    start_jax(distribution)
    from lookax.experiments.studies.study import check_runnable
    from lookax.runs.commands.execute import run_preset

    check_runnable(new.preset)
    folder = new_folder(out, new.name)
    run_preset(dataclasses.replace(new, folder=RunFolder(folder), checkpoints=folder / "checkpoints"))
    return OpenRun(folder)


def own_run(path: Path) -> Run:
    """The run of a folder that can be resumed by itself.

    **Raises:** `ValueError`, in one line, for other folders.
    """
    before = read_run(path)
    if before.checkpoints.parent != path.resolve():
        raise BadInputError(f"{str(path)!r} learns together with others; resume {str(before.checkpoints.parents[1])!r}")
    return before


def go_on(before: Run, settings: Any, recording: Recording, distribution: Distribution | None = None) -> OpenRun:
    """Goes on with a run, with settings that may differ in what may change.

    **Arguments:**

    - `before`: the run as it was.
    - `settings`: to go on with.
    - `recording`: what is recorded when, from now on.
    - `distribution`: over processes; `None` for one process.
    """
    folder = before.folder.path
    before.validate(folder / CONFIG)
    changed = differing(as_fields(before.settings), as_fields(settings))
    if refused := {field: pair for field, pair in changed.items() if field not in MAY_CHANGE}:
        raise BadInputError(refusal(folder, refused))
    check_settings(settings)
    recording.validate()
    reached = max(updates_in(before.checkpoints), default=0)
    total = settings.total_updates
    check(total >= reached, "total_updates", total, f"at least {reached}, where the run is")
    start_jax(distribution)
    from lookax.experiments.studies.study import check_runnable
    from lookax.runs.commands.execute import run_preset

    preset = dataclasses.replace(before.preset, settings=settings)
    try:
        check_runnable(preset)
    except BadInputError as mistake:
        raise BadInputError(f"{folder / CONFIG}: {mistake}") from None
    run_preset(dataclasses.replace(before, preset=preset, recording=recording))
    return OpenRun(folder)


def new_folder(out: Path | None, name: str) -> Path:
    """Makes the folder of a run, by default a new one under `runs/`.

    **Raises:** `ValueError`, in one line, if it holds something, or cannot be made.
    """
    now = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = Path("runs", now) if out is None else out
    if not is_first_process():
        return folder
    if out is None:
        # Of several that begin within a second, the later ones are numbered.
        later = (Path("runs", f"{now}-{number}") for number in itertools.count(2))
        folder = next(path for path in itertools.chain([folder], later) if not path.exists())
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


def chosen_preset(preset: str | Preset) -> Preset:
    """The preset of a name; or one that is given, which is registered unless lookax has it, with other settings."""
    if isinstance(preset, str):
        return find_preset(preset)
    if preset.name not in PRESETS or preset.name in ORIGINS:
        register(preset)
    return preset


def plain(value: Any) -> Any:
    """Values as YAML can hold them: tuples as lists, and arrays and numbers of NumPy as Python's."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    value = value.tolist() if hasattr(value, "tolist") else value
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def start_jax(distribution: Distribution | None = None) -> None:
    """What is done once before anything computes; see [`start`][lookax.runs.programs.jax_setup.start]."""
    from lookax.runs.programs.jax_setup import start

    start(distribution)
