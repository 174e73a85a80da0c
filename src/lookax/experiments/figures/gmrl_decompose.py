"""Correlation and variance of MAML-RL's gradient, by which parts are exact, and the original code's."""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.gmrl_decompose import PATTERNS, PREFIX, estimator_of, pattern_of
from lookax.experiments.reports.gradients import draw_grid, quality_table, read_references

PATTERN_COLOURS: dict[str, str] = dict(
    zip(PATTERNS, ("#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#000000"), strict=True)
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
