"""Reciprocity on a laptop: LOQA, Advantage Alignment, POLA-DiCE and naive learners, eight seeds each.

In the coin game, and in the iterated prisoner's dilemma, where agents remember the whole history.

What all but POLA-DiCE have in common was chosen with LOQA, on seeds that are not reported. In the coin game half of the
games is against a defector, and a quarter against tit-for-tat: docs/results/coin-league.md says why.
"""

import dataclasses

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.presets.pola_figure4 import LAPTOP_POLA as IPD_POLA
from lookax.experiments.presets.pola_figure5 import LAPTOP_POLA
from lookax.experiments.settings.first_order_shaping import FirstOrderShaping

PREFIX = "coin"

LOQA = FirstOrderShaping(
    game="coin",
    view="egocentric",
    horizon=32,
    batch_size=96,
    defector_fraction=1 / 2,
    tit_for_tat_fraction=1 / 4,
    total_updates=15,
)
ADVANTAGE_ALIGNMENT = dataclasses.replace(LOQA, learner="advantage-alignment", weight=0.1, entropy_coefficient=0.12)
NAIVE = dataclasses.replace(LOQA, learner="ppo")
POLA = dataclasses.replace(LAPTOP_POLA, view="egocentric", evaluation_horizon=50, total_updates=20)

PRESETS = tuple(
    Preset(f"{PREFIX}-{name}", f"{description}, coin game, one network in both seats", settings, run_reports.RECURRENT)
    for name, description, settings in (
        ("loqa", "LOQA", LOQA),
        ("advantage-alignment", "Advantage Alignment", ADVANTAGE_ALIGNMENT),
        ("naive", "A2C", NAIVE),
    )
)
TWO_NETWORKS = tuple(
    Preset(f"{PREFIX}-{name}", f"{description}, coin game, two networks", settings, run_reports.RECURRENT)
    for name, description, settings in (
        ("loqa-pair", "LOQA", dataclasses.replace(LOQA, self_play=False)),
        ("pola", "POLA-DiCE", POLA),
    )
)

FIGURE = Figure(
    "coin-league",
    "LOQA, Advantage Alignment, POLA-DiCE and naive learners in the coin game, on a laptop",
    (*PRESETS, *TWO_NETWORKS),
    Report(
        "lookax.experiments.reports.recurrent:draw_by_environment_steps",
        "lookax.experiments.reports.recurrent:score_table",
        run_reports.RECURRENT.headline,
    ),
)

THREE_PRESETS = tuple(
    Preset(
        preset.name.replace(PREFIX, f"{PREFIX}-three"),
        f"{preset.description.replace('both seats', 'all seats')}, three players",
        dataclasses.replace(preset.settings, num_players=3),
        preset.report,
    )
    for preset in PRESETS
)
THREE_FIGURE = Figure(
    "coin-three",
    "LOQA, Advantage Alignment and naive learners in the coin game of three players, on a laptop",
    THREE_PRESETS,
    FIGURE.report,
)

IPD_LOQA = dataclasses.replace(LOQA, game="contribution", view="own", hidden_size=16, weight=4.0, total_updates=10)

IPD_PRESETS = tuple(
    Preset(f"ipd-history-{name}", f"{description}, iterated prisoner's dilemma", settings, run_reports.RECURRENT)
    for name, description, settings in (
        ("loqa", "LOQA, one network in both seats", IPD_LOQA),
        (
            "advantage-alignment",
            "Advantage Alignment, one network in both seats",
            dataclasses.replace(IPD_LOQA, learner="advantage-alignment", weight=0.9, entropy_coefficient=0.1),
        ),
        ("naive", "A2C, one network in both seats", dataclasses.replace(IPD_LOQA, learner="ppo")),
        ("loqa-pair", "LOQA, two networks", dataclasses.replace(IPD_LOQA, self_play=False)),
        ("pola", "POLA-DiCE, two networks", dataclasses.replace(IPD_POLA, evaluation_horizon=50, total_updates=40)),
    )
)

IPD_FIGURE = Figure(
    "ipd-history",
    "LOQA, Advantage Alignment, POLA-DiCE and naive learners in the iterated prisoner's dilemma, on a laptop",
    IPD_PRESETS,
    FIGURE.report,
)
