"""Figure 4 of POLA (Zhao et al. 2022): agents with a memory in the iterated prisoner's dilemma, from sampled games.

At published scale, presets do what the published commands do: Adam starts afresh at every update, and models of
opponents are fitted with the step sizes of policies (the code never reads those that its commands give).

At laptop scale games and networks are small: eight seeds learn within minutes on two cores. Learners are as published
there, too. In two more presets some actions are random ones, and some games are against a defector
(docs/results/recurrent-agents.md says why).
"""

import dataclasses

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping

PREFIX = "pola-figure4"

POLA = RecurrentShaping(
    game="contribution",
    contribution_factor=1.33,
    discount=0.96,
    horizon=50,
    batch_size=2000,
    outer_steps=200,
    inner_steps=2,
    learning_rate=0.003,
    critic_learning_rate=0.0005,
    inner_learning_rate=0.005,
    inner_critic_learning_rate=0.0005,
    outer_beta=100.0,
    inner_beta=10.0,
    total_updates=101,
)
LOLA = dataclasses.replace(
    POLA,
    outer_steps=1,
    inner_steps=1,
    inner_learning_rate=0.05,
    outer_beta=None,
    inner_beta=None,
    total_updates=20_001,
)

FEW_GAMES = {"baseline": "linear", "dice_decay": 0.8, "gae_lambda": 0.9, "linear_decay": True}
"""Advantages without a critic, with less variance, so that fewer games will do; step sizes that fall to zero.

Adam's steps are as long where gradients are small and noisy as where they are large: without falling step sizes pairs
that are reciprocal drift away from it.
"""

PUBLISHED_SCALE_FEW_GAMES = Preset(
    f"{PREFIX}-pola-dice-few-games",
    "POLA-DiCE from few games, iterated prisoner's dilemma, at the scale of the paper",
    dataclasses.replace(POLA, batch_size=64, **FEW_GAMES),
    run_reports.RECURRENT,
)

PRESETS = tuple(
    Preset(f"{PREFIX}-{name}", f"{description}, iterated prisoner's dilemma", settings, run_reports.RECURRENT)
    for name, description, settings in (
        ("pola-dice", "POLA-DiCE", POLA),
        ("pola-om", "POLA-DiCE with models of the opponent", dataclasses.replace(POLA, opponent_model=True)),
        ("lola-dice", "LOLA-DiCE", LOLA),
    )
)


LAPTOP_POLA = RecurrentShaping(
    start="all-cooperate",
    discount=0.9,
    horizon=20,
    batch_size=256,
    outer_steps=20,
    inner_steps=1,
    learning_rate=0.01,
    critic_learning_rate=0.01,
    inner_learning_rate=0.1,
    inner_critic_learning_rate=0.01,
    outer_beta=10.0,
    inner_beta=None,
    model_batches=40,
    model_learning_rate=0.01,
    model_critic_learning_rate=0.01,
    hidden_size=16,
    evaluation_games=256,
    total_updates=100,
    seeds=8,
)
LAPTOP_FEW_GAMES = dataclasses.replace(LAPTOP_POLA, batch_size=32, **FEW_GAMES)
LAPTOP_POLA_OM = dataclasses.replace(LAPTOP_POLA, opponent_model=True)
LAPTOP_LOLA = dataclasses.replace(LAPTOP_POLA, outer_steps=1, learning_rate=0.005, outer_beta=None, total_updates=1000)

TREMBLING = {"tremble_probability": 0.05, "defector_fraction": 0.125}


def _laptop(name: str, description: str, settings: RecurrentShaping) -> Preset:
    return Preset(
        f"{PREFIX}-laptop-{name}",
        f"{description}, iterated prisoner's dilemma, small",
        settings,
        run_reports.RECURRENT,
    )


PLAIN_PRESET = _laptop("pola-dice", "POLA-DiCE", LAPTOP_POLA)
TREMBLING_PRESET = _laptop(
    "pola-dice-tremble-defectors",
    "POLA-DiCE with random actions now and then and some games against a defector",
    dataclasses.replace(LAPTOP_POLA, **TREMBLING),
)

LAPTOP_PRESETS = (
    PLAIN_PRESET,
    _laptop("pola-om", "POLA-DiCE with models of the opponent", LAPTOP_POLA_OM),
    TREMBLING_PRESET,
    _laptop(
        "pola-om-tremble-defectors",
        "POLA-DiCE with models, random actions now and then and some games against a defector",
        dataclasses.replace(LAPTOP_POLA_OM, **TREMBLING),
    ),
    _laptop("lola-dice", "LOLA-DiCE", LAPTOP_LOLA),
    _laptop("naive", "naive learners", dataclasses.replace(LAPTOP_LOLA, inner_steps=0)),
)

FEW_GAMES_FIGURE = Figure(
    "pola-few-games",
    "POLA with memory from few games and estimators of less variance, beside the published estimator, small",
    (
        PLAIN_PRESET,
        TREMBLING_PRESET,
        _laptop("pola-dice-few-games", "POLA-DiCE from few games", LAPTOP_FEW_GAMES),
        _laptop(
            "pola-dice-few-games-tremble-defectors",
            "POLA-DiCE from few games, with random actions now and then and some games against a defector",
            dataclasses.replace(LAPTOP_FEW_GAMES, **TREMBLING),
        ),
    ),
    Report(
        "lookax.experiments.reports.recurrent:draw_by_environment_steps",
        "lookax.experiments.reports.recurrent:score_table",
        run_reports.RECURRENT.headline,
    ),
)

LAPTOP_FIGURE = Figure(
    f"{PREFIX}-laptop",
    "POLA and LOLA with memory in the iterated prisoner's dilemma, small games and networks",
    LAPTOP_PRESETS,
    Report(
        "lookax.experiments.reports.recurrent:draw_scores",
        "lookax.experiments.reports.recurrent:score_table",
        run_reports.RECURRENT.headline,
    ),
)

FIGURE = Figure(
    PREFIX,
    "POLA and LOLA with memory in the iterated prisoner's dilemma, at published scale (days on a processor)",
    PRESETS,
    Report(
        "lookax.experiments.reports.recurrent:draw_scores",
        "lookax.experiments.figures.pola_figure4:table",
        run_reports.RECURRENT.headline,
    ),
)
