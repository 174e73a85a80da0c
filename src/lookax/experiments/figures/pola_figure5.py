"""Figure 5 of POLA (Zhao et al. 2022): agents with a memory in the coin game, from sampled games.

At published scale, presets do what the published commands do; see
[`lookax.experiments.figures.pola_figure4`][]. At laptop scale eight seeds learn within minutes on
two cores: long enough to see agents begin to prefer their own coins, and not to see them keep to it
(docs/agents-with-memory.md).
"""

import dataclasses

from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.reports.memory import HEADLINE, RUN, Published, Reading, draw_memory, memory_table
from lookax.experiments.studies.memory_shaping import MemoryShaping

PREFIX = "pola-figure5"

POLA = MemoryShaping(
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
    Preset(f"{PREFIX}-{name}", f"{description}, coin game", experiment, RUN)
    for name, description, experiment in (
        ("pola-dice", "POLA-DiCE", POLA),
        ("pola-om", "POLA-DiCE with models of the opponent", POLA_OM),
        ("lola-dice", "LOLA-DiCE", LOLA),
    )
)

# Read off the plot in the original's README (updated 2023-07-03), with its bands, at 50 000 outer steps.
REFERENCES = {
    f"{PREFIX}-pola-dice": Published(Reading(0.263, 0.019), Reading(-0.027, 0.006), Reading(0.824, 0.036)),
    f"{PREFIX}-pola-om": Published(Reading(0.234, 0.016), Reading(-0.026, 0.006), Reading(0.771, 0.027)),
    f"{PREFIX}-lola-dice": Published(Reading(0.003, 0.004), Reading(-0.32, 0.147), Reading(0.502, 0.009)),
}

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
    Preset(f"{PREFIX}-laptop-{name}", f"{description}, coin game, small", experiment, RUN)
    for name, description, experiment in (
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
    Report(draw_memory, lambda results: memory_table(results, {}), HEADLINE),
)

FIGURE = Figure(
    PREFIX,
    "POLA and LOLA with memory in the coin game, at published scale (weeks on a processor)",
    PRESETS,
    Report(draw_memory, lambda results: memory_table(results, REFERENCES), HEADLINE),
)
