"""Figure 3 of POLA (Zhao et al. 2022): how often tit-for-tat is found in the iterated prisoner's dilemma, exact values.

Presets do what the published commands do, oddities included: the network sees player 1's action first whoever looks;
POLA's opponents are expected to take one plain gradient step; its outer loop stops when a step moves the policy by less
than 1e-8 in KL divergence, which is short of the proximal point (docs/pola-exact.md says by how much).
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.reports.exact import RUN, found, read_references, tidy, tit_for_tat_table
from lookax.experiments.studies.algorithms import GradientSteps, LOLASettings, POLASettings
from lookax.experiments.studies.exact_shaping import ExactShaping
from lookax.policies.factory import PolicyKind

PANELS: dict[PolicyKind, str] = {
    "tabular": "tabular",
    "mlp": "MLP",
    "preconditioned-tabular": "preconditioned tabular",
}

FACTORS = (1.1, 1.25, 1.33, 1.4, 1.6)

POLA_STYLE = {"label": "POLA", "colour": "#0072b2", "marker": "o", "shift": -0.005}
LOLA_STYLE = {"label": "LOLA", "colour": "#d55e00", "marker": "s", "shift": 0.005}


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
        RUN,
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
        RUN,
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

REFERENCES = read_references("pola-figure3")


def table(results: Sequence[Result]) -> Table:
    """How often tit-for-tat was found and held, and returns, beside the original code's."""
    return tit_for_tat_table(results, REFERENCES)


def draw(results: Sequence[Result]) -> Drawing:
    """P(TFT found) by contribution factor, a panel for each kind of policy, with 95 % intervals."""
    drawing = Drawing(figsize=(10, 3.5), layout="constrained")
    panels = dict(zip(PANELS, drawing.subplots(1, len(PANELS), sharey=True), strict=True))
    for policy, axes in panels.items():
        for settings, style in ((POLASettings, POLA_STYLE), (LOLASettings, LOLA_STYLE)):
            _draw_method(
                axes,
                [r for r in results if isinstance(r.experiment.algorithm, settings) and r.experiment.policy == policy],
                **style,
            )
        axes.set(title=PANELS[policy], xlabel="contribution factor", xlim=(1.07, 1.63), ylim=(-0.04, 1.04))
        axes.set_xticks(FACTORS, [str(factor) for factor in FACTORS], rotation=45, fontsize="small")
        tidy(axes)
    panels["tabular"].set_ylabel("P(tit-for-tat found)")
    drawing.legend(*panels["tabular"].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return drawing


def _draw_method(axes: Axes, results: Sequence[Result], label: str, colour: str, marker: str, shift: float) -> None:
    counts = [found(result) for result in results]
    places = [result.experiment.contribution_factor + shift for result in results]
    shares = [count.share for count in counts]
    below, above = zip(*([abs(bound - count.share) for bound in count.interval()] for count in counts), strict=True)
    axes.errorbar(places, shares, [below, above], color=colour, marker=marker, capsize=2, label=label)
    known = [
        (place, REFERENCES[r.name].found) for place, r in zip(places, results, strict=True) if r.name in REFERENCES
    ]
    axes.plot(
        [place for place, _ in known],
        [count.share for _, count in known],
        marker,
        markersize=11,
        markerfacecolor="none",
        markeredgecolor=colour,
        label=f"{label}, original code",
    )


FIGURE = Figure(
    "pola-figure3",
    "POLA, Figure 3: how often tit-for-tat is found in the iterated prisoner's dilemma with exact values",
    PRESETS,
    Report(draw, table),
)
