"""Figure 5 of POLA (Zhao et al. 2022): agents with a memory in the coin game, from sampled games.

At published scale, presets do what the published commands do; see
[`lookax.experiments.presets.pola_figure4`][]. At laptop scale eight seeds learn within minutes on
two cores: long enough to see agents begin to prefer their own coins, and not to see them keep to it
(docs/results/recurrent-agents.md).
"""

import dataclasses

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping

PREFIX = "pola-figure5"

POLA = RecurrentShaping(
    game="coin",
    batch_size=1000,
    inner_steps=4,
    inner_learning_rate=0.01,
    inner_beta=5.0,
    outer_beta=150.0,
    total_updates=251,
)
POLA_OM = dataclasses.replace(POLA, inner_steps=6, inner_beta=15.0, opponent_model=True)
LOLA = dataclasses.replace(
    POLA,
    batch_size=2000,
    outer_steps=1,
    inner_steps=1,
    inner_learning_rate=0.003,
    outer_beta=None,
    inner_beta=None,
    total_updates=50_001,
)

PRESETS = tuple(
    Preset(f"{PREFIX}-{name}", f"{description}, coin game", settings, run_reports.RECURRENT)
    for name, description, settings in (
        ("pola-dice", "POLA-DiCE", POLA),
        ("pola-om", "POLA-DiCE with models of the opponent", POLA_OM),
        ("lola-dice", "LOLA-DiCE", LOLA),
    )
)


LAPTOP_POLA = dataclasses.replace(
    POLA,
    discount=0.9,
    horizon=20,
    batch_size=256,
    outer_steps=40,
    inner_steps=1,
    learning_rate=0.002,
    critic_learning_rate=0.005,
    inner_learning_rate=0.5,
    inner_critic_learning_rate=0.005,
    outer_beta=100.0,
    inner_beta=None,
    model_batches=40,
    model_learning_rate=0.01,
    model_critic_learning_rate=0.01,
    hidden_size=32,
    evaluation_games=256,
    total_updates=30,
    seeds=8,
)
LAPTOP_LOLA = dataclasses.replace(LAPTOP_POLA, outer_steps=1, outer_beta=None, total_updates=1200)

LAPTOP_PRESETS = tuple(
    Preset(f"{PREFIX}-laptop-{name}", f"{description}, coin game, small", settings, run_reports.RECURRENT)
    for name, description, settings in (
        ("pola-dice", "POLA-DiCE", LAPTOP_POLA),
        ("pola-om", "POLA-DiCE with models of the opponent", dataclasses.replace(LAPTOP_POLA, opponent_model=True)),
        ("lola-dice", "LOLA-DiCE", LAPTOP_LOLA),
        ("naive", "naive learners", dataclasses.replace(LAPTOP_LOLA, inner_steps=0)),
    )
)

LAPTOP_FIGURE = Figure(
    f"{PREFIX}-laptop",
    "POLA and LOLA with memory in the coin game, small games and networks",
    LAPTOP_PRESETS,
    Report(
        "lookax.experiments.reports.recurrent:draw_scores",
        "lookax.experiments.reports.recurrent:score_table",
        run_reports.RECURRENT.headline,
    ),
)

FIGURE = Figure(
    PREFIX,
    "POLA and LOLA with memory in the coin game, at published scale (weeks on a processor)",
    PRESETS,
    Report(
        "lookax.experiments.reports.recurrent:draw_scores",
        "lookax.experiments.figures.pola_figure5:table",
        run_reports.RECURRENT.headline,
    ),
)
