"""Tables and drawings of opponent shaping with exact values."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from lookax.evaluation.policies import state_names
from lookax.experiments.exact_shaping import ExactShaping
from lookax.experiments.preset import Count, HeatMap, Report, Result, Table

AGENT_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""One per player (Okabe & Ito's palette, safe for colour-blind readers)."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the original code gave for a setting.

    **Attributes:** how many of its runs `found` tit-for-tat at any update, and `held` it at the last (`None` where not
    recorded); everybody's mean final `returns`.
    """

    found: Count
    held: Count | None
    returns: tuple[float, float]


def found(result: Result) -> Count:
    """Runs that passed the tit-for-tat test after any update."""
    return Count.of(np.any(result.history["tit_for_tat"][1:], axis=0))


def held(result: Result) -> Count:
    """Runs that passed the tit-for-tat test after the last update."""
    return Count.of(result.history["tit_for_tat"][-1])


def tit_for_tat_table(results: Sequence[Result], references: Mapping[str, Reference]) -> Table:
    """Per setting: how often tit-for-tat was found and held, returns, and whether counts agree with the reference.

    Two counts agree if either share of runs lies in the other's 95 % Clopper–Pearson interval.
    """
    columns = ["setting", "TFT found", "TFT held", "return"]
    if references:
        columns += ["reference found", "reference held", "reference return"]
    rows, verdicts, notes = [], [], []
    for result in results:
        reference = references.get(result.name)
        final = result.history["returns"][-1].mean(axis=0)
        row = [result.name, str(found(result)), str(held(result)), _numbers(final)]
        rows.append(row + _reference_columns(reference) if references else row)
        verdicts.append(None if reference is None else _agrees(result, reference))
        notes += limits_hit(result)
    if any(verdict is not None for verdict in verdicts):
        notes.append(
            "agrees: our share of runs lies in the 95 % Clopper–Pearson interval (in brackets) of the original code's, "
            "or its share in ours; for both counts."
        )
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
    experiment: ExactShaping = result.experiment
    drawing = Drawing(figsize=(9, 3.4), layout="constrained")
    curves, policies = drawing.subplots(1, 2)
    draw_returns(curves, result.history["returns"])
    draw_cooperation(policies, result.history["cooperation"][-1], state_names(experiment.play().game))
    drawing.suptitle(f"{result.name}: {experiment.game}, {experiment.policy} policies, seeds: {experiment.seeds}")
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
    """P(C | state) of every run `[seeds, N, S]` as dots, their means as bars."""
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


def _agrees(result: Result, reference: Reference) -> bool:
    return reference.found.agrees_with(found(result)) and (
        reference.held is None or reference.held.agrees_with(held(result))
    )


def _reference_columns(reference: Reference | None) -> list[str]:
    if reference is None:
        return ["–", "–", "–"]
    return [_with_interval(reference.found), _with_interval(reference.held), _numbers(reference.returns)]


def _with_interval(count: Count | None) -> str:
    if count is None:
        return "–"
    low, high = count.interval()
    return f"{count} [{low:.2f}, {high:.2f}]"


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def cooperation_map(result: Result, _learned: object) -> list[HeatMap]:
    """P(C | state) of every player at the end."""
    names = state_names(result.experiment.matrix_game())
    values = result.history["cooperation"][-1].mean(axis=0)
    players = [f"player {i + 1}" for i in range(len(values))]
    return [HeatMap("P(cooperate | state), state: mine, theirs", players, names, values)]


RUN = Report(draw_run, lambda results: tit_for_tat_table(results, {}), ("returns", "tit_for_tat"), cooperation_map)
"""Of a single run."""
