"""Every preset, figure and collection by its name."""

import difflib
from typing import TypeVar

from lookax.errors import BadInputError
from lookax.experiments.preset import Collection, Figure, Preset
from lookax.experiments.presets import (
    gmrl_ablations,
    gmrl_atari,
    gmrl_bias,
    gmrl_decompose,
    gmrl_ipd,
    gmrl_learning,
    gmrl_lirpg,
    ipd,
    pola_b16,
    pola_figure1,
    pola_figure3,
    pola_figure4,
    pola_figure5,
)
from lookax.experiments.settings.actor_critics import ActorCriticLearning
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping
from lookax.experiments.settings.sampled_shaping import SampledShaping
from lookax.experiments.settings.tabular_meta_gradients import LIRPGGradient, MAMLGradient
from lookax.experiments.settings.tabular_meta_learning import LIRPGLearning, MAMLLearning

AnySettings = (
    ExactShaping
    | SampledShaping
    | RecurrentShaping
    | MAMLGradient
    | LIRPGGradient
    | MAMLLearning
    | LIRPGLearning
    | ActorCriticLearning
)
"""The settings that presets have."""

GMRL_TABULAR = Collection(
    "gmrl-tabular",
    "All tabular experiments of A Theoretical Understanding of Gradient Bias in Meta-RL",
    (
        gmrl_decompose.FIGURE,
        gmrl_ablations.RATE_FIGURE,
        gmrl_ablations.STEPS_FIGURE,
        gmrl_bias.COMPOSITIONAL_FIGURE,
        gmrl_bias.HESSIAN_FIGURE,
        gmrl_lirpg.FIGURE,
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
        pola_figure5.FIGURE,
        pola_figure5.LAPTOP_FIGURE,
        pola_b16.FIGURE,
        *GMRL_TABULAR.figures,
        gmrl_ipd.FIGURE,
        gmrl_atari.FIGURE,
    )
}

STARTING_POINTS: dict[str, Preset] = {preset.name: preset for preset in (*ipd.PRESETS, *gmrl_atari.ATARI)}
"""Presets that belong to no figure."""

PRESETS: dict[str, Preset] = STARTING_POINTS | {
    preset.name: preset for figure in FIGURES.values() for preset in figure.presets
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
    hint = f"did you mean {' or '.join(near)}? `lookax list` names figures, `lookax list FIGURE` presets"
    raise BadInputError(f"{what}: {name!r} is not known; {hint}")
