"""Curves of actor-critics, by frames of games, and what they close with."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.reports.exact import tidy
from lookax.experiments.reports.intervals import Interval
from lookax.experiments.reports.sampled import draw_band

COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73")

PANELS = {
    "score": "return, latest 100 games",
    "entropy": "entropy",
    "value_loss": "critic's squared error",
    "gradient_norm": "norm of the gradient",
}

TUNED = {
    "discount": "discount γ",
    "gae_lambda": "λ",
    "value_coefficient": "weight of the critic",
    "entropy_coefficient": "weight of the entropy",
}

LAST = 0.1
"""Share of updates at the end that a closing score is the mean of."""


def draw(results: Sequence[Result]) -> Drawing:
    """Return, entropy, losses, and the numbers that are tuned: means over seeds, a line per setting."""
    known = {name for result in results for name in result.history}
    metrics = {name: title for name, title in (PANELS | TUNED).items() if name in known}
    rows = -(-len(metrics) // 4)
    drawing = Drawing(figsize=(12.5, 3.1 * rows), layout="constrained")
    panels = drawing.subplots(rows, 4, squeeze=False).reshape(-1)
    for panel, (metric, title) in zip(panels, metrics.items(), strict=False):
        for result, colour in zip(results, COLOURS, strict=False):
            if metric in result.history:
                values = result.history[metric]
                first = 1 - (len(values) - len(result.history["entropy"]))
                steps = result.settings.frames_per_update()
                draw_band(panel, values, first, steps, metric, color=colour, label=result.name)
        panel.set(xlabel="frames", title=title)
        tidy(panel)
    for panel in panels[len(metrics) :]:
        panel.set_axis_off()
    lines, labels = panels[0].get_legend_handles_labels()
    drawing.legend(lines, labels, loc="outside lower center", ncols=len(results), frameon=False)
    return drawing


def closing_scores(result: Result) -> np.ndarray:
    """By seed, the running score's mean over the last tenth of the updates."""
    scores = result.history["score"]
    return scores[-max(1, round(LAST * len(scores))) :].mean(axis=0)


def table(results: Sequence[Result]) -> Table:
    """Per setting: the score at the end with an interval over seeds, how many games ended, and the numbers found."""
    rows = []
    for result in results:
        found = [str(Interval.of(result.history[name][-1], name)) if name in result.history else "–" for name in TUNED]
        games = int(result.history["episodes"].sum())
        rows.append([result.name, str(Interval.of(closing_scores(result))), str(games), *found])
    notes = ["Mean return of the latest 100 games, over the last tenth of updates; means over seeds, 95 % intervals."]
    return Table(("setting", "return", "games", *TUNED.values()), rows, [None] * len(rows), notes)
