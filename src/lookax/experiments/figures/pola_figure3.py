"""Figure 3 of POLA: how often tit-for-tat is found, and the original code's counts."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.pola_figure3 import FACTORS, PANELS
from lookax.experiments.reports.exact import found, read_references, tidy, tit_for_tat_table
from lookax.experiments.settings.exact_learners import LOLASettings, POLASettings

POLA_STYLE = {"label": "POLA", "colour": "#0072b2", "marker": "o", "shift": -0.005}


LOLA_STYLE = {"label": "LOLA", "colour": "#d55e00", "marker": "s", "shift": 0.005}


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
                [r for r in results if isinstance(r.settings.algorithm, settings) and r.settings.policy == policy],
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
    places = [result.settings.contribution_factor + shift for result in results]
    shares = [count.share for count in counts]
    below, above = zip(*([abs(bound - count.share) for bound in count.interval()] for count in counts), strict=True)
    axes.errorbar(places, shares, [below, above], color=colour, marker=marker, capsize=2, label=label)
    known = [(x, REFERENCES[r.name].found) for x, r in zip(places, results, strict=True) if r.name in REFERENCES]
    axes.plot(
        [x for x, _ in known],
        [count.share for _, count in known],
        marker,
        markersize=11,
        markerfacecolor="none",
        markeredgecolor=colour,
        label=f"{label}, original code",
    )
