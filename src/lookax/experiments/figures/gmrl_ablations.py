"""Errors of MAML-RL's gradient by inner learning rate and by number of inner steps, and the original code's."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.figures.gmrl_decompose import PATTERN_COLOURS
from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.gmrl_ablations import RATE_PREFIX, STEPS_PREFIX
from lookax.experiments.presets.gmrl_decompose import pattern_of
from lookax.experiments.reports.gradients import ROWS, band, by, quality_table, read_references
from lookax.experiments.settings.tabular_meta_gradients import MAMLGradient

REFERENCES = read_references(RATE_PREFIX) | read_references(STEPS_PREFIX)


def table(results: Sequence[Result]) -> Table:
    """Correlation and variance, beside the original code's."""
    return quality_table(results, REFERENCES)


def draw_rates(results: Sequence[Result]) -> Drawing:
    """Correlation and variance by inner learning rate, a line per pattern."""
    return _draw(results, lambda settings: settings.inner_learning_rate, "inner learning rate α")


def draw_steps(results: Sequence[Result]) -> Drawing:
    """Correlation and variance by number of inner steps, a line per pattern."""
    return _draw(results, lambda settings: settings.inner_steps, "inner steps K")


def _draw(results: Sequence[Result], x: Callable[[MAMLGradient], float | int], label: str) -> Drawing:
    drawing = Drawing(figsize=(9, 3.4), layout="constrained")
    panels = drawing.subplots(1, len(ROWS))
    for axes, (metric, quantity) in zip(panels, ROWS.items(), strict=True):
        for pattern, group in by(results, lambda result: pattern_of(result.settings)).items():
            style = {"label": pattern, "color": PATTERN_COLOURS[pattern], "marker": "o"}
            band(axes, [x(result.settings) for result in group], group, metric, root=False, **style)
        axes.set(xlabel=label, ylabel=quantity)
    panels[1].set_yscale("log")
    legend = drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    legend.set_title("inner, Hessian, outer")
    return drawing
