"""The command `lookax`: words on the command line, and what to say when they make no sense."""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from lookax import __version__
from lookax.errors import BadInputError
from lookax.experiments.preset import Collection, Figure, Preset, Table
from lookax.experiments.registry import (
    COLLECTIONS,
    FIGURES,
    PRESETS,
    STARTING_POINTS,
    AnyExperiment,
    look_up,
)
from lookax.runs import compilation_cache, terminal
from lookax.runs.arguments import described_fields, parse
from lookax.runs.config import read_yaml
from lookax.runs.execute import Reproduction, reproduce, resume, run_preset
from lookax.runs.folder import RunFolder
from lookax.runs.run import Recording, Run, read_config
from lookax.runs.stopping import StoppedError
from lookax.runs.training import RunFailedError

NO_NAME = "the name is missing; `lookax list` names figures, and `lookax list FIGURE` its presets"
NO_FILE = "the file is missing; name the config.yaml of a run"
NO_FOLDER = "the folder is missing; name a run's, such as those in runs/"

HELP = ("-h", "--help", "help")

USAGE = """\
usage: lookax COMMAND …

  lookax list [FIGURE]                            name figures and presets, or a figure's presets
  lookax show PRESET                              its settings, and what they mean
  lookax run PRESET [--field value …] [--out DIR] learn it
  lookax run --config FILE [--field value …]      learn what a run's config.yaml says
  lookax reproduce FIGURE [--seeds N] [--out DIR] learn a published figure's presets, draw it, compare it
  lookax resume DIR [--field value …]             go on with any of these where it stopped

  lookax run PRESET --help                        the fields that a preset has
"""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Learns a preset, into a new folder."""

    experiment: AnyExperiment
    """The preset's settings."""
    recording: Recording = dataclasses.field(default_factory=Recording)
    """What is recorded when."""
    out: Path | None = None
    """The folder to make; None for a new one under runs/."""


@dataclasses.dataclass(frozen=True)
class ResumeOptions:
    """Goes on with a run."""

    experiment: AnyExperiment
    """The run's settings."""
    recording: Recording
    """What is recorded when."""


@dataclasses.dataclass(frozen=True)
class ReproduceOptions:
    """Learns a published figure's presets, draws the figure and compares it with the published result."""

    seeds: int | None = None
    """How many runs of every preset; None for as many as each says."""
    first_seed: int = 0
    """Seed of the first run."""
    recording: Recording = dataclasses.field(default_factory=Recording)
    """What is recorded when."""
    out: Path | None = None
    """The folder to make; None for a new one under runs/."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, 1 for a result that is not finite or disagrees, 2 for words that make no sense."""
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in HELP or rest[:1] in ([word] for word in HELP):
        terminal.say(USAGE)
        return 0
    if command == "--version":
        terminal.say(__version__)
        return 0
    try:
        return look_up("command", command, COMMANDS)(rest)
    except BadInputError as mistake:
        return _refuse(f"lookax {command}: {mistake}", 2)
    except RunFailedError as failure:
        return _refuse(f"lookax {command}: {failure}", 1)
    except StoppedError as stopped:
        return _refuse(f"lookax {command}: {stopped}", stopped.exit_status)
    except OSError as reason:
        return _refuse(f"lookax {command}: {reason}", 1)
    except KeyboardInterrupt:
        return _refuse(f"lookax {command}: interrupted", 130)


def _list(arguments: Sequence[str]) -> int:
    if arguments:
        [name] = _take(arguments, 1)
        chosen = look_up("figure", name, FIGURES | COLLECTIONS)
        if isinstance(chosen, Collection):
            _print_list("figure", "lookax reproduce FIGURE", {figure.name: figure for figure in chosen.figures})
        else:
            _print_list("preset", "lookax run PRESET", {preset.name: preset for preset in chosen.presets})
        return 0
    _print_list("figure", "lookax reproduce FIGURE; lookax list FIGURE names its presets", FIGURES | COLLECTIONS)
    _print_list("preset of no figure", "lookax run PRESET", STARTING_POINTS)
    return 0


def _print_list(what: str, heading: str, named: Mapping[str, Figure | Preset | Collection]) -> None:
    rows = [[name, item.description] for name, item in named.items()]
    terminal.print_table(Table((what, heading), rows, [None] * len(rows)), prose=True)


def _show(arguments: Sequence[str]) -> int:
    [name] = _take(arguments, 1)
    preset = _preset(name)
    terminal.say(f"{preset.name}: {preset.description}")
    rows = [[f"--{field}", value, help_text] for field, value, help_text in described_fields(preset.experiment)]
    terminal.print_table(Table(("field", "value", "meaning"), rows, [None] * len(rows)), prose=True)
    return 0


def _run(arguments: Sequence[str]) -> int:
    run, rest = _run_named(arguments)
    options = parse(RunOptions(run.experiment, run.recording), rest, "lookax run")
    options.experiment.validate()
    options.recording.validate()
    out = _new_folder(options.out, run.name)
    chosen = dataclasses.replace(run.preset, experiment=options.experiment)
    compilation_cache.turn_on()
    run_preset(Run(run.name, chosen, RunFolder(out), options.recording, out / "checkpoints"))
    return 0


def _run_named(arguments: Sequence[str]) -> tuple[Run, Sequence[str]]:
    """The run that a preset's name or `--config FILE` stands for, and what comes after it."""
    if arguments[:1] == ["--config"]:
        [file], rest = _take(arguments[1:2], 1, NO_FILE), arguments[2:]
        return read_config(read_yaml(Path(file)), Path(file), RunFolder(Path())), rest
    [name], rest = _take(arguments[:1], 1), arguments[1:]
    preset = _preset(name)
    return Run(preset.name, preset, RunFolder(Path()), Recording()), rest


def _reproduce(arguments: Sequence[str]) -> int:
    [name], rest = _take(arguments[:1], 1), arguments[1:]
    options = parse(ReproduceOptions(), rest, f"lookax reproduce {name}")
    options.recording.validate()
    reproduction = Reproduction(name, options.seeds, options.first_seed, options.recording)
    compilation_cache.turn_on()
    return 0 if reproduce(reproduction, _new_folder(options.out, name)) else 1


def _resume(arguments: Sequence[str]) -> int:
    [name], rest = _take(arguments[:1], 1, NO_FOLDER), arguments[1:]

    def changed(run: Run) -> Run:
        options = parse(ResumeOptions(run.experiment, run.recording), rest, f"lookax resume {name}")
        options.recording.validate()
        preset = dataclasses.replace(run.preset, experiment=options.experiment)
        return dataclasses.replace(run, preset=preset, recording=options.recording)

    compilation_cache.turn_on()
    return 0 if resume(Path(name), changed) else 1


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": _list,
    "show": _show,
    "run": _run,
    "reproduce": _reproduce,
    "resume": _resume,
}


def _preset(name: str) -> Preset:
    if name in FIGURES or name in COLLECTIONS:
        raise BadInputError(f"preset: {name!r} is a figure; `lookax list {name}` names what it is made of")
    return look_up("preset", name, PRESETS)


def _take(arguments: Sequence[str], number: int, missing: str = NO_NAME) -> Sequence[str]:
    if len(arguments) < number:
        raise BadInputError(missing)
    if len(arguments) > number:
        raise BadInputError(f"{' '.join(arguments[number:])!r} is not allowed; it takes {number or 'no'} name")
    return arguments


def _new_folder(out: Path | None, name: str) -> Path:
    folder = Path("runs", f"{name}-{datetime.now():%Y%m%d-%H%M%S}") if out is None else out
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


def _refuse(message: str, status: int) -> int:
    sys.stderr.write(message + "\n")
    return status
