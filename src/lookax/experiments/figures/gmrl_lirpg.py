"""Errors of LIRPG's gradient by number of inner steps, and the original code's."""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.gmrl_ablations import LIRPG_PREFIX, LIRPG_STEPS
from lookax.experiments.reports.gradients import draw_grid, quality_table, read_references

REFERENCES = read_references(LIRPG_PREFIX)


def table(results: Sequence[Result]) -> Table:
    """Correlation and variance, beside the original code's."""
    return quality_table(results, REFERENCES)


def draw(results: Sequence[Result]) -> Drawing:
    """Correlation and variance by number of trajectories, a column per number of steps, a line per estimator."""
    columns = {steps: f"K = {steps}" for steps in LIRPG_STEPS}
    return draw_grid(
        results,
        columns,
        column_of=lambda e: e.inner_steps,
        estimator_of=lambda e: e.hessian_estimator,
        trajectories_of=lambda e: e.hessian_trajectories,
        figsize=(11, 4.4),
    )
