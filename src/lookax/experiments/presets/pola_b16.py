"""Appendix B.1.6 of POLA (Zhao et al. 2022): shaping models of the opponent, of three kinds.

Players are tabular; each fits a model to the other until KL(policy ‖ model) < 1e-7 and shapes the model. LOLA's
lookahead, a gradient step in the model's parameters, depends on the kind of model; POLA's inner loop, many small steps
with a proximal term, approaches a step of the policy, which does not.
"""

from lookax.choices import PolicyKind
from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.exact_learners import (
    GradientSteps,
    LOLASettings,
    OpponentModellingSettings,
    POLASettings,
)
from lookax.experiments.settings.exact_shaping import ExactShaping

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
        run_reports.EXACT,
    )


def _lola(model: PolicyKind, inner_learning_rate: float) -> Preset:
    steps = GradientSteps(inner_learning_rate)
    return _preset("lola", model, LOLASettings(steps, 1.0, opponent_modelling=OpponentModellingSettings(model)))


def _pola(model: PolicyKind, inner_learning_rate: float, inner_steps: int) -> Preset:
    steps = GradientSteps(inner_learning_rate, inner_steps, inner_beta=3.0)
    algorithm = POLASettings(
        steps, 1.0, outer_beta=None, outer_steps=1, opponent_modelling=OpponentModellingSettings(model)
    )
    return _preset("pola", model, algorithm)


PRESETS = (
    _lola("tabular", 3.0),
    _lola("mlp", 0.2),
    _lola("preconditioned-tabular", 1.0),
    _pola("tabular", 0.2, 100),
    _pola("mlp", 0.05, 100),
    _pola("preconditioned-tabular", 0.15, 200),
)


FIGURE = Figure(
    "pola-b16",
    "POLA, appendix B.1.6: shaping models of the opponent, tabular, MLP and preconditioned",
    PRESETS,
    Report("lookax.experiments.figures.pola_b16:draw", "lookax.experiments.figures.pola_b16:table"),
)
