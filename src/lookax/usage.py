"""What the command says of itself: how it is used, and the options that commands have beside a preset's fields."""

import dataclasses
from typing import Any

from lookax.experiments.registry import PRESETS
from lookax.options import (
    CrossPlayOptions,
    EvaluateOptions,
    ExportOptions,
    InspectOptions,
    LeagueOptions,
    PlayOptions,
    ReportOptions,
    ReproduceOptions,
    ResumeOptions,
    ResumeSearchOptions,
    RunOptions,
    SearchOptions,
    StudioOptions,
    SweepCluster,
    SweepOptions,
)
from lookax.runs.arguments import Field, described_fields
from lookax.runs.storage.run import MAY_CHANGE, Recording

NO_FOLDER = "the folder of a run is missing; `lookax runs` names those there are"
NO_NAME = "the name is missing; `lookax list` names figures, and `lookax list FIGURE` its presets"
NO_FILE = "the file is missing; name the config.yaml of a run, or a .toml of the same form"

HELP = ("-h", "--help", "help")

USAGE = """\
usage: lookax COMMAND …

  lookax list [FIGURE]                            name figures and presets, or a figure's presets
  lookax show PRESET                              its settings, and what they mean
  lookax run PRESET [--field value …] [--out DIR] learn it
  lookax run --config FILE [--field value …]      learn what a run's config.yaml says
  lookax reproduce FIGURE [--seeds N] [--scale laptop] [--out DIR]
                                                  learn a published figure's presets, draw it, compare it
  lookax sweep PRESET --set field=a,b,c … [--engine local|ray|slurm] [--out DIR]
                                                  learn it with every combination of fields' values
  lookax sweep PRESET --optimise field=LOW..HIGH … --objective METRIC [--trials N] [--prune] [--out DIR]
                                                  search fields for good values
  lookax resume DIR [--field value …]             go on with any of these where it stopped
  lookax runs [DIR]                               name the runs in a folder (runs/), and how far they have come
  lookax evaluate DIR [--update N] [--against FILE.npz]
                                                  what a run's newest checkpoint gives, or that of update N
  lookax inspect DIR [--update N] [--seed S] [--against FILE.npz]
                                                  what its agents do: with memories, in sampled games
  lookax crossplay DIR … [FILE.npz …] [--games N] [--out FILE]
                                                  agents of runs and files with each other, and with fixed strategies
  lookax league DIR … [FILE.npz …] [--games N] [--best-response UPDATES] [--out FILE]
                                                  all of these in both seats, ranked; how far each can be exploited
  lookax play DIR [--games N] [--greedy] [--video FILE.gif]
                                                  whole games of its actor-critics
  lookax export DIR [--seed S] [--player P] [--update N] [--out FOLDER]
                                                  one agent in a folder, for use without lookax
  lookax report DIR … [-o FILE]                   runs in folders, side by side, as a page that opens anywhere
  lookax completion bash|zsh|fish                 a script that completes commands, presets and their fields
  lookax studio [DIR …] [--port N]                runs live, and games against their agents, in a browser
  lookax doctor                                   what is installed, what is wrong with it, and how to mend it

  lookax --plugin FILE.py COMMAND …               load presets of your own first, from a file or a module
  lookax run PRESET --help                        the fields that a preset has
"""

OPTIONS: dict[str, tuple[Any, ...]] = {
    # What is recorded stands for a preset's settings, which have fields of their own.
    "run": (RunOptions(Recording()),),
    "sweep": (SweepOptions(Recording()), SearchOptions(Recording())),
    "resume": (ResumeOptions(Recording(), Recording()), SweepCluster(), ResumeSearchOptions()),
    "reproduce": (ReproduceOptions(),),
    "evaluate": (EvaluateOptions(),),
    "inspect": (InspectOptions(),),
    "crossplay": (CrossPlayOptions(),),
    "league": (LeagueOptions(),),
    "play": (PlayOptions(),),
    "export": (ExportOptions(),),
    "report": (ReportOptions(),),
    "studio": (StudioOptions(),),
}
"""The dataclasses that commands read options into; those that are not here have none."""

PER_PRESET = ("run", "sweep")
"""Commands whose options are a preset's fields, too."""


def options_of(command: str) -> list[Field]:
    """The options of a command, without the fields of presets but those that may change when a run is resumed."""
    fields = [field for options in OPTIONS.get(command, ()) for field in described_fields(options)]
    if command == "resume":
        settings = described_fields(next(iter(PRESETS.values())).settings)
        own = [field for field in settings if field.name in MAY_CHANGE]
        fields = [dataclasses.replace(field, value="as before", default=True) for field in own] + fields
    return list({field.name: field for field in fields}.values())


def usage_of(command: str) -> str:
    """The lines about one command, of those about all."""
    found: list[str] = []
    ours = False
    for line in USAGE.splitlines():
        if line.startswith("  lookax "):
            ours = line.startswith(f"  lookax {command} ")
        found += [line] if ours and line.strip() else []
    if command in PER_PRESET:
        found.append("\nBeside these options the fields of the preset, which `lookax run PRESET --help` names.")
    return "\n".join(["usage:", *found])
