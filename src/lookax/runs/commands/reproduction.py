"""Which figures are to be reproduced, with how many seeds."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError
from lookax.experiments.plugins import find_figure
from lookax.experiments.preset import Collection, Figure, Preset
from lookax.experiments.registry import COLLECTIONS
from lookax.runs.storage.config import from_fields
from lookax.runs.storage.folder import CONFIG
from lookax.runs.storage.run import Recording, stored_recording


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
                preset.settings.validate()

    def collection(self) -> Collection | None:
        """The collection, if it is one."""
        return COLLECTIONS.get(self.name)

    def figures(self) -> Sequence[Figure]:
        """Its figures, with presets of as many seeds as asked for."""
        chosen = find_figure(self.name)
        return [self._with_seeds(figure) for figure in (chosen.figures if isinstance(chosen, Collection) else [chosen])]

    def _with_seeds(self, figure: Figure) -> Figure:
        def changed(preset: Preset) -> Preset:
            number = preset.settings.seeds if self.seeds is None else self.seeds
            settings = dataclasses.replace(preset.settings, seeds=number, first_seed=self.first_seed)
            return dataclasses.replace(preset, settings=settings)

        return dataclasses.replace(figure, presets=[changed(preset) for preset in figure.presets])


def stored_reproduction(content: Mapping[str, Any], path: Path) -> Reproduction:
    """What the configuration of a folder says is reproduced in it.

    **Raises:** `ValueError`, in one line, for what makes no sense.
    """
    name = content.get("figure") or content.get("collection")
    if name is None:
        raise BadInputError(f"{str(path / CONFIG)!r} names no preset, figure or collection; put back what it said")
    fields = {field: content[field] for field in ("seeds", "first_seed") if field in content}
    try:
        find_figure(str(name), content.get("plugin"))
        as_it_is = Reproduction(str(name), None, 0, stored_recording(content, str(path)))
        reproduction = from_fields(as_it_is, fields, str(path))
        reproduction.recording.validate()
        return reproduction
    except BadInputError as mistake:
        raise BadInputError(f"{path / CONFIG}: {mistake}") from None
