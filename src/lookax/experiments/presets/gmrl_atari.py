"""Meta-gradients on Atari (Liu et al. 2022): A2C, MGRL and MGRL with LVC as published, and on MinAtar.

The published commands play 40 million steps, five at a time in 64 games: 125 000 updates. Any game of the Arcade
Learning Environment can be named; those that the code names are Qbert and Pong.
"""

import dataclasses

from lookax.experiments.preset import Figure, Preset
from lookax.experiments.run_reports import ACTOR_CRITICS
from lookax.experiments.settings.actor_critics import ActorCriticLearning

# Sigmoids of the logits that the published code starts from: 4.6, 2.944, 0 and −4.6.
MGRL = ActorCriticLearning(
    discount=0.990048, gae_lambda=0.949979, value_coefficient=0.5, entropy_coefficient=0.009952, total_updates=41_666
)
A2C = ActorCriticLearning(meta=False, total_updates=125_000)

ATARI = tuple(
    Preset(
        f"{name}-atari",
        f"{description} on an Atari game, Qbert unless --game says otherwise",
        settings,
        ACTOR_CRITICS,
    )
    for name, description, settings in (
        ("a2c", "A2C", A2C),
        ("mgrl", "Meta-gradients through three updates", MGRL),
        ("mgrl-lvc", "Meta-gradients through three updates, with LVC", dataclasses.replace(MGRL, surrogate="lvc")),
    )
)

SMALL = {"console": "minatar", "game": "breakout", "learning_rate": 0.004, "seeds": 8}

MINATAR = tuple(
    Preset(f"{preset.name.removesuffix('-atari')}-minatar", description, settings, ACTOR_CRITICS)
    for preset, description, settings in (
        (
            preset,
            preset.description.replace("an Atari game, Qbert", "a MinAtar game, Breakout"),
            dataclasses.replace(preset.settings, **SMALL, total_updates=updates),
        )
        for preset, updates in zip(ATARI, (6_000, 2_000, 2_000), strict=True)
    )
)

FIGURE = Figure("meta-gradients-minatar", "A2C, MGRL and MGRL with LVC on MinAtar's Breakout", MINATAR, ACTOR_CRITICS)
