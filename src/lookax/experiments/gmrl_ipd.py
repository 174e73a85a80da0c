"""Where LOLA-DiCE's bias comes from, in the iterated prisoner's dilemma (Liu et al. 2022, section 5.2).

Players' inner steps, the derivative of those steps and the outer gradient are each exact or sampled, from 128 or 1024
games, or off-policy from the last 1024 games. Presets do what the published commands do, a critic that regresses the
*immediate* reward included: its values are a poor baseline. Exact values have an infinite horizon, games 100 steps.

The group `estimator` is not in the paper: what other estimators make of as many games as the original's.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Figure, Preset, Report, Result, Table
from lookax.experiments.sampled_shaping import SampledShaping
from lookax.experiments.shaping_reports import (
    CORRELATIONS,
    RUN,
    SMOOTHED,
    Interval,
    Reference,
    draw_band,
    scores,
    shaping_table,
    smoothed,
)

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

# Measured by running the original code with one seed: scores every ten updates, correlations over the first hundred.
REFERENCES = {
    f"{PREFIX}-original": Reference(
        (-1.5051, -1.5322, -1.5661, -1.5807, -1.6057, -1.6346, -1.6691, -1.6904, -1.7073, -1.7559, -1.8174, -1.8552,
         -1.8773, -1.8861, -1.8902),
        {"correlation": 0.0941, "inner_correlation": 0.2020},
    ),
    f"{PREFIX}-original-exact": Reference(
        (-1.4985, -1.4918, -1.415, -1.2288, -1.1004, -1.0458, -1.0256, -1.019, -1.0125, -1.0093, -1.0112, -1.007,
         -1.0098, -1.0073, -1.0048),
        {"correlation": 1.0, "inner_correlation": 1.0},
    ),
    f"{PREFIX}-ablation-hessian-exact": Reference(
        (-1.5171, -1.6001, -1.6811, -1.7491, -1.7559, -1.7814, -1.8046, -1.8043, -1.7762, -1.7352),
        {"correlation": 0.2025, "inner_correlation": 0.9190},
    ),
    f"{PREFIX}-ablation-inner-exact": Reference(
        (-1.5105, -1.528, -1.5625, -1.6, -1.626, -1.6594, -1.6952, -1.7413, -1.7685, -1.8055),
        {"correlation": 0.1479, "inner_correlation": 0.1905},
    ),
    f"{PREFIX}-off-policy": Reference(
        (-1.5127, -1.5914, -1.6282, -1.6752, -1.7079, -1.6776, -1.6667, -1.6074, -1.5327, -1.4489),
        {"correlation": 0.2821, "inner_correlation": 0.5893},
    ),
    f"{PREFIX}-off-policy-inner-on-policy": Reference(
        (-1.5113, -1.5077, -1.5445, -1.6083, -1.6781, -1.6895, -1.6528, -1.5861, -1.4854, -1.4026),
        {"correlation": 0.2158, "inner_correlation": 0.4925},
    ),
    f"{PREFIX}-off-policy-hessian-on-policy": Reference(
        (-1.4988, -1.5153, -1.5354, -1.5682, -1.6156, -1.6522, -1.6897, -1.7289, -1.7851, -1.8195),
        {"correlation": 0.1757, "inner_correlation": 0.2091},
    ),
}  # fmt: skip

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
    """Scores and correlations by update: a column per group, a line per preset, dots for the original code."""
    drawing = Drawing(figsize=(15, 8), layout="constrained")
    panels = drawing.subplots(len(ROWS), len(GROUPS), sharex=True, sharey="row")
    for column, (group, title) in enumerate(GROUPS.items()):
        own = [result for result in results if group_of(result.name) == group]
        for result, colour in zip(own, COLOURS, strict=False):
            label = result.name.removeprefix(f"{PREFIX}-")
            draw_band(panels[0][column], scores(result), 0, color=colour, label=label)
            if result.name in REFERENCES:
                theirs = REFERENCES[result.name].scores
                places = [1 + 10 * k for k in range(len(theirs))]
                panels[0][column].plot(places, theirs, "o", color=colour, markersize=3.5, markerfacecolor="none")
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
