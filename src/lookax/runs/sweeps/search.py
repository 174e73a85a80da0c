"""Which settings a search may try, what it is for, and how it goes about that: data, as configurations have it."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lookax.errors import BadInputError, check, check_at_least
from lookax.experiments.plugins import find_preset
from lookax.experiments.preset import Preset
from lookax.runs.storage.config import as_fields, fields_of, from_fields
from lookax.runs.storage.run import Recording, origin_of, stored_recording
from lookax.runs.sweeps.combinations import named_with, parse_set

TRIALS, AT_ONCE = 20, 4

FORM = "it must be values a,b,c, a range LOW..HIGH, or log:LOW..HIGH"


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values.

    **Attributes:** the `values`, by what they are called.
    """

    values: Mapping[str, Any]

    def ends(self) -> list[Any]:
        """All values."""
        return list(self.values.values())


@dataclasses.dataclass(frozen=True)
class Range:
    """A number of an interval, whole if both ends are.

    **Attributes:** its ends, `low` and `high`, which belong to it; whether it is drawn on a `log` scale.
    """

    low: float | int
    high: float | int
    log: bool = False

    def ends(self) -> list[Any]:
        """Both ends."""
        return [self.low, self.high]


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a search is for, and how it goes about that."""

    objective: str = ""
    """The metric to optimise: the last update's, mean over seeds, and over players unless named as returns/1."""
    direction: Literal["maximise", "minimise"] = "maximise"
    """Whether the objective is to be large or small."""
    trials: int | None = None
    """How many settings are tried; None for 20, or all of a grid."""
    at_once: int | None = None
    """How many trials are chosen, and learn, together; None for 4, or all of a grid."""
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """Who chooses: Optuna's TPE, draws, or every combination of values in order."""
    sampler_seed: int = 0
    """Seed of the sampler."""
    prune: bool = False
    """Whether trials that are below the median of those before end early, at every checkpoint by updates."""

    def validate(self, recording: Recording) -> None:
        """Raises `ValueError`, in one line, for what is missing, out of range or does not go together.

        **Arguments:** what is recorded when: trials are pruned at checkpoints.
        """
        if not self.objective:
            raise BadInputError("objective: is missing; give --objective METRIC, such as returns")
        for name in ("trials", "at_once"):
            if getattr(self, name) is not None:
                check_at_least(name, getattr(self, name), 1)
        check_at_least("sampler_seed", self.sampler_seed, 0)
        rule = "given with --checkpoint-updates N, the updates after which trials are compared"
        check(not self.prune or recording.checkpoint_updates is not None, "prune", self.prune, rule)


@dataclasses.dataclass(frozen=True)
class Search:
    """A preset, and which of its fields are searched for good values.

    **Attributes:** the `preset`, with the settings that all trials have in common; `spaces` by field, as on the command
    line or lists of values; the `goal`; what is recorded when.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that is not allowed.
    """

    preset: Preset
    spaces: Mapping[str, Any]
    goal: Goal
    recording: Recording

    def __post_init__(self):
        if not self.spaces:
            raise BadInputError(f"optimise: is missing; give --optimise field=SPACE: {FORM}")
        self.goal.validate(self.recording)
        first = {field: space.ends()[0] for field, space in self.read().items()}
        for field, space in self.read().items():
            for end in space.ends():
                self.trial(first | {field: end})
        if self.goal.sampler == "grid":
            self.grid()

    def read(self) -> dict[str, Choice | Range]:
        """The spaces."""
        return {field: _space(field, space) for field, space in self.spaces.items()}

    def trial(self, values: Mapping[str, Any]) -> tuple[str, Preset]:
        """The preset with values of fields, and its name."""
        return named_with(self.preset, values, "lookax sweep")

    def grid(self) -> list[dict[str, str]]:
        """Every combination of what values are called; the last field varies fastest."""
        spaces = self.read()
        for field, space in spaces.items():
            if not isinstance(space, Choice):
                raise BadInputError(f"optimise: {field} is a range; the grid sampler takes values a,b,c")
        labels = [list(space.values) for space in spaces.values() if isinstance(space, Choice)]
        return [dict(zip(spaces, combination, strict=True)) for combination in itertools.product(*labels)]

    def sizes(self) -> tuple[int, int]:
        """How many trials there are, and how many of them at once."""
        grid = len(self.grid()) if self.goal.sampler == "grid" else None
        number = min(self.goal.trials or grid or TRIALS, grid or math.inf)
        return int(number), self.goal.at_once or grid or AT_ONCE

    def content(self) -> dict[str, Any]:
        """What a configuration says of it."""
        return {
            "search": self.preset.name,
            **origin_of(self.preset.name),
            "settings": as_fields(self.preset.settings),
            "optimise": dict(self.spaces),
            "goal": as_fields(self.goal),
            "recording": as_fields(self.recording),
        }


def stored_search(content: Mapping[str, Any], trials: int | None = None) -> Search:
    """The search that a folder's configuration tells of.

    **Arguments:** the `content`; another number of `trials`, None for the same.

    **Raises:** `ValueError`, in one line, for what makes no sense.
    """
    preset = find_preset(str(content["search"]), content.get("plugin"))
    settings = from_fields(preset.settings, fields_of("settings", content), "lookax sweep")
    goal = from_fields(Goal(), fields_of("goal", content), "lookax sweep")
    recording = stored_recording(content, "lookax sweep")
    recording.validate()
    goal = goal if trials is None else dataclasses.replace(goal, trials=trials)
    preset = dataclasses.replace(preset, settings=settings)
    return Search(preset, fields_of("optimise", content), goal, recording)


def parse_spaces(words: Sequence[str]) -> dict[str, str]:
    """Spaces by field, from words such as `learning_rate=log:0.01..1`.

    **Raises:** `ValueError`, in one line, for words of another form and fields that are there twice.
    """
    return {field: ",".join(values) for field, values in parse_set(words, "optimise").items()}


def _space(field: str, space: Any) -> Choice | Range:
    if not isinstance(space, str):
        values = list(space)
        if not values:
            raise BadInputError(f"optimise: {field} has no values; {FORM}")
        return Choice({str(value): value for value in values})
    if ".." not in space:
        return Choice({word: word for word in space.split(",")})
    low, _, high = space.removeprefix("log:").partition("..")
    try:
        ends = [int(end) if end.strip("+-").isdecimal() else float(end) for end in (low, high)]
    except ValueError:
        ends = [math.nan]
    log = space.startswith("log:")
    if not all(map(math.isfinite, ends)) or ends[0] >= ends[-1] or (log and ends[0] <= 0):
        positive = ", LOW positive" if log else ""
        raise BadInputError(f"optimise: {field}={space} is not allowed; {FORM}, LOW below HIGH{positive}")
    if not all(isinstance(end, int) for end in ends):
        ends = list(map(float, ends))
    return Range(ends[0], ends[1], log)
