"""Every preset and figure by its name."""

import difflib
from typing import TypeVar

from lookax.errors import BadInputError
from lookax.experiments import ipd, pola_b16, pola_figure1, pola_figure3
from lookax.experiments.preset import Figure, Preset

FIGURES: dict[str, Figure] = {module.FIGURE.name: module.FIGURE for module in (pola_figure1, pola_figure3, pola_b16)}

PRESETS: dict[str, Preset] = {
    preset.name: preset for presets in (ipd.PRESETS, *(f.presets for f in FIGURES.values())) for preset in presets
}

Named = TypeVar("Named")


def figure_of(preset: Preset) -> Figure | None:
    """The figure that a preset belongs to, if any."""
    return next((figure for figure in FIGURES.values() if preset in figure.presets), None)


def look_up(what: str, name: str, known: dict[str, Named]) -> Named:
    """The named one of `known`.

    **Raises:** `ValueError` naming what was asked for and the nearest names that exist.
    """
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or list(known)[:3]
    hint = f"did you mean {' or '.join(near)}? `lookax list` names them all"
    raise BadInputError(f"{what}: {name!r} is not known; {hint}")
