"""LIRPG in random MDPs: the meta-gradient in an intrinsic reward by number of inner steps (Liu et al. 2022).

Inner steps and outer gradient are exact, the steps' derivative is the score function's or LVC's.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.reports.gradients import RUN, STYLES, draw_grid, quality_table, read_references
from lookax.experiments.studies.meta_gradients import Estimator, LIRPGGradient

ESTIMATORS: tuple[Estimator, ...] = ("score-function", "lvc")
STEPS = (1, 2, 3, 4, 5)
TRAJECTORIES = (16, 32, 64, 128, 256)

PREFIX = "gmrl-tabular-lirpg-steps"

PRESETS = tuple(
    Preset(
        f"{PREFIX}-{estimator}-{steps}-{trajectories}",
        f"LIRPG's gradient, {STYLES[estimator]['label']} Hessian: K = {steps}, {trajectories} trajectories",
        LIRPGGradient(hessian_estimator=estimator, hessian_trajectories=trajectories, inner_steps=steps),
        RUN,
    )
    for estimator in ESTIMATORS
    for steps in STEPS
    for trajectories in TRAJECTORIES
)

REFERENCES = read_references(PREFIX)


def table(results: Sequence[Result]) -> Table:
    """Correlation and variance, beside the original code's."""
    return quality_table(results, REFERENCES)


def draw(results: Sequence[Result]) -> Drawing:
    """Correlation and variance by number of trajectories, a column per number of steps, a line per estimator."""
    columns = {steps: f"K = {steps}" for steps in STEPS}
    return draw_grid(
        results,
        columns,
        column_of=lambda e: e.inner_steps,
        estimator_of=lambda e: e.hessian_estimator,
        trajectories_of=lambda e: e.hessian_trajectories,
        figsize=(11, 4.4),
    )


FIGURE = Figure(
    PREFIX,
    "LIRPG: the meta-gradient's errors by number of inner steps, score function and LVC",
    PRESETS,
    Report(draw, table),
)
