"""How the inner learning rate and the number of inner steps scale MAML-RL's errors, the score function's estimates."""

from lookax.experiments.preset import Figure, Report
from lookax.experiments.presets.gmrl_decompose import PATTERNS, study

LEARNING_RATES = (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0)
STEPS = (1, 2, 3, 4, 5, 6)

RATE_PREFIX, STEPS_PREFIX = "gmrl-tabular-learning-rate", "gmrl-tabular-steps"

RATE_PRESETS = tuple(
    study(f"{RATE_PREFIX}-{pattern}-{rate:g}", pattern, "score-function", 32, inner_learning_rate=rate, inner_steps=5)
    for pattern in PATTERNS
    for rate in LEARNING_RATES
)

STEPS_PRESETS = tuple(
    study(f"{STEPS_PREFIX}-{pattern}-{steps}", pattern, "score-function", 32, inner_steps=steps)
    for pattern in PATTERNS
    for steps in STEPS
)


RATE_FIGURE = Figure(
    RATE_PREFIX,
    "MAML-RL: the meta-gradient's errors by inner learning rate, 5 inner steps",
    RATE_PRESETS,
    Report("lookax.experiments.figures.gmrl_ablations:draw_rates", "lookax.experiments.figures.gmrl_ablations:table"),
)

STEPS_FIGURE = Figure(
    STEPS_PREFIX,
    "MAML-RL: the meta-gradient's errors by number of inner steps",
    STEPS_PRESETS,
    Report("lookax.experiments.figures.gmrl_ablations:draw_steps", "lookax.experiments.figures.gmrl_ablations:table"),
)
