"""Tables and drawings of recurrent agents: how they fare with each other and against fixed strategies."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import HeatMap, Result, Table
from lookax.experiments.reports.exact import tidy
from lookax.experiments.reports.intervals import Interval, half_width
from lookax.experiments.reports.sampled import draw_band
from lookax.experiments.studies.study import AGAINST, against_metric, study_of

COLOURS = ("#0072b2", "#009e73", "#d55e00", "#56b4e9", "#000000", "#cc79a7")


@dataclasses.dataclass(frozen=True)
class Reading:
    """A mean over `PUBLISHED_SEEDS` seeds, read off a plot, and half of the width of the 95 % band around it."""

    mean: float
    half_width: float

    def agrees_with(self, ours: np.ndarray) -> bool:
        """Whether the difference to the mean of our values, one per seed, is within its own 95 % interval.

        That is √(h² + h′²), with h and h′ half the widths of both intervals. A single seed has no interval; it then has
        to lie where the published spread puts another seed, h √(PUBLISHED_SEEDS + 1).
        """
        own = float(half_width(ours)) if ours.size > 1 else self.half_width * PUBLISHED_SEEDS**0.5
        return abs(float(ours.mean()) - self.mean) <= math.hypot(self.half_width, own) + READING_ERROR


@dataclasses.dataclass(frozen=True)
class Published:
    """Read off a published figure: rewards per step, and the share of own coins where there are coins."""

    self_play: Reading
    against_always_defect: Reading
    own_coin_share: Reading | None = None


PUBLISHED_SEEDS = 10
"""Seeds behind every published mean."""

READING_ERROR = 0.002
"""Of a number read off a plot: two of its pixels."""


def by_seed(result: Result, metric: str) -> np.ndarray:
    """Mean over both players by update and seed, `[updates + 1, seeds]`."""
    values = result.history[metric]
    return values if values.ndim == 2 else values.mean(axis=-1)


def _metrics(results: Sequence[Result]) -> dict[str, str]:
    """Metrics that some result has, and their titles."""
    against = {against_metric(name): f"against {name}" for name in AGAINST}
    names = {"score": "self-play", **against, "own_coin_share": "own coins"}
    return {name: title for name, title in names.items() if any(name in result.history for result in results)}


def score_table(results: Sequence[Result], references: Mapping[str, Published] | None = None) -> Table:
    """Per setting: scores at the last update with intervals over seeds, and how many pairs are reciprocal."""
    references = references or {}
    metrics = _metrics(results)
    reciprocal = any("reciprocal" in result.history for result in results)
    rows, verdicts = [], []
    for result in results:
        cells, verdict = [result.name], None
        for metric in metrics:
            if metric not in result.history:
                cells.append("–")
                continue
            ours = by_seed(result, metric)[-1]
            theirs = getattr(references.get(result.name), {"score": "self_play"}.get(metric, metric), None)
            cells.append(
                f"{Interval.of(ours, metric)}{'' if theirs is None else f' ({theirs.mean} ± {theirs.half_width})'}"
            )
            if theirs is not None:
                verdict = verdict is not False and theirs.agrees_with(ours)
        if reciprocal:
            cells.append(_reciprocal(result))
        rows.append(cells)
        verdicts.append(verdict)
    notes = ["Rewards per step at the last update, means over seeds and seats with 95 % intervals."]
    if reciprocal:
        notes.append(
            "Reciprocal: pairs that reach 76 % of what mutual cooperation pays while the worse agent loses at most "
            "18 % of what cooperating with a defector costs (0.25 and −0.06 at factor 1.33); at the last update, and "
            "at any."
        )
    if references:
        notes.append(
            "In parentheses the published figure's, means of ten seeds with 95 % intervals; agrees: no difference is "
            "larger than chance explains at 95 %."
        )
    columns = ["setting", *metrics.values(), *(["reciprocal at the end (ever)"] if reciprocal else [])]
    return Table(columns, rows, verdicts, notes)


def _reciprocal(result: Result) -> str:
    pairs = result.history.get("reciprocal")
    if pairs is None:
        return "–"
    return f"{int(pairs[-1].sum())} of {pairs.shape[1]} ({int(pairs.any(axis=0).sum())})"


def draw_scores(results: Sequence[Result]) -> Drawing:
    """A panel per metric: means over seeds by outer steps of the policies, a line per setting."""
    return _draw(results, "outer steps", [result.settings.outer_steps for result in results])


def draw_by_environment_steps(results: Sequence[Result]) -> Drawing:
    """The same by millions of steps of games that are played to learn from, by all agents together."""
    studies: list[Any] = [study_of(result.settings) for result in results]
    millions = [study.environment_steps / 1e6 for study in studies]
    drawing = _draw(results, "environment steps, millions", millions)
    for panel in drawing.axes:
        panel.set_xscale("symlog", linthresh=0.1)
    return drawing


def _draw(results: Sequence[Result], label: str, by_update: Sequence[float | int]) -> Drawing:
    """Curves of all settings.

    **Arguments:** the `results`; the `label` of the axis below; how much of it each setting's update takes.
    """
    metrics = _metrics(results)
    drawing = Drawing(figsize=(3.2 * len(metrics), 3.5), layout="constrained")
    [panels] = drawing.subplots(1, len(metrics), squeeze=False)
    names = _short_names([result.name for result in results])
    for panel, (metric, title) in zip(panels, metrics.items(), strict=True):
        for result, name, colour, steps in zip(results, names, COLOURS, by_update, strict=False):
            if metric in result.history:
                draw_band(panel, by_seed(result, metric), 0, steps, metric, color=colour, label=name)
        panel.set(xlabel=label, title=title)
        tidy(panel)
    panels[0].set_ylabel("reward per step")
    lines, labels = panels[0].get_legend_handles_labels()
    drawing.legend(lines, labels, loc="outside lower center", ncols=len(results), frameon=False)
    return drawing


def _short_names(names: Sequence[str]) -> list[str]:
    """What is left of names without the words that all of them begin with."""
    words = [name.split("-") for name in names]
    common = len(list(itertools.takewhile(lambda word: len(set(word)) == 1, zip(*words, strict=False))))
    return ["-".join(each[common:]) for each in words] if len(names) > 1 else [*names]


def draw_run(results: Sequence[Result]) -> Drawing:
    """A panel per metric of one setting: every seed, and the mean."""
    [result] = results
    metrics = _metrics(results)
    drawing = Drawing(figsize=(3.4 * len(metrics), 3.3), layout="constrained")
    [panels] = drawing.subplots(1, len(metrics), squeeze=False)
    for panel, (metric, title) in zip(panels, metrics.items(), strict=True):
        values = by_seed(result, metric)
        panel.plot(values, color=COLOURS[0], linewidth=0.6, alpha=0.6)
        panel.plot(values.mean(axis=1), color=COLOURS[0], linewidth=2)
        panel.set(xlabel="updates", title=title)
        tidy(panel)
    drawing.suptitle(f"{result.name}, seeds: {result.settings.seeds}")
    return drawing


def coin_maps(result: Result, learned: Sequence[Mapping[str, object]]) -> Sequence[HeatMap]:
    """Coins by who picked them up and of which colour, at the last update; none in other games."""
    del learned
    if "coins" not in result.history:
        return ()
    coins = result.history["coins"][-1].mean(axis=0)
    return (HeatMap("coins per game", ("red picks up", "blue picks up"), ("red coins", "blue coins"), coins),)
