"""Whose error is a meta-gradient's? MAML-RL in random MDPs, each part exact or sampled (Liu et al. 2022, section 5.1).

A pattern names the parts in the order inner, Hessian, outer: e for exact, l for the estimator that is studied.
"""

from typing import Any

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.tabular_meta_gradients import LABELS, PARTS, Estimator, MAMLGradient

ESTIMATORS: tuple[Estimator, ...] = ("loaded-dice", "dice", "lvc", "score-function")
PATTERNS = ("eel", "lee", "ele", "ell", "lle", "lel", "lll")
TRAJECTORIES = (2, 4, 8, 16, 32, 64, 128, 256)


def parts_of(pattern: str, estimator: Estimator, trajectories: int) -> dict[str, Any]:
    """The settings of a pattern.

    **Arguments:** the `pattern`, a letter per part; the `estimator` that is studied; `trajectories`, how many each part
    takes.
    """
    names = {f"{part}_estimator": estimator for part, letter in zip(PARTS, pattern, strict=True) if letter == "l"}
    return names | {f"{part}_trajectories": trajectories for part in PARTS}


def pattern_of(settings: MAMLGradient) -> str:
    """The pattern of some settings."""
    return "".join("e" if getattr(settings, f"{part}_estimator") == "exact" else "l" for part in PARTS)


def estimator_of(settings: MAMLGradient) -> Estimator:
    """The estimator that is studied: of the parts that are not exact."""
    return next((e for part in PARTS if (e := getattr(settings, f"{part}_estimator")) != "exact"), "exact")


def study(name: str, pattern: str, estimator: Estimator, trajectories: int, **settings: Any) -> Preset:
    """A preset with one estimator in the parts of a pattern.

    **Arguments:** the preset's `name`; the `pattern`; the `estimator` that is studied; `trajectories`, how many each
    part takes; further `settings` of `MAMLGradient`, by name.
    """
    label = LABELS[estimator]
    further = "".join(f", {name.replace('_', ' ')} {value:g}" for name, value in settings.items())
    where = (
        f"MAML-RL's gradient with {label} in {pattern} (inner, Hessian, outer), {trajectories} trajectories{further}"
    )
    return Preset(
        name, where, MAMLGradient(**parts_of(pattern, estimator, trajectories), **settings), run_reports.GRADIENTS
    )


PREFIX = "gmrl-tabular-decompose"

PRESETS = (
    Preset(f"{PREFIX}-exact", "MAML-RL's exact gradient, against itself", MAMLGradient(), run_reports.GRADIENTS),
    *(
        study(f"{PREFIX}-{estimator}-{pattern}-{trajectories}", pattern, estimator, trajectories)
        for estimator in ESTIMATORS
        for pattern in PATTERNS
        for trajectories in TRAJECTORIES
    ),
)


FIGURE = Figure(
    PREFIX,
    "MAML-RL: which part's sampling errors make the meta-gradient wrong, by estimator and number of trajectories",
    PRESETS,
    Report("lookax.experiments.figures.gmrl_decompose:draw", "lookax.experiments.figures.gmrl_decompose:table"),
)
