"""Tables and drawings of LOLA-DiCE: scores, and how right its gradients are."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from scipy import stats

from lookax.experiments.preset import Result, Table
from lookax.experiments.reports.exact import draw_cooperation, tidy
from lookax.experiments.reports.intervals import Interval, deviation, ends
from lookax.experiments.studies.repeated_game import RepeatedGameStudy
from lookax.surrogates.off_policy import LOG_WEIGHT_CAP

FIRST = 100
"""Updates over which correlations are averaged: later, policies differ too much between seeds to compare gradients."""

SMOOTHED = 25
"""Updates that a drawn correlation is a running mean of."""

CORRELATIONS = {
    "correlation": "correlation with the exact gradient",
    "inner_correlation": "… with an exact outer part",
}

EVERY = 10
"""Updates from one of a reference's scores to the next."""

LEAST_P = 0.001
"""Of the hypothesis that two means are the same: below it, they differ. A row has some thirteen of them to compare."""

ROUNDING = 1e-5
"""Of correlations."""

SCORE_ERROR = 0.014
"""Standard error of one score of the original code, a mean over 128 games, which ours do not have.

The largest that 512 games of our policies gave in the first 150 updates of three presets (0.0135).
"""

FEW = 5
"""References of fewer runs than that are marked as few."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What runs of the original code gave.

    **Attributes:** `scores` after update 10k + 1, `[k, runs]`; mean `correlations` by metric, `[runs]`.
    """

    scores: np.ndarray
    correlations: Mapping[str, np.ndarray]

    @property
    def runs(self) -> int:
        """How many runs."""
        return self.scores.shape[1]


def read_references(file: Path) -> dict[str, Reference]:
    """References by preset, from a file that says what was run."""
    settings = json.loads(file.read_text())["settings"]
    return {
        name: Reference(np.array(setting["scores"]).T, {metric: np.array(setting[metric]) for metric in CORRELATIONS})
        for name, setting in settings.items()
    }


def scores(result: Result) -> np.ndarray:
    """Mean reward per step of all players by update, before the first one too, and seed; `[updates + 1, seeds]`."""
    return result.history["score"].mean(axis=-1)


def correlations(result: Result, metric: str) -> np.ndarray:
    """The mean over the first updates and players, by seed."""
    return result.history[metric][:FIRST].mean(axis=(0, -1))


def shaping_table(results: Sequence[Result], references: Mapping[str, Reference] | None = None) -> Table:
    """Per setting: scores and correlations with intervals over seeds, beside the original code's."""
    references = references or {}
    rows, verdicts = [], []
    for result in results:
        reference = references.get(result.name)
        cells = [str(Interval.of(scores(result)[-1])), str(Interval.of(scores(result)[1:].mean(axis=0)))]
        for metric in CORRELATIONS:
            if metric not in result.history:
                cells.append("–")
                continue
            theirs = "" if reference is None else f" ({reference.correlations[metric].mean():.3f})"
            cells.append(f"{Interval.of(correlations(result, metric), metric)}{theirs}")
        games = result.history.get("effective_sample_size")
        cells.append("–" if games is None else f"{games.mean():.0f} of {result.settings.buffer_size}")
        p = None if reference is None else least_p(result, reference)
        if references:
            cells.append("–" if reference is None else f"{reference.runs} runs{', few' * (reference.runs < FEW)}")
            cells.append("–" if p is None else f"{p:.2g}")
        rows.append([result.name, *cells])
        verdicts.append(None if p is None else p >= LEAST_P)
    columns = ["setting", "score at the end", "mean over updates", "correlation", "… outer exact", "effective games"]
    if references:
        columns += ["reference", "least p"]
    notes = [
        "Score: mean reward per step. Means over seeds with 95 % intervals. "
        f"Correlations: of gradients with the exact one, mean over the first {FIRST} updates; then the same had the "
        "outer part been exact. Effective games: effective sample size of those replayed.",
    ]
    capped = {result.name: int(np.sum(result.history.get("capped_weights", 0))) for result in results}
    notes += [
        f"Warning: in {name} {number} weights of replayed games were cut at {LOG_WEIGHT_CAP:g} in the logarithm, all "
        "updates and seeds together; its estimates are biased there."
        for name, number in capped.items()
        if number > 0
    ]
    if any(verdict is not None for verdict in verdicts):
        notes.append(
            "In parentheses the original code's. Mean correlations, and mean scores after updates 1, 11, …, as far as "
            "its runs go, are compared by Welch's t-test; least p is the smallest of its p. "
            f"agrees: it is at least {LEAST_P}."
        )
    return Table(columns, rows, verdicts, notes)


def least_p(result: Result, reference: Reference) -> float | None:
    """The smallest p of all numbers that a reference has; `None` with fewer than 3 seeds, or no updates to compare."""
    if scores(result).shape[1] < 3 or len(scores(result)) <= FIRST:
        return None
    ours = scores(result)[1::EVERY]
    pairs = [(own, theirs, SCORE_ERROR) for own, theirs in zip(ours, reference.scores, strict=False)]
    known = {metric: theirs for metric, theirs in reference.correlations.items() if metric in result.history}
    pairs += [(correlations(result, metric), theirs, 0.0) for metric, theirs in known.items()]
    return min(_p(*pair) for pair in pairs)


def draw_run(results: Sequence[Result]) -> Drawing:
    """Scores and correlations by update, and final policies, of one preset's runs."""
    [result] = results
    drawing = Drawing(figsize=(12, 3.4), layout="constrained")
    curves, quality, policies = drawing.subplots(1, 3)
    curves.plot(scores(result), color="#0072b2", linewidth=0.6, alpha=0.6)
    curves.plot(scores(result).mean(axis=1), color="#0072b2", linewidth=2)
    curves.set(xlabel="updates", ylabel="reward per step")
    tidy(curves)
    for (metric, label), colour in zip(CORRELATIONS.items(), ("#0072b2", "#d55e00"), strict=True):
        if metric in result.history:
            values = smoothed(result.history[metric].mean(axis=-1))
            draw_band(quality, values, SMOOTHED, metric=metric, color=colour, label=label)
    quality.set(xlabel="updates", ylabel="correlation", ylim=(-0.25, 1.05))
    if quality.lines:
        quality.legend(frameon=False, fontsize=8)
    else:
        quality.set_axis_off()
    game = RepeatedGameStudy(result.settings).matrix_game()
    draw_cooperation(policies, result.history["cooperation"][-1], game.state_names)
    drawing.suptitle(f"{result.name}, seeds: {result.settings.seeds}")
    return drawing


def smoothed(values: np.ndarray) -> np.ndarray:
    """Running means of `[updates, seeds]` over updates; of fewer updates than that takes, their mean."""
    window = min(SMOOTHED, len(values))
    sums = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    return (sums[window:] - sums[:-window]) / window


def draw_band(
    axes: Axes, values: np.ndarray, first: int, steps: float | int = 1, metric: str = "", **style: Any
) -> None:
    """Means over seeds of a metric `[updates, seeds]` in a band of Student's 95 % interval.

    **Arguments:** the number of the `first` update; how many `steps` an update is drawn as.
    """
    taken, means = steps * (first + np.arange(len(values))), values.mean(axis=1)
    axes.plot(taken, means, linewidth=1.4, **style)
    if values.shape[1] > 1:
        axes.fill_between(taken, *ends(values, metric), color=style["color"], alpha=0.15, linewidth=0)
    tidy(axes)


def _p(values: np.ndarray, others: np.ndarray, error: float) -> float:
    """Of the hypothesis that both have the same mean, by Welch's t-test.

    A single other one is taken to spread as these do, and by an error of its own.
    """
    # Exact gradients correlate 1 in every run but for rounding; there is no t then.
    if max(np.ptp(values), np.ptp(others), error if len(others) == 1 else 0) <= ROUNDING:
        return float(abs(values.mean() - others.mean()) <= ROUNDING)
    if len(others) == 1:
        spread = math.hypot(float(deviation(values)) * (1 + 1 / len(values)) ** 0.5, error)
        return float(2 * stats.t.sf(abs(others[0] - values.mean()) / spread, len(values) - 1))
    return float(np.asarray(stats.ttest_ind(values, others, equal_var=False))[1])
