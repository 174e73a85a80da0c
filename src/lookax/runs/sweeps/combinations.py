"""Which settings a sweep learns with: a preset with every combination of some fields' values."""

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lookax.errors import BadInputError
from lookax.experiments.plugins import find_preset
from lookax.experiments.preset import Preset, check_settings
from lookax.runs.storage.config import as_fields, from_fields
from lookax.runs.storage.run import Recording, stored_recording


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A preset with every combination of some fields' values.

    **Attributes:** the `preset`, with the settings that all have in common; `values` by field, or words for such as the
    command line takes them; what is recorded when.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that is not allowed.
    """

    preset: Preset
    values: Mapping[str, Sequence[Any]]
    recording: Recording

    def __post_init__(self):
        self.combinations()

    def combinations(self) -> dict[str, Preset]:
        """The preset with each combination of values, by a name that says which; the last field varies fastest."""
        found: dict[str, Preset] = {}
        for combination in itertools.product(*self.values.values()):
            name, preset = named_with(self.preset, dict(zip(self.values, combination, strict=True)), "lookax sweep")
            if name in found:
                raise BadInputError(f"set: {name} is there twice")
            found[name] = preset
        return found


def named_with(preset: Preset, fields: Mapping[str, Any], program: str) -> tuple[str, Preset]:
    """The preset with other values of fields, and a name that says which.

    **Arguments:** the `preset`; `fields` by name; the `program`, as messages name it.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that is not allowed.
    """
    settings = from_fields(preset.settings, fields, program)
    check_settings(settings)
    settled = as_fields(settings)
    name = ",".join(f"{field}={_as_file_name(settled[field])}" for field in fields)
    return name, dataclasses.replace(preset, settings=settings)


def stored_sweep(content: Mapping[str, Any]) -> Sweep:
    """The sweep that a folder's configuration tells of.

    **Raises:** `ValueError`, in one line, for what makes no sense.
    """
    preset = find_preset(str(content["sweep"]), content.get("plugin"))
    settings = from_fields(preset.settings, content["settings"], "lookax sweep")
    recording = stored_recording(content, "lookax sweep")
    recording.validate()
    return Sweep(dataclasses.replace(preset, settings=settings), content["set"], recording)


def parse_set(words: Sequence[str], option: str = "set") -> dict[str, list[str]]:
    """Values by field, from words such as `learning_rate=0.1,0.3`.

    **Arguments:** the `words`; the `option` that they are of, as messages name it.

    **Raises:** `ValueError`, in one line, for words of another form and fields that are there twice.
    """
    values: dict[str, list[str]] = {}
    for word in words:
        field, equals, listed = word.partition("=")
        field = field.removeprefix("--").replace("-", "_")
        if not equals or not field or not all(listed.split(",")):
            raise BadInputError(f"{option}: {word!r} is not allowed; it must be field=value,value,…")
        if field in values:
            raise BadInputError(f"{option}: {field} is there twice")
        values[field] = listed.split(",")
    return values


def _as_file_name(value: Any) -> str:
    text = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    return re.sub(r"[^\w.+-]+", "_", text)
