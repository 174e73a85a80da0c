"""How the inner learning rate and the number of inner steps scale errors of meta-gradients (Liu et al. 2022).

Of MAML-RL with the score function's estimates; of LIRPG with exact inner steps and outer gradient, where the steps'
derivative is the score function's or LVC's.
"""

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.presets.gmrl_decompose import PATTERNS, study
from lookax.experiments.settings.tabular_meta_gradients import LABELS, Estimator, LIRPGGradient

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


LIRPG_ESTIMATORS: tuple[Estimator, ...] = ("score-function", "lvc")
LIRPG_STEPS = (1, 2, 3, 4, 5)
LIRPG_TRAJECTORIES = (16, 32, 64, 128, 256)

LIRPG_PREFIX = "gmrl-tabular-lirpg-steps"

LIRPG_PRESETS = tuple(
    Preset(
        f"{LIRPG_PREFIX}-{estimator}-{steps}-{trajectories}",
        f"LIRPG's gradient, {LABELS[estimator]} Hessian: K = {steps}, {trajectories} trajectories",
        LIRPGGradient(hessian_estimator=estimator, hessian_trajectories=trajectories, inner_steps=steps),
        run_reports.GRADIENTS,
    )
    for estimator in LIRPG_ESTIMATORS
    for steps in LIRPG_STEPS
    for trajectories in LIRPG_TRAJECTORIES
)


LIRPG_FIGURE = Figure(
    LIRPG_PREFIX,
    "LIRPG: the meta-gradient's errors by number of inner steps, score function and LVC",
    LIRPG_PRESETS,
    Report("lookax.experiments.figures.gmrl_lirpg:draw", "lookax.experiments.figures.gmrl_lirpg:table"),
)
