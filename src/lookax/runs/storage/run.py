"""What a run is: a preset's settings, a folder, and what is recorded in it when; and back from its folder."""

import dataclasses
import importlib.util
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.experiments.plugins import find_preset
from lookax.experiments.preset import Preset, Result, check_settings
from lookax.experiments.registry import ORIGINS
from lookax.imports import how_to_install
from lookax.runs.storage.config import as_fields, fields_of, from_fields
from lookax.runs.storage.folder import CONFIG, RunFolder
from lookax.runs.storage.metrics import read_history

Tracker = Literal["tensorboard", "wandb", "trackio", "mlflow"]
"""Who takes curves."""

PACKAGES = {"wandb": ("wandb",), "trackio": ("trackio",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}
"""What trackers need that lookax does not; their extras have their names."""

MLFLOW_STORE, SQLITE = "MLFLOW_TRACKING_URI", "sqlite:///"

MAY_CHANGE = ("total_updates",)
"""Settings that another number may be given for when a run is resumed."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """When checkpoints are written, which are kept, and who else gets curves. The last state has one in any case."""

    checkpoint_minutes: float | None = 1.0
    """Minutes between checkpoints; None for none by time."""
    checkpoint_updates: int | None = None
    """Updates between checkpoints; None for none by number."""
    keep_last: int = 3
    """How many of the latest checkpoints to keep."""
    keep_every: int | None = None
    """Keep checkpoints of updates that this divides as well; None for no others."""
    trackers: tuple[Tracker, ...] = ("tensorboard",)
    """Who gets curves: tensorboard, wandb, trackio, mlflow, or several (extras of these names)."""
    project: str = "lookax"
    """The project at wandb and trackio, and the experiment at mlflow, that curves belong to."""

    def validate(self) -> None:
        """Raises `ValueError`, in one line, if a field is out of range."""
        if self.checkpoint_minutes is not None:
            check_positive("checkpoint_minutes", self.checkpoint_minutes)
        for name in ("checkpoint_updates", "keep_every"):
            if getattr(self, name) is not None:
                check_at_least(name, getattr(self, name), 1)
        check_at_least("keep_last", self.keep_last, 1)
        check(bool(self.project.strip()), "project", self.project, "a name")
        for tracker in self.trackers:
            check_is_installed(tracker)
        if "mlflow" in self.trackers and (store := os.environ.get(MLFLOW_STORE)):
            check(store.startswith(SQLITE), MLFLOW_STORE, store, f"{SQLITE}FILE, a database of SQLite")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run and its folder.

    **Attributes:** its `name`, the preset's, or in a sweep that of its settings; the `preset`, with the settings that
    it is run with; its `folder`; what is recorded when; the folder of the `checkpoints` of all runs that it learns
    together with, and which of them it is: `place`.
    """

    name: str
    preset: Preset
    folder: RunFolder
    recording: Recording
    checkpoints: Path = Path()
    place: int = 0

    @property
    def settings(self) -> Any:
        """The settings."""
        return self.preset.settings

    def validate(self, file: Path) -> None:
        """Raises `ValueError`, in one line that names the file of its configuration, if a setting is out of range."""
        try:
            check_settings(self.settings)
            self.recording.validate()
        except BadInputError as mistake:
            raise BadInputError(f"{file}: {mistake}") from None

    def result(self) -> Result:
        """What it gave, as far as it has come."""
        return Result(self.name, self.preset.settings, read_history(self.folder.metrics))

    def write_config(self) -> None:
        """Writes its configuration into its folder."""
        self.folder.write_config(
            {
                "name": self.name,
                "preset": self.preset.name,
                **origin_of(self.preset.name),
                "settings": as_fields(self.preset.settings),
                "recording": as_fields(self.recording),
                "checkpoints": {"folder": _relative(self.checkpoints, self.folder.path), "place": self.place},
            }
        )


def origin_of(name: str) -> dict[str, str]:
    """What a configuration says of where a preset or figure of one's own comes from; nothing of lookax's own."""
    return {"plugin": ORIGINS[name]} if name in ORIGINS else {}


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a run's checkpoints are."""

    folder: str = "checkpoints"
    """Relative to the run's own."""
    place: int = 0
    """Which of the runs it is that learn together."""


def read_run(path: Path) -> Run:
    """The run of a folder, its settings as they were allowed when it was started.

    **Raises:** `ValueError`, in one line, if it is none, or its configuration makes no sense.
    """
    folder = RunFolder(path)
    content = folder.config()
    if "preset" not in content:
        kind = next((kind for kind in ("figure", "collection", "sweep", "search") if kind in content), "unknown thing")
        raise BadInputError(f"{str(path)!r} is the folder of a {kind}; name one of the runs in it")
    return read_config(content, path / CONFIG, folder)


def read_config(content: Mapping[str, Any], file: Path, folder: RunFolder, *, loads: bool = True) -> Run:
    """A run's configuration, from a file that may also stand alone; reading it does not start JAX.

    **Arguments:** the file's `content`; the `file`, as messages name it; the run's `folder`; whether reading it `loads`
    the plugin that it names, which runs code.

    **Raises:** `ValueError`, in one line, for what makes no sense. What its settings do not allow, `Run.validate` says.
    """
    if unknown := [name for name in content if name not in (*_PARTS, "format")]:
        raise BadInputError(f"{file}: {unknown[0]} is not known; it may have {', '.join(_PARTS)}")
    try:
        preset = find_preset(str(content.get("preset")), content.get("plugin"), loads=loads)
        settings = from_fields(preset.settings, fields_of("settings", content), str(file))
        recording = stored_recording(content, str(file))
        place = from_fields(_Place(), fields_of("checkpoints", content), str(file))
    except BadInputError as mistake:
        raise BadInputError(f"{file}: {mistake}") from None
    return Run(
        str(content.get("name", preset.name)),
        dataclasses.replace(preset, settings=settings),
        folder,
        recording,
        (folder.path / place.folder).resolve(),
        place.place,
    )


def stored_recording(content: Mapping[str, Any], program: str) -> Recording:
    """What a configuration says is recorded; lookax 0.1 and early 0.2 had `wandb_project` in place of trackers.

    **Raises:** `ValueError`, in one line, for what makes no sense.
    """
    fields = dict(fields_of("recording", content))
    project = fields.pop("wandb_project", None)
    if project is not None:
        fields |= {"trackers": [*Recording.trackers, "wandb"], "project": project}
    return from_fields(Recording(), fields, program)


def runs_below(path: Path) -> tuple[list[Run], list[str]]:
    """All runs in a folder, itself included, and in folders within, in the order of their names.

    And what is wrong with those that cannot be read, a line each. Whoever looks through folders has not chosen what is
    in them: no plugin that a configuration names is loaded.
    """
    runs, complaints = [], []
    for folder, inner, files in os.walk(path):
        # Parts of runs, the last of which has configurations of its own.
        inner[:] = sorted(name for name in inner if name not in ("checkpoints", "policies", "tensorboard", "wandb"))
        if CONFIG not in files:
            continue
        try:
            if "preset" in (content := RunFolder(Path(folder)).config()):
                runs.append(read_config(content, Path(folder, CONFIG), RunFolder(Path(folder)), loads=False))
        except BadInputError as complaint:
            complaints.append(str(complaint))
    return runs, complaints


_PARTS = ("name", "preset", "plugin", "settings", "recording", "checkpoints")


def distinct_names(runs: Sequence[Run]) -> list[str]:
    """Names that tell runs from one another: their own, or the folders of those that share one."""
    names = Counter(run.name for run in runs)
    folders = [run.folder.path.resolve() for run in runs]
    common = Path(os.path.commonpath(folders))
    return [
        run.name if names[run.name] == 1 else str(folder.relative_to(common))
        for run, folder in zip(runs, folders, strict=True)
    ]


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(path.resolve(), start.resolve())


def refusal(path: Path, changed: dict[str, tuple[Any, Any]]) -> str:
    """What to say of settings, was and is, that may not change when the run in a folder is resumed."""
    fields = ", ".join(f"{name} (was {old}, is {new})" for name, (old, new) in changed.items())
    return (
        f"{fields}: may not change when {str(path)!r} is resumed; of its settings only {', '.join(MAY_CHANGE)} may; "
        "put back what was, or start a new run"
    )


def check_is_installed(tracker: str) -> None:
    """Raises `ValueError` where a tracker's packages are not installed."""
    for name in PACKAGES.get(tracker, ()):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:  # A folder of that name, such as wandb's own of runs, is no package.
            raise BadInputError(f"trackers: {name} is not installed; {how_to_install(tracker)}")
