"""Whose error is a meta-gradient's? MAML-RL in random MDPs, each part exact or sampled (Liu et al. 2022, section 5.1).

A pattern names the parts in the order inner, Hessian, outer: e for exact, l for the estimator that is studied.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.reports.gradients import RUN, STYLES, draw_grid, quality_table, read_references
from lookax.experiments.studies.meta_gradients import PARTS, Estimator, MAMLGradient

ESTIMATORS: tuple[Estimator, ...] = ("loaded-dice", "dice", "lvc", "score-function")
PATTERNS = ("eel", "lee", "ele", "ell", "lle", "lel", "lll")
TRAJECTORIES = (2, 4, 8, 16, 32, 64, 128, 256)

PATTERN_COLOURS: dict[str, str] = dict(
    zip(PATTERNS, ("#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#000000"), strict=True)
)


def parts_of(pattern: str, estimator: Estimator, trajectories: int) -> dict[str, Any]:
    """The settings of a pattern."""
    names = {f"{part}_estimator": estimator for part, letter in zip(PARTS, pattern, strict=True) if letter == "l"}
    return names | {f"{part}_trajectories": trajectories for part in PARTS}


def pattern_of(experiment: MAMLGradient) -> str:
    """The pattern of some settings."""
    return "".join("e" if getattr(experiment, f"{part}_estimator") == "exact" else "l" for part in PARTS)


def estimator_of(experiment: MAMLGradient) -> Estimator:
    """The estimator that is studied: of the parts that are not exact."""
    return next((e for part in PARTS if (e := getattr(experiment, f"{part}_estimator")) != "exact"), "exact")


def study(name: str, pattern: str, estimator: Estimator, trajectories: int, **settings: Any) -> Preset:
    """A preset with one estimator in the parts of a pattern."""
    label = STYLES[estimator]["label"]
    further = "".join(f", {name.replace('_', ' ')} {value:g}" for name, value in settings.items())
    where = (
        f"MAML-RL's gradient with {label} in {pattern} (inner, Hessian, outer), {trajectories} trajectories{further}"
    )
    return Preset(name, where, MAMLGradient(**parts_of(pattern, estimator, trajectories), **settings), RUN)


PREFIX = "gmrl-tabular-decompose"

PRESETS = (
    Preset(f"{PREFIX}-exact", "MAML-RL's exact gradient, against itself", MAMLGradient(), RUN),
    *(
        study(f"{PREFIX}-{estimator}-{pattern}-{trajectories}", pattern, estimator, trajectories)
        for estimator in ESTIMATORS
        for pattern in PATTERNS
        for trajectories in TRAJECTORIES
    ),
)

REFERENCES = read_references(PREFIX)


def table(results: Sequence[Result]) -> Table:
    """Correlation and variance, beside the original code's."""
    return quality_table(results, REFERENCES)


def draw(results: Sequence[Result]) -> Drawing:
    """Correlation and variance by number of trajectories: a column per pattern, a line per estimator."""
    columns = {pattern: pattern for pattern in PATTERNS}
    return draw_grid(
        results,
        columns,
        column_of=pattern_of,
        estimator_of=estimator_of,
        trajectories_of=lambda e: e.outer_trajectories,
        figsize=(14, 4.6),
        fontfamily="monospace",
    )


FIGURE = Figure(
    PREFIX,
    "MAML-RL: which part's sampling errors make the meta-gradient wrong, by estimator and number of trajectories",
    PRESETS,
    Report(draw, table),
)
