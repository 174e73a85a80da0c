"""LIRPG in random MDPs: the meta-gradient in an intrinsic reward by number of inner steps (Liu et al. 2022).

Inner steps and outer gradient are exact, the steps' derivative is the score function's or LVC's.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.gmrl_decompose import ROWS
from lookax.experiments.gradient_reports import RUN, STYLES, Reference, band, by, quality_table
from lookax.experiments.meta_gradients import Estimator, LIRPGGradient
from lookax.experiments.preset import Figure, Preset, Report, Result, Table

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

# Measured by running the original code.
REFERENCES = {
    f"{PREFIX}-score-function-1-32": Reference(3, {"correlation": 0.9173, "variance": 1.043}),
    f"{PREFIX}-lvc-1-32": Reference(3, {"correlation": 0.9173, "variance": 1.043}),
    f"{PREFIX}-score-function-3-32": Reference(3, {"correlation": 0.647, "variance": 6.461}),
}


def table(results: Sequence[Result]) -> Table:
    """Correlation and variance, beside the original code's."""
    return quality_table(results, REFERENCES)


def draw(results: Sequence[Result]) -> Drawing:
    """Correlation and variance by number of trajectories, a column per number of steps, a line per estimator."""
    drawing = Drawing(figsize=(11, 4.4), layout="constrained")
    panels = drawing.subplots(len(ROWS), len(STEPS), sharex=True, sharey="row")
    for column, steps in enumerate(STEPS):
        own = [result for result in results if result.experiment.inner_steps == steps]
        for row, (metric, label) in enumerate(ROWS.items()):
            axes = panels[row][column]
            for estimator, group in by(own, lambda result: result.experiment.hessian_estimator).items():
                places = [result.experiment.hessian_trajectories for result in group]
                band(axes, places, group, metric, root=False, **STYLES[estimator])
            axes.set_xscale("log", base=2)
            axes.set_ylabel(label if column == 0 else "")
        panels[0][column].set_title(f"K = {steps}")
        panels[1][column].set(yscale="log", xlabel="trajectories")
    drawing.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return drawing


FIGURE = Figure(
    PREFIX,
    "LIRPG: the meta-gradient's errors by number of inner steps, score function and LVC",
    PRESETS,
    Report(draw, table),
)
