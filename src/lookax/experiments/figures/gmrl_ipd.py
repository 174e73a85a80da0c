"""Where LOLA-DiCE's bias comes from, in the iterated prisoner's dilemma (Liu et al. 2022, section 5.2).

Players' inner steps, the derivative of those steps and the outer gradient are each exact or sampled, from 128 or 1024
games, or off-policy from the last 1024 games. Presets do what the published commands do, a critic that regresses the
*immediate* reward included: its values are a poor baseline. Exact values have an infinite horizon, games 100 steps.

The group `estimator` is not in the paper: what other estimators make of as many games as the original's.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.reports.intervals import half_width
from lookax.experiments.reports.sampled import (
    CORRELATIONS,
    EVERY,
    RUN,
    SMOOTHED,
    Interval,
    draw_band,
    read_references,
    scores,
    shaping_table,
    smoothed,
)
from lookax.experiments.studies.sampled_shaping import SampledShaping

PREFIX = "gmrl-ipd"

GROUPS = {
    "original": "LOLA-DiCE",
    "ablation": "parts of the inner step",
    "off-policy": "off-policy DiCE",
    "estimator": "other estimators",
}
"""By the first word of their names."""

PRESETS = tuple(
    Preset(f"{PREFIX}-{name}", f"LOLA-DiCE: {description}", experiment, RUN)
    for name, description, experiment in (
        ("original", "inner and outer gradient from 128 games", SampledShaping(critic_target="rewards")),
        (
            "original-inner-exact",
            "exact inner steps, outer gradient from 128 games",
            SampledShaping(inner_estimator="exact", critic_target="rewards"),
        ),
        (
            "original-inner-1024",
            "inner steps from 1024 games, outer gradient from 128",
            SampledShaping(inner_batch_size=1024, critic_target="rewards"),
        ),
        (
            "original-exact",
            "inner and outer gradient exact",
            SampledShaping(inner_estimator="exact", outer_estimator="exact", critic_target="rewards"),
        ),
        (
            "ablation-hessian-1024",
            "inner steps from 128 games, their derivative from 1024",
            SampledShaping(hessian_estimator="dice-baseline", hessian_batch_size=1024, critic_target="rewards"),
        ),
        (
            "ablation-hessian-exact",
            "inner steps from 128 games, their derivative exact",
            SampledShaping(hessian_estimator="exact", critic_target="rewards"),
        ),
        (
            "ablation-inner-exact",
            "inner steps exact, their derivative from 128 games",
            SampledShaping(inner_estimator="exact", hessian_estimator="dice-baseline", critic_target="rewards"),
        ),
        (
            "ablation-inner-1024",
            "inner steps from 1024 games, their derivative from 128",
            SampledShaping(inner_batch_size=1024, hessian_estimator="dice-baseline", critic_target="rewards"),
        ),
        (
            "off-policy",
            "inner steps and their derivative from the last 1024 games",
            SampledShaping(inner_estimator="off-policy-dice-baseline", critic_target="rewards"),
        ),
        (
            "off-policy-inner-on-policy",
            "inner steps from 128 fresh games without baseline, their derivative from the last 1024 games",
            SampledShaping(
                inner_estimator="dice", hessian_estimator="off-policy-dice-baseline", critic_target="rewards"
            ),
        ),
        (
            "off-policy-hessian-on-policy",
            "inner steps from the last 1024 games, their derivative from 128 fresh ones without baseline",
            SampledShaping(
                inner_estimator="off-policy-dice-baseline", hessian_estimator="dice", critic_target="rewards"
            ),
        ),
        ("estimator-dice", "as the original, with a critic of returns", SampledShaping()),
        (
            "estimator-loaded-dice",
            "Loaded DiCE of advantages, with a critic of returns",
            SampledShaping(inner_estimator="loaded-dice", outer_estimator="loaded-dice", gae_lambda=0.9),
        ),
        (
            "estimator-self-normalised",
            "self-normalised DiCE, without a critic",
            SampledShaping(inner_estimator="self-normalised-dice", outer_estimator="self-normalised-dice"),
        ),
    )
)

REFERENCES = read_references(Path(__file__).parent / "data" / "gmrl_ipd.json")
"""By running the original code; the file says how."""

COLOURS = ("#0072b2", "#009e73", "#d55e00", "#000000")
ROWS = {"score": "reward per step", **CORRELATIONS}


def group_of(name: str) -> str:
    """The group that a preset of the figure belongs to."""
    return next(group for group in GROUPS if name.startswith(f"{PREFIX}-{group}"))


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
                draw_band(panels[row][column], smoothed(result.history[metric].mean(-1)), SMOOTHED, color=colour)
        panels[0][column].set_title(title)
        panels[0][column].legend(frameon=False, fontsize=8, loc="lower right")
        panels[-1][column].set_xlabel("updates")
    for row, label in enumerate(ROWS.values()):
        panels[row][0].set_ylabel(label)
    return drawing


FIGURE = Figure(
    PREFIX,
    "LOLA-DiCE on the iterated prisoner's dilemma: whose sampling errors make its gradient wrong",
    PRESETS,
    Report(draw, table),
)
