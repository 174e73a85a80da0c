"""Appendix B.1.6 of POLA: returns while models are shaped, and the original code's."""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.pola_b16 import MODELS
from lookax.experiments.reports.exact import read_references, tidy, tit_for_tat_table
from lookax.experiments.settings.exact_learners import LOLASettings, POLASettings

REFERENCES = read_references("pola-b16")


def table(results: Sequence[Result]) -> Table:
    """How often tit-for-tat was found and held, and returns, beside the original code's."""
    return tit_for_tat_table(results, REFERENCES)


def draw(results: Sequence[Result]) -> Drawing:
    """Mean return of both players by update, a panel per method, a line per kind of model with its runs behind it."""
    drawing = Drawing(figsize=(8.5, 3.2), layout="constrained")
    panels = drawing.subplots(1, 2, sharey=True)
    colours = dict(zip(MODELS, ("#0072b2", "#009e73", "#d55e00"), strict=True))
    for result in results:
        algorithm: LOLASettings | POLASettings = result.settings.algorithm
        is_lola = isinstance(algorithm, LOLASettings)
        axes = panels[0 if is_lola else 1]
        model = "tabular" if algorithm.opponent_modelling is None else algorithm.opponent_modelling.model
        returns = result.history["returns"].mean(axis=2)
        axes.plot(returns, color=colours[model], linewidth=0.4, alpha=0.4)
        axes.plot(returns.mean(axis=1), color=colours[model], linewidth=2, label=f"{MODELS[model]} model")
        axes.set(title="LOLA" if is_lola else "POLA", xlabel="updates")
    for axes in panels:
        cooperative = 0.33 / (1 - 0.96)
        axes.axhline(cooperative, color="grey", linewidth=1, linestyle=":")
        axes.set_ylim(-1, 9)
        tidy(axes)
    panels[0].set_ylabel("discounted return (dotted: all cooperate)")
    panels[1].legend(frameon=False, loc="lower right")
    return drawing
