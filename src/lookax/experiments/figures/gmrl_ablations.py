"""How the inner learning rate and the number of inner steps scale MAML-RL's errors, the score function's estimates."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.figures.gmrl_decompose import PATTERN_COLOURS, PATTERNS, pattern_of, study
from lookax.experiments.preset import Figure, Report, Result, Table
from lookax.experiments.reports.gradients import ROWS, band, by, quality_table, read_references
from lookax.experiments.studies.meta_gradients import MAMLGradient

LEARNING_RATES = (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0)
STEPS = (1, 2, 3, 4, 5, 6)

RATE_PREFIX, STEPS_PREFIX = "gmrl-tabular-learning-rate", "gmrl-tabular-steps"

RATE_PRESETS = tuple(
    study(f"{RATE_PREFIX}-{pattern}-{rate:g}", pattern, "score-function", 32, inner_learning_rate=rate, inner_steps=5)
    for pattern in PATTERNS
    for rate in LEARNING_RATES
)

STEPS_PRESETS = tuple(
    study(f"{STEPS_PREFIX}-{pattern}-{steps}", pattern, "score-function", 32, inner_steps=steps)
    for pattern in PATTERNS
    for steps in STEPS
)


REFERENCES = read_references(RATE_PREFIX) | read_references(STEPS_PREFIX)


def table(results: Sequence[Result]) -> Table:
    """Correlation and variance, beside the original code's."""
    return quality_table(results, REFERENCES)


def _draw(results: Sequence[Result], place: Callable[[MAMLGradient], float | int], label: str) -> Drawing:
    drawing = Drawing(figsize=(9, 3.4), layout="constrained")
    panels = drawing.subplots(1, len(ROWS))
    for axes, (metric, quantity) in zip(panels, ROWS.items(), strict=True):
        for pattern, group in by(results, lambda result: pattern_of(result.experiment)).items():
            style = {"label": pattern, "color": PATTERN_COLOURS[pattern], "marker": "o"}
            band(axes, [place(result.experiment) for result in group], group, metric, root=False, **style)
        axes.set(xlabel=label, ylabel=quantity)
    panels[1].set_yscale("log")
    legend = drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    legend.set_title("inner, Hessian, outer")
    return drawing


RATE_FIGURE = Figure(
    RATE_PREFIX,
    "MAML-RL: the meta-gradient's errors by inner learning rate, 5 inner steps",
    RATE_PRESETS,
    Report(lambda results: _draw(results, lambda e: e.inner_learning_rate, "inner learning rate α"), table),
)

STEPS_FIGURE = Figure(
    STEPS_PREFIX,
    "MAML-RL: the meta-gradient's errors by number of inner steps",
    STEPS_PRESETS,
    Report(lambda results: _draw(results, lambda e: e.inner_steps, "inner steps K"), table),
)
