"""Two biases of meta-gradients that sampling alone does not explain (Liu et al. 2022, sections 4.1 and 4.2).

Compositional bias: the outer gradient is a nonlinear function of where the inner steps led, so that unbiased errors
there do not average out. It falls with the number |τ| of inner trajectories and grows with inner steps K and learning
rate α. Hessian bias: an error in every step's derivative enters a product of K of them.

Biases are drawn as in the paper, as the error of a mean of 10 or 20 estimates, which contains its own noise; the
metric `squared_bias` does not. Roots of mean squares are what the paper's bounds are of.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.figures.gmrl_decompose import estimator_of, parts_of
from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.reports.gradients import RUN, STYLES, band, by, exponent, quality_table, read_references
from lookax.experiments.studies.meta_gradients import Estimator, MAMLGradient

COMPOSITIONAL, HESSIAN = "gmrl-tabular-compositional-bias", "gmrl-tabular-hessian-bias"

HESSIAN_ERRORS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
HESSIAN_RATES = (3.0, 3.5, 4.0, 4.5)


def _compositional(
    sweep: str, value: float | int, estimator: Estimator, trajectories: int, rate: float, steps: int
) -> Preset:
    return Preset(
        f"{COMPOSITIONAL}-{sweep}-{estimator}-{value:g}",
        f"Inner steps by {STYLES[estimator]['label']}, the rest exact: α = {rate:g}, K = {steps}, |τ| = {trajectories}",
        MAMLGradient(
            **parts_of("lee", estimator, trajectories),
            inner_learning_rate=rate,
            inner_steps=steps,
            estimates=10,
        ),
        RUN,
    )


SWEEPS: dict[str, tuple[str, Callable[[MAMLGradient], float | int]]] = {
    "samples": ("inner trajectories |τ|", lambda e: e.inner_trajectories),
    "rate": ("inner learning rate α", lambda e: e.inner_learning_rate),
    "steps": ("inner steps K", lambda e: e.inner_steps),
}

COMPOSITIONAL_PRESETS = (
    *(
        _compositional("samples", number, estimator, number, 3.0, 2)
        for estimator in ("score-function", "dice")
        for number in (2, 4, 8, 16, 32, 64, 128, 256)
    ),
    *(
        _compositional("rate", rate, estimator, 32, rate, 6)
        for estimator in ("score-function", "dice")
        for rate in (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0)
    ),
    *(
        _compositional("steps", steps, estimator, 32, 3.0, steps)
        for estimator in ("score-function", "lvc", "loaded-dice", "dice")
        for steps in (1, 2, 3, 4, 5, 6)
    ),
)

HESSIAN_PRESETS = tuple(
    Preset(
        f"{HESSIAN}-{error:g}-{rate:g}",
        f"All exact but for an error of mean {error:g} in the inner steps' Hessian: α = {rate:g}, K = 2",
        MAMLGradient(hessian_error=error, inner_learning_rate=rate, inner_steps=2),
        RUN,
    )
    for error in HESSIAN_ERRORS
    for rate in HESSIAN_RATES
)

REFERENCES = read_references(COMPOSITIONAL) | read_references(HESSIAN)


def table(results: Sequence[Result]) -> Table:
    """Bias and inner error, beside the original code's."""
    return quality_table(results, REFERENCES)


def sweep_of(result: Result) -> str:
    """Which number a preset of the compositional bias belongs to the sweep of."""
    return result.name.removeprefix(f"{COMPOSITIONAL}-").split("-")[0]


def draw_compositional(results: Sequence[Result]) -> Drawing:
    """Root mean squares of inner error and bias by |τ|, α and K, double-logarithmic, with fitted exponents."""
    drawing = Drawing(figsize=(10.5, 5.6), layout="constrained")
    rows = {"inner_error": "inner error, RMS", "bias": "bias of the meta-gradient, RMS"}
    panels = drawing.subplots(len(rows), len(SWEEPS), sharey="row")
    for column, (sweep, (label, place)) in enumerate(SWEEPS.items()):
        for row, (metric, quantity) in enumerate(rows.items()):
            axes = panels[row][column]
            own = [result for result in results if sweep_of(result) == sweep]
            for estimator, group in by(own, lambda result: estimator_of(result.experiment)).items():
                places = [place(result.experiment) for result in group]
                style = dict(STYLES[estimator])
                style["label"] += f": {exponent(places, group, metric):+.2f}"
                band(axes, places, group, metric, root=True, **style)
            axes.set(xscale="log", yscale="log", xlabel=label if row else "", ylabel=quantity if column == 0 else "")
            ticks = sorted({place(result.experiment) for result in own})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
            axes.minorticks_off()
            axes.legend(frameon=False, fontsize=7, title="fitted exponent", title_fontsize=7)
    return drawing


def draw_hessian(results: Sequence[Result]) -> Drawing:
    """Root of the meta-gradient's squared error by the Hessian's, with fitted exponents, a line per α."""
    drawing = Drawing(figsize=(5.4, 3.8), layout="constrained")
    axes = drawing.subplots()
    groups = by(results, lambda result: result.experiment.inner_learning_rate)
    for shade, (rate, group) in zip(np.linspace(0.25, 0.9, len(groups)), groups.items(), strict=True):
        places = [result.experiment.hessian_error for result in group]
        label = f"α = {rate:g}: exponent {exponent(places, group, 'bias'):.2f}"
        colour = f"#{int(255 * (1 - shade)):02x}72b2"
        band(axes, places, group, "bias", root=True, label=label, color=colour, marker="o")
    axes.set(xscale="log", yscale="log", xlabel="error c of the Hessian", ylabel="bias of the meta-gradient, RMS")
    axes.set_xticks(HESSIAN_ERRORS, [f"{error:g}" for error in HESSIAN_ERRORS], fontsize=8)
    axes.xaxis.minorticks_off()
    axes.legend(frameon=False, fontsize=8)
    return drawing


COMPOSITIONAL_FIGURE = Figure(
    COMPOSITIONAL,
    "MAML-RL: bias from inner steps that are wrong without bias, by trajectories, learning rate and steps",
    COMPOSITIONAL_PRESETS,
    Report(draw_compositional, table),
)

HESSIAN_FIGURE = Figure(
    HESSIAN,
    "MAML-RL: bias from a biased Hessian in two inner steps",
    HESSIAN_PRESETS,
    Report(draw_hessian, table),
)
