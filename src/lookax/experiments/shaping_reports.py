"""Tables and drawings of LOLA-DiCE: scores, and how right its gradients are."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from lookax.evaluation.policies import state_names
from lookax.experiments.exact_reports import cooperation_map, draw_cooperation, tidy
from lookax.experiments.intervals import Interval, deviation, half_width, quantile
from lookax.experiments.preset import Report, Result, Table
from lookax.surrogates.off_policy import LOG_WEIGHT_CAP

FIRST = 100
"""Updates over which correlations are averaged: later, policies differ too much between seeds to compare gradients."""

SMOOTHED = 25
"""Updates that a drawn correlation is a running mean of."""

CORRELATIONS = {
    "correlation": "correlation with the exact gradient",
    "inner_correlation": "… with an exact outer part",
}

REFERENCE_CONFIDENCE = 0.99
SCORE_ERROR = 0.014
"""Standard error of the original code's scores, means over 128 games.

The largest that 512 games of our policies gave in the first 150 updates of three presets (0.0135).
"""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What a single seed of the original code gave: `scores`, every ten updates; mean correlations, by metric."""

    scores: Sequence[float]
    correlations: Mapping[str, float]


def scores(result: Result) -> np.ndarray:
    """Mean reward per step of all players by update, before the first one too, and seed; `[updates + 1, seeds]`."""
    return result.history["score"].mean(axis=-1)


def correlations(result: Result, metric: str) -> np.ndarray:
    """The mean over the first updates and players, by seed."""
    return result.history[metric][:FIRST].mean(axis=(0, -1))


def shaping_table(results: Sequence[Result], references: Mapping[str, Reference]) -> Table:
    """Per setting: scores and correlations with intervals over seeds, beside the original code's."""
    rows, verdicts = [], []
    for result in results:
        reference = references.get(result.name)
        cells = [str(Interval.of(scores(result)[-1])), str(Interval.of(scores(result)[1:].mean(axis=0)))]
        for metric in CORRELATIONS:
            theirs = "" if reference is None else f" ({reference.correlations[metric]:.3f})"
            cells.append(f"{Interval.of(correlations(result, metric))}{theirs}")
        games = result.history.get("effective_sample_size")
        cells.append("–" if games is None else f"{games.mean():.0f} of {result.experiment.buffer_size}")
        if references:
            cells.append("–" if reference is None else inside(result, reference))
        rows.append([result.name, *cells])
        verdicts.append(None if reference is None else agrees(result, reference))
    columns = ["setting", "score at the end", "mean over updates", "correlation", "… outer exact", "ring's worth"]
    if references:
        columns.append("inside")
    notes = [
        "Score: mean reward per step. Means over seeds with 95 % intervals. "
        f"Correlations: of gradients with the exact one, mean over the first {FIRST} updates; then the same had the "
        "outer part been exact. Ring's worth: effective sample size of replayed games.",
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
            "In parentheses one seed of the original code. agrees: its correlations, and all of its scores as far as "
            f"they go, lie in the {REFERENCE_CONFIDENCE:.0%} prediction interval for one more seed of ours, widened "
            "for scores by two standard errors of theirs. "
            "inside: how many of them lie between our lowest and highest seed, so widened."
        )
    return Table(columns, rows, verdicts, notes)


def inside(result: Result, reference: Reference) -> str:
    """How many of the reference's scores lie between our lowest and our highest seed's, give or take its error."""
    pairs = list(zip(scores(result)[1::10], reference.scores, strict=False))
    error = 2 * SCORE_ERROR
    number = sum(own.min() - error <= theirs <= own.max() + error for own, theirs in pairs)
    return f"{number} of {len(pairs)}"


def agrees(result: Result, reference: Reference) -> bool | None:
    """Whether the reference could be one more of our seeds; `None` with fewer than 3 of them, or no updates to compare.

    The reference's k-th score is that after update 10k + 1.
    """
    ours = scores(result)[1::10]
    compared = min(len(ours), len(reference.scores))
    if ours.shape[1] < 3 or len(scores(result)) <= FIRST:
        return None
    within = [
        _predicts(own, theirs, 2 * SCORE_ERROR)
        for own, theirs in zip(ours[:compared], reference.scores[:compared], strict=True)
    ]
    within += [
        # A hundred-thousandth for rounding: exact gradients correlate 1 in every seed.
        _predicts(correlations(result, metric), theirs, 1e-5)
        for metric, theirs in reference.correlations.items()
    ]
    return all(within)


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
        draw_band(quality, smoothed(result.history[metric].mean(axis=-1)), SMOOTHED, color=colour, label=label)
    quality.set(xlabel="updates", ylabel="correlation", ylim=(-0.25, 1.05))
    quality.legend(frameon=False, fontsize=8)
    game = result.experiment.matrix_game()
    draw_cooperation(policies, result.history["cooperation"][-1], state_names(game))
    drawing.suptitle(f"{result.name}, seeds: {result.experiment.seeds}")
    return drawing


def smoothed(values: np.ndarray) -> np.ndarray:
    """Running means of `[updates, seeds]` over updates; of fewer updates than that takes, their mean."""
    window = min(SMOOTHED, len(values))
    sums = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    return (sums[window:] - sums[:-window]) / window


def draw_band(axes: Axes, values: np.ndarray, first: int, steps: int = 1, **style: Any) -> None:
    """Means over seeds of `[updates, seeds]` in a band of Student's 95 % interval; updates of so many steps each."""
    taken, means = steps * (first + np.arange(len(values))), values.mean(axis=1)
    axes.plot(taken, means, linewidth=1.4, **style)
    if values.shape[1] > 1:
        half = half_width(values)
        axes.fill_between(taken, means - half, means + half, color=style["color"], alpha=0.15, linewidth=0)
    tidy(axes)


def _predicts(values: np.ndarray, other: float, error: float) -> bool:
    """Whether one more value could be `other`, given values of several seeds and an error of the other."""
    half = quantile(REFERENCE_CONFIDENCE, len(values)) * float(deviation(values)) * (1 + 1 / len(values)) ** 0.5
    return bool(abs(other - values.mean()) <= half + error)


RUN = Report(draw_run, lambda results: shaping_table(results, {}), ("score", "correlation"), cooperation_map)
"""Of a single run."""
