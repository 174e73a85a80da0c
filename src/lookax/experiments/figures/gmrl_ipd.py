"""LOLA-DiCE's scores and correlations by update, and the original code's scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.gmrl_ipd import GROUPS, PREFIX, group_of
from lookax.experiments.reports.intervals import half_width
from lookax.experiments.reports.sampled import (
    CORRELATIONS,
    EVERY,
    SMOOTHED,
    Interval,
    draw_band,
    read_references,
    scores,
    shaping_table,
    smoothed,
)

REFERENCES = read_references(Path(__file__).parent / "data" / "gmrl_ipd.json")
"""By running the original code; the file says how."""


COLOURS = ("#0072b2", "#009e73", "#d55e00", "#000000")


ROWS = {"score": "reward per step", **CORRELATIONS}


def table(results: Sequence[Result]) -> Table:
    """Scores and correlations, beside the original code's; and the ranking in each group."""
    closing = shaping_table(results, REFERENCES)
    rankings = []
    for group in GROUPS:
        own = [(Interval.of(scores(r)[1:].mean(axis=0)), r.name) for r in results if group_of(r.name) == group]
        ranked = sorted(own, key=lambda pair: -pair[0].mean)
        listed = " > ".join(f"{name.removeprefix(f'{PREFIX}-')} {interval}" for interval, name in ranked)
        rankings.append(f"By mean score over updates: {listed}")
    return Table(closing.columns, closing.rows, closing.verdicts, [*closing.notes, *rankings])


def draw(results: Sequence[Result]) -> Drawing:
    """Scores and correlations by update: a column per group, a line per preset.

    Points with 95 % intervals are the original code's.
    """
    drawing = Drawing(figsize=(15, 8), layout="constrained")
    panels = drawing.subplots(len(ROWS), len(GROUPS), sharex=True, sharey="row")
    for column, (group, title) in enumerate(GROUPS.items()):
        own = [result for result in results if group_of(result.name) == group]
        for result, colour in zip(own, COLOURS, strict=False):
            label = result.name.removeprefix(f"{PREFIX}-")
            draw_band(panels[0][column], scores(result), 0, color=colour, label=label)
            if result.name in REFERENCES:
                theirs = REFERENCES[result.name].scores
                places = 1 + EVERY * np.arange(len(theirs))
                style = {"color": colour, "markersize": 3.5, "markerfacecolor": "none", "linewidth": 0.8}
                panels[0][column].errorbar(places, theirs.mean(axis=1), half_width(theirs), fmt="o", **style)
            for row, metric in enumerate(CORRELATIONS, start=1):
                values = smoothed(result.history[metric].mean(-1))
                draw_band(panels[row][column], values, SMOOTHED, metric=metric, color=colour)
        panels[0][column].set_title(title)
        panels[0][column].legend(frameon=False, fontsize=8, loc="lower right")
        panels[-1][column].set_xlabel("updates")
    for row, label in enumerate(ROWS.values()):
        panels[row][0].set_ylabel(label)
    return drawing
