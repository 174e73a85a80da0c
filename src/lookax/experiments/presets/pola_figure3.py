"""Figure 3 of POLA (Zhao et al. 2022): how often tit-for-tat is found in the iterated prisoner's dilemma, exact values.

Presets do what the published commands do, oddities included: the network sees player 1's action first whoever looks;
POLA's opponents are expected to take one plain gradient step; its outer loop stops when a step moves the policy by less
than 1e-8 in KL divergence, which is short of the proximal point (docs/results/pola-exact.md says by how much).
"""

from lookax.choices import PolicyKind
from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.exact_learners import GradientSteps, LOLASettings, POLASettings
from lookax.experiments.settings.exact_shaping import ExactShaping

PANELS: dict[PolicyKind, str] = {
    "tabular": "tabular",
    "mlp": "MLP",
    "preconditioned-tabular": "preconditioned tabular",
}

FACTORS = (1.1, 1.25, 1.33, 1.4, 1.6)


def _lola(
    policy: PolicyKind, factor: float, inner_learning_rate: float, learning_rate: float, total_updates: int
) -> Preset:
    return Preset(
        f"pola-figure3-lola-{policy.removesuffix('-tabular')}-{factor}",
        f"LOLA, {PANELS[policy]} policies, contribution factor {factor}",
        ExactShaping(
            LOLASettings(GradientSteps(inner_learning_rate), learning_rate),
            contribution_factor=factor,
            policy=policy,
            total_updates=total_updates,
        ),
        run_reports.EXACT,
    )


def _pola(
    policy: PolicyKind,
    factor: float,
    inner_learning_rate: float,
    learning_rate: float,
    outer_beta: float,
    total_updates: int,
) -> Preset:
    return Preset(
        f"pola-figure3-pola-{policy.removesuffix('-tabular')}-{factor}",
        f"POLA, {PANELS[policy]} policies, contribution factor {factor}",
        ExactShaping(
            POLASettings(GradientSteps(inner_learning_rate), learning_rate, outer_beta=outer_beta),
            contribution_factor=factor,
            policy=policy,
            total_updates=total_updates,
        ),
        run_reports.EXACT,
    )


PRESETS = (
    *(_lola("tabular", factor, 3.0, 25.0, 30) for factor in FACTORS),
    _lola("mlp", 1.33, 0.4, 0.05, 100),
    _lola("mlp", 1.4, 0.3, 0.1, 100),
    _lola("mlp", 1.6, 0.12, 0.05, 100),
    # No command was published: nothing that its authors tried found tit-for-tat. These are the tabular settings.
    *(_lola("preconditioned-tabular", factor, 3.0, 25.0, 30) for factor in FACTORS),
    _pola("tabular", 1.1, 5.0, 0.3, 0.1, 2),
    _pola("tabular", 1.25, 5.0, 0.3, 0.1, 2),
    _pola("tabular", 1.33, 5.0, 0.3, 0.1, 2),
    _pola("tabular", 1.4, 4.0, 0.3, 0.1, 2),
    _pola("tabular", 1.6, 2.5, 0.3, 0.1, 2),
    _pola("mlp", 1.1, 0.3, 0.03, 0.1, 2),
    _pola("mlp", 1.25, 0.25, 0.03, 0.13, 2),
    _pola("mlp", 1.33, 0.25, 0.02, 0.13, 2),
    _pola("mlp", 1.4, 0.2, 0.03, 0.1, 2),
    _pola("mlp", 1.6, 0.12, 0.03, 0.05, 2),
    _pola("preconditioned-tabular", 1.1, 0.4, 0.05, 0.5, 10),
    _pola("preconditioned-tabular", 1.25, 0.5, 0.05, 0.5, 10),
    _pola("preconditioned-tabular", 1.33, 0.4, 0.05, 0.5, 10),
    _pola("preconditioned-tabular", 1.4, 0.3, 0.05, 0.5, 10),
    _pola("preconditioned-tabular", 1.6, 0.3, 0.05, 0.5, 10),
)


FIGURE = Figure(
    "pola-figure3",
    "POLA, Figure 3: how often tit-for-tat is found in the iterated prisoner's dilemma with exact values",
    PRESETS,
    Report("lookax.experiments.figures.pola_figure3:draw", "lookax.experiments.figures.pola_figure3:table"),
)
