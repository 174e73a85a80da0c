"""Appendix B.1.6 of POLA (Zhao et al. 2022): shaping models of the opponent, of three kinds.

Players are tabular; each fits a model to the other until KL(policy ‖ model) < 1e-7 and shapes the model. LOLA's
lookahead, a gradient step in the model's parameters, depends on the kind of model; POLA's inner loop, many small steps
with a proximal term, approaches a step of the policy, which does not.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.reports.exact import RUN, read_references, tidy, tit_for_tat_table
from lookax.experiments.studies.algorithms import GradientSteps, LOLASettings, OpponentModelling, POLASettings
from lookax.experiments.studies.exact_shaping import ExactShaping
from lookax.policies.factory import PolicyKind

MODELS: dict[PolicyKind, str] = {
    "tabular": "tabular",
    "mlp": "MLP",
    "preconditioned-tabular": "preconditioned tabular",
}


def _preset(method: str, model: PolicyKind, algorithm: LOLASettings | POLASettings) -> Preset:
    return Preset(
        f"pola-b16-{method}-{model.removesuffix('-tabular')}",
        f"{method.upper()} shaping {MODELS[model]} models of the opponent",
        ExactShaping(algorithm, contribution_factor=1.33, total_updates=50),
        RUN,
    )


def _lola(model: PolicyKind, inner_learning_rate: float) -> Preset:
    steps = GradientSteps(inner_learning_rate)
    return _preset("lola", model, LOLASettings(steps, 1.0, opponent_modelling=OpponentModelling(model)))


def _pola(model: PolicyKind, inner_learning_rate: float, inner_steps: int) -> Preset:
    steps = GradientSteps(inner_learning_rate, inner_steps, inner_beta=3.0)
    algorithm = POLASettings(steps, 1.0, outer_beta=None, outer_steps=1, opponent_modelling=OpponentModelling(model))
    return _preset("pola", model, algorithm)


PRESETS = (
    _lola("tabular", 3.0),
    _lola("mlp", 0.2),
    _lola("preconditioned-tabular", 1.0),
    _pola("tabular", 0.2, 100),
    _pola("mlp", 0.05, 100),
    _pola("preconditioned-tabular", 0.15, 200),
)

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
        algorithm: LOLASettings | POLASettings = result.experiment.algorithm
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


FIGURE = Figure(
    "pola-b16",
    "POLA, appendix B.1.6: shaping models of the opponent, tabular, MLP and preconditioned",
    PRESETS,
    Report(draw, table),
)
