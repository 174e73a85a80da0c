"""Figure 4 of POLA (Zhao et al. 2022): agents with a memory in the iterated prisoner's dilemma, from sampled games.

At published scale, presets do what the published commands do: Adam starts afresh at every update, and models of
opponents are fitted with the step sizes of policies (the code never reads those that its commands give).

At laptop scale games and networks are small: eight seeds learn within minutes on two cores. Learners are as published
there, too; in two more presets hands tremble, and some games are against a defector (docs/agents-with-memory.md says
why).
"""

import dataclasses

from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.reports.memory import HEADLINE, RUN, Published, Reading, draw_memory, memory_table
from lookax.experiments.studies.memory_shaping import MemoryShaping

PREFIX = "pola-figure4"

POLA = MemoryShaping(total_updates=101)
LOLA = dataclasses.replace(
    POLA,
    outer_steps=1,
    inner_steps=1,
    inner_learning_rate=0.05,
    outer_beta=None,
    inner_beta=None,
    total_updates=20_001,
)

PRESETS = tuple(
    Preset(f"{PREFIX}-{name}", f"{description}, iterated prisoner's dilemma", experiment, RUN)
    for name, description, experiment in (
        ("pola-dice", "POLA-DiCE", POLA),
        ("pola-om", "POLA-DiCE with models of the opponent", dataclasses.replace(POLA, opponent_model=True)),
        ("lola-dice", "LOLA-DiCE", LOLA),
    )
)

# Read off the plot in the original's README (updated 2023-07-03), with its bands, at 20 000 outer steps.
REFERENCES = {
    f"{PREFIX}-pola-dice": Published(Reading(0.313, 0.005), Reading(-0.036, 0.011)),
    f"{PREFIX}-pola-om": Published(Reading(0.316, 0.005), Reading(-0.035, 0.015)),
    f"{PREFIX}-lola-dice": Published(Reading(0.108, 0.098), Reading(-0.006, 0.007)),
}

LAPTOP_POLA = MemoryShaping(
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
LAPTOP_POLA_OM = dataclasses.replace(LAPTOP_POLA, opponent_model=True)
LAPTOP_LOLA = dataclasses.replace(LAPTOP_POLA, outer_steps=1, learning_rate=0.005, outer_beta=None, total_updates=1000)

TREMBLING = {"tremble_probability": 0.05, "defector_fraction": 0.125}

LAPTOP_PRESETS = tuple(
    Preset(f"{PREFIX}-laptop-{name}", f"{description}, iterated prisoner's dilemma, small", experiment, RUN)
    for name, description, experiment in (
        ("pola-dice", "POLA-DiCE", LAPTOP_POLA),
        ("pola-om", "POLA-DiCE with models of the opponent", LAPTOP_POLA_OM),
        (
            "pola-dice-tremble-defectors",
            "POLA-DiCE with trembling hands and some games against a defector",
            dataclasses.replace(LAPTOP_POLA, **TREMBLING),
        ),
        (
            "pola-om-tremble-defectors",
            "POLA-DiCE with models, trembling hands and some games against a defector",
            dataclasses.replace(LAPTOP_POLA_OM, **TREMBLING),
        ),
        ("lola-dice", "LOLA-DiCE", LAPTOP_LOLA),
        ("naive", "naive learners", dataclasses.replace(LAPTOP_LOLA, inner_steps=0)),
    )
)

LAPTOP_FIGURE = Figure(
    f"{PREFIX}-laptop",
    "POLA and LOLA with memory in the iterated prisoner's dilemma, small games and networks",
    LAPTOP_PRESETS,
    Report(draw_memory, lambda results: memory_table(results, {}), HEADLINE),
)

FIGURE = Figure(
    PREFIX,
    "POLA and LOLA with memory in the iterated prisoner's dilemma, at published scale (days on a processor)",
    PRESETS,
    Report(draw_memory, lambda results: memory_table(results, REFERENCES), HEADLINE),
)
