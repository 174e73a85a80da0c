"""Compositional bias and Hessian bias: errors with fitted exponents, and the original code's."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.gmrl_bias import COMPOSITIONAL, HESSIAN, HESSIAN_ERRORS
from lookax.experiments.presets.gmrl_decompose import estimator_of
from lookax.experiments.reports.gradients import STYLES, band, by, exponent, quality_table, read_references
from lookax.experiments.settings.tabular_meta_gradients import MAMLGradient

SWEEPS: dict[str, tuple[str, Callable[[MAMLGradient], float | int]]] = {
    "samples": ("inner trajectories |τ|", lambda e: e.inner_trajectories),
    "rate": ("inner learning rate α", lambda e: e.inner_learning_rate),
    "steps": ("inner steps K", lambda e: e.inner_steps),
}


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
    for column, (sweep, (label, x)) in enumerate(SWEEPS.items()):
        for row, (metric, quantity) in enumerate(rows.items()):
            axes = panels[row][column]
            own = [result for result in results if sweep_of(result) == sweep]
            for estimator, group in by(own, lambda result: estimator_of(result.settings)).items():
                places = [x(result.settings) for result in group]
                style = dict(STYLES[estimator])
                style["label"] += f": {exponent(places, group, metric):+.2f}"
                band(axes, places, group, metric, root=True, **style)
            axes.set(xscale="log", yscale="log", xlabel=label if row else "", ylabel=quantity if column == 0 else "")
            ticks = sorted({x(result.settings) for result in own})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
            axes.minorticks_off()
            axes.legend(frameon=False, fontsize=7, title="fitted exponent", title_fontsize=7)
    return drawing


def draw_hessian(results: Sequence[Result]) -> Drawing:
    """Root of the meta-gradient's squared error by the Hessian's, with fitted exponents, a line per α."""
    drawing = Drawing(figsize=(5.4, 3.8), layout="constrained")
    axes = drawing.subplots()
    groups = by(results, lambda result: result.settings.inner_learning_rate)
    for shade, (rate, group) in zip(np.linspace(0.25, 0.9, len(groups)), groups.items(), strict=True):
        places = [result.settings.hessian_error for result in group]
        label = f"α = {rate:g}: exponent {exponent(places, group, 'bias'):.2f}"
        colour = f"#{int(255 * (1 - shade)):02x}72b2"
        band(axes, places, group, "bias", root=True, label=label, color=colour, marker="o")
    axes.set(xscale="log", yscale="log", xlabel="error c of the Hessian", ylabel="bias of the meta-gradient, RMS")
    axes.set_xticks(HESSIAN_ERRORS, [f"{error:g}" for error in HESSIAN_ERRORS], fontsize=8)
    axes.xaxis.minorticks_off()
    axes.legend(frameon=False, fontsize=8)
    return drawing
