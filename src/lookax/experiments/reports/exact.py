"""Tables and drawings of opponent shaping with exact values."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from scipy import stats

from lookax.experiments.preset import HeatMap, Result, Table
from lookax.experiments.reports.intervals import AGREEMENT, Count
from lookax.experiments.studies.repeated_game import RepeatedGameStudy

AGENT_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""One per player (Okabe & Ito's palette, safe for colour-blind readers)."""


FEW_RUNS = 5
"""Counts of fewer runs say little; a table marks them."""

ROUNDING = 1e-3
"""Of references' returns, which were computed in single precision and written with three to five decimals."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the original code gave for a setting.

    **Attributes:**

    - `found`: how many of its runs found tit-for-tat at any update; `held`: at the last (`None` where not recorded).
    - `mean_returns`: of both players at the last update, over those runs, or over all where none were recorded.
    - `run_returns`: of single runs, mean over players, as many as were recorded; empty where only the means were.
    """

    found: Count
    held: Count | None
    mean_returns: tuple[float, float]
    run_returns: tuple[float, ...] = ()

    def returns_apart(self, ours: np.ndarray) -> tuple[float, float]:
        """How far the mean of our runs' returns is from its own, and how far it may be.

        That is Student's interval of a difference of two means, of confidence `AGREEMENT`: t √(s² (1/n + 1/N)) for n
        and N runs, with s pooled from the spread of ours and of its own as far as recorded; NaN where there is none.
        """
        apart = abs(float(ours.mean()) - float(np.mean(self.mean_returns)))
        samples = [sample for sample in (ours, np.array(self.run_returns)) if len(sample) > 1]
        freedom = sum(len(sample) - 1 for sample in samples)
        if not freedom:
            return apart, float("nan")
        variance = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples) / freedom
        error = (variance * (1 / len(ours) + 1 / (len(self.run_returns) or self.found.total))) ** 0.5
        return apart, float(stats.t.ppf((1 + AGREEMENT) / 2, freedom)) * error + ROUNDING

    def agrees_with(self, result: Result) -> bool:
        """Whether neither counts nor returns tell our runs from its own; returns count where they have a spread."""
        apart, allowed = self.returns_apart(final_returns(result))
        counts = self.found.agrees_with(found(result)) and (self.held is None or self.held.agrees_with(held(result)))
        return counts and (math.isnan(allowed) or apart <= allowed)


def read_references(figure: str) -> dict[str, Reference]:
    """References of a figure's presets from `pola_exact.json`, which says how they were measured."""
    data = json.loads((Path(__file__).parents[1] / "figures" / "data" / "pola_exact.json").read_text())
    references = {}
    for name, setting in data["settings"].items():
        if name.startswith(f"{figure}-"):
            runs, returns = setting["runs"], np.array(setting["returns"])
            references[name] = Reference(
                Count(setting["found"], runs),
                None if setting["held"] is None else Count(setting["held"], runs),
                tuple(returns.reshape(-1, 2).mean(axis=0).tolist()),
                tuple(returns.mean(axis=1).tolist()) if returns.ndim == 2 else (),
            )
    return references


def found(result: Result) -> Count:
    """Runs that passed the tit-for-tat test after any update."""
    return Count.of(np.any(result.history["tit_for_tat"][1:], axis=0))


def held(result: Result) -> Count:
    """Runs that passed the tit-for-tat test after the last update."""
    return Count.of(result.history["tit_for_tat"][-1])


def final_returns(result: Result) -> np.ndarray:
    """Every run's return after the last update, mean over players; `[seeds]`."""
    return result.history["returns"][-1].mean(axis=-1)


def tit_for_tat_table(results: Sequence[Result], references: Mapping[str, Reference] | None = None) -> Table:
    """Per setting: how often tit-for-tat was found and held, returns, and whether all agree with the reference.

    Counts agree by Fisher's exact test, returns by Student's of two samples, both at 1 %.
    """
    references = references or {}
    columns = ["setting", "TFT found", "TFT held", "return"]
    if references:
        columns += ["reference found", "reference held", "reference return", "returns apart (allowed)"]
    rows, verdicts, notes = [], [], []
    for result in results:
        reference = references.get(result.name)
        final = result.history["returns"][-1].mean(axis=0)
        row = [result.name, str(found(result)), str(held(result)), _numbers(final)]
        rows.append(row + _reference_columns(result, reference) if references else row)
        verdicts.append(None if reference is None else reference.agrees_with(result))
        notes += limits_hit(result)
    if any(verdict is not None for verdict in verdicts):
        notes.append(
            "agrees: at 1 %, neither Fisher's exact test of both counts nor Student's test of mean returns tells our "
            "runs from the original code's. In brackets 95 % Clopper–Pearson intervals."
        )
    if any(result.name in references and _few(references[result.name]) for result in results):
        notes.append(f"few runs: fewer than {FEW_RUNS} of the original code, whose counts alone say little.")
    return Table(columns, rows, verdicts, notes)


def limits_hit(result: Result) -> list[str]:
    """A line for every loop that ran into its limit of steps."""
    lines = []
    for metric, what in (("outer_converged", "outer proximal loops"), ("model_fitted", "fits of opponent models")):
        stopped = result.history.get(metric)
        if stopped is not None and not stopped.all():
            lines.append(f"{result.name}: {np.sum(~stopped)} of {stopped.size} {what} ended at their limit of steps.")
    return lines


def draw_run(results: Sequence[Result]) -> Drawing:
    """Returns by update, and final policies, of one preset's runs."""
    [result] = results
    settings = result.settings
    drawing = Drawing(figsize=(9, 3.4), layout="constrained")
    curves, policies = drawing.subplots(1, 2)
    draw_returns(curves, result.history["returns"])
    draw_cooperation(policies, result.history["cooperation"][-1], RepeatedGameStudy(settings).matrix_game().state_names)
    drawing.suptitle(f"{result.name}: {settings.game}, {settings.policy} policies, seeds: {settings.seeds}")
    return drawing


def draw_returns(axes: Axes, returns: np.ndarray) -> None:
    """Every run's returns `[updates, seeds, N]` as thin lines, their means as thick ones."""
    for player in range(returns.shape[-1]):
        colour = AGENT_COLOURS[player % len(AGENT_COLOURS)]
        axes.plot(returns[:, :, player], color=colour, linewidth=0.5, alpha=0.4)
        axes.plot(returns[:, :, player].mean(axis=1), color=colour, linewidth=2, label=f"player {player + 1}")
    axes.set(xlabel="updates", ylabel="discounted return")
    axes.legend(frameon=False)
    tidy(axes)


def draw_cooperation(axes: Axes, cooperation: np.ndarray, names: Sequence[str]) -> None:
    """P(C | state) of every run `[seeds, N, S]` as dots, their means as bars.

    **Arguments:** the `axes` to draw in; `cooperation`, P(C | state), `[seeds, N, S]`; `names` of the S states.
    """
    num_players = cooperation.shape[1]
    width = 0.8 / num_players
    for player in range(num_players):
        colour = AGENT_COLOURS[player % len(AGENT_COLOURS)]
        places = np.arange(len(names)) + (player - (num_players - 1) / 2) * width
        axes.bar(places, cooperation[:, player].mean(axis=0), width, color=colour, alpha=0.35)
        axes.plot(places, cooperation[:, player].T, ".", color=colour, markersize=3)
    axes.set(xticks=range(len(names)), ylim=(-0.02, 1.02), ylabel="P(cooperate | state)")
    axes.set_xticklabels(names, rotation=90 if len(names) > 9 else 0, fontsize=max(3, min(10, 240 / len(names))))
    axes.set_xlabel("state: mine, theirs")
    tidy(axes)


def tidy(axes: Axes) -> None:
    """Removes the frame's top and right sides."""
    axes.spines[["top", "right"]].set_visible(False)


def _few(reference: Reference) -> bool:
    return reference.found.total < FEW_RUNS


def _reference_columns(result: Result, reference: Reference | None) -> list[str]:
    if reference is None:
        return ["–"] * 4
    apart, allowed = reference.returns_apart(final_returns(result))
    counted = _with_interval(reference.found) + (", few runs" if _few(reference) else "")
    differ = f"{apart:.3f} ({'–' if math.isnan(allowed) else f'{allowed:.3f}'})"
    return [counted, _with_interval(reference.held), _numbers(reference.mean_returns), differ]


def _with_interval(count: Count | None) -> str:
    if count is None:
        return "–"
    low, high = count.interval()
    return f"{count} [{low:.2f}, {high:.2f}]"


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def cooperation_map(result: Result, _learned: object) -> list[HeatMap]:
    """P(C | state) of every player at the end."""
    names = RepeatedGameStudy(result.settings).matrix_game().state_names
    values = result.history["cooperation"][-1].mean(axis=0)
    players = [f"player {i + 1}" for i in range(len(values))]
    return [HeatMap("P(cooperate | state), state: mine, theirs", players, names, values)]
