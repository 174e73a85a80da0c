"""Figure 1 of POLA (Zhao et al. 2022): two networks that are the same policy, before and after one update.

A gradient step moves parameters, so where LOLA takes a policy depends on the network behind it. POLA moves the policy
itself, whatever the network.
"""

from pathlib import Path

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.exact_learners import Algorithm, GradientSteps, LOLASettings, POLASettings
from lookax.experiments.settings.exact_shaping import ExactShaping

ALGORITHMS: dict[str, Algorithm] = {
    "lola": LOLASettings(GradientSteps(0.2), 0.05),
    "pola": POLASettings(GradientSteps(0.2), 0.005, outer_beta=5.0),
}
NETWORKS = (1, 2)

PRESETS = tuple(
    Preset(
        f"pola-figure1-{name}-network{network}",
        f"{name.upper()}, one update from network {network} of two that are the same policy",
        ExactShaping(
            algorithm,
            contribution_factor=1.33,
            policy="mlp",
            hidden_sizes=(2,),
            initial_policies=Path(f"lookax:pola_figure1_network{network}.json"),
            total_updates=1,
            seeds=1,
        ),
        run_reports.EXACT,
    )
    for name, algorithm in ALGORITHMS.items()
    for network in NETWORKS
)


FIGURE = Figure(
    "pola-figure1",
    "POLA, Figure 1: one update from two networks that are the same policy",
    PRESETS,
    Report("lookax.experiments.figures.pola_figure1:draw", "lookax.experiments.figures.pola_figure1:table"),
)
