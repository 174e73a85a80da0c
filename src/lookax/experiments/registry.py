"""Every preset, figure and collection by its name."""

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar

from lookax.errors import BadInputError, check
from lookax.experiments.preset import Collection, Figure, Preset
from lookax.experiments.presets import (
    coin_league,
    gmrl_ablations,
    gmrl_atari,
    gmrl_bias,
    gmrl_decompose,
    gmrl_ipd,
    gmrl_learning,
    ipd,
    pola_b16,
    pola_figure1,
    pola_figure3,
    pola_figure4,
    pola_figure5,
)

GMRL_TABULAR = Collection(
    "gmrl-tabular",
    "All tabular experiments of A Theoretical Understanding of Gradient Bias in Meta-RL",
    (
        gmrl_decompose.FIGURE,
        gmrl_ablations.RATE_FIGURE,
        gmrl_ablations.STEPS_FIGURE,
        gmrl_bias.COMPOSITIONAL_FIGURE,
        gmrl_bias.HESSIAN_FIGURE,
        gmrl_ablations.LIRPG_FIGURE,
        gmrl_learning.MAML_FIGURE,
        gmrl_learning.LIRPG_FIGURE,
    ),
)

COLLECTIONS: dict[str, Collection] = {GMRL_TABULAR.name: GMRL_TABULAR}

FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        pola_figure1.FIGURE,
        pola_figure3.FIGURE,
        pola_figure4.FIGURE,
        pola_figure4.LAPTOP_FIGURE,
        pola_figure4.FEW_GAMES_FIGURE,
        pola_figure5.FIGURE,
        pola_figure5.LAPTOP_FIGURE,
        pola_b16.FIGURE,
        coin_league.FIGURE,
        coin_league.THREE_FIGURE,
        coin_league.IPD_FIGURE,
        *GMRL_TABULAR.figures,
        gmrl_ipd.FIGURE,
        gmrl_atari.FIGURE,
    )
}

PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (*ipd.PRESETS, *gmrl_atari.ATARI, pola_figure4.PUBLISHED_SCALE_FEW_GAMES)
} | {preset.name: preset for figure in FIGURES.values() for preset in figure.presets}

ORIGINS: dict[str, str] = {}
"""Where those that are not lookax's come from, by name: a module, a file, or an interactive session."""

NAME = re.compile(r"[\w.+-]+")
"""What presets and figures may be called."""

Named = TypeVar("Named")


def figure_of(preset: Preset) -> Figure | None:
    """The figure that a preset belongs to, if any."""
    return next((figure for figure in FIGURES.values() if preset in figure.presets), None)


def starting_points() -> dict[str, Preset]:
    """Presets that belong to no figure, by name."""
    in_figures = {preset.name for figure in FIGURES.values() for preset in figure.presets}
    return {name: preset for name, preset in PRESETS.items() if name not in in_figures}


def add(items: Iterable[Preset | Figure | Collection], origin: str) -> None:
    """Adds presets and figures, and the presets of figures.

    **Arguments:** their `origin`: a module's name, a file, or an interactive session.

    **Raises:** `ValueError` for a name that lookax has, that comes from elsewhere or has spaces or other signs, and for
    other things.
    """
    for item in items:
        if isinstance(item, Preset):
            _add_one(item, PRESETS, origin)
        elif isinstance(item, Figure):
            add(item.presets, origin)
            _add_one(item, FIGURES, origin)
        elif isinstance(item, Collection):
            add(item.figures, origin)
            _add_one(item, COLLECTIONS, origin)
        else:
            raise BadInputError(f"register: {item!r} is not allowed; it must be a Preset, a Figure or a Collection")


def _add_one(item: Any, known: dict[str, Any], origin: str) -> None:
    # Shells complete names, and folders are called by them.
    check(bool(NAME.fullmatch(item.name)), "register", item.name, "a name of letters, digits, '.', '_', '+' and '-'")
    if item.name in known and item.name not in ORIGINS:
        raise BadInputError(f"register: {item.name!r} is a name of lookax; take another one")
    if ORIGINS.get(item.name, origin) != origin:
        raise BadInputError(f"register: {item.name!r} is registered by {ORIGINS[item.name]} already; take another name")
    known[item.name] = item
    ORIGINS[item.name] = origin


def look_up(what: str, name: str, known: dict[str, Named]) -> Named:
    """The named one of `known`.

    **Arguments:** `what` the message calls it, `preset` for instance; the `name`; those that are `known`, by name.

    **Raises:** `ValueError` naming what was asked for and the nearest names that exist.
    """
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or list(known)[:3]
    hint = f"did you mean {' or '.join(near)}? `lookax list` names figures, `lookax list FIGURE` presets"
    raise BadInputError(f"{what}: {name!r} is not known; {hint}")
