"""LIRPG in random MDPs: the meta-gradient in an intrinsic reward by number of inner steps (Liu et al. 2022).

Inner steps and outer gradient are exact, the steps' derivative is the score function's or LVC's.
"""

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.tabular_meta_gradients import LABELS, Estimator, LIRPGGradient

ESTIMATORS: tuple[Estimator, ...] = ("score-function", "lvc")
STEPS = (1, 2, 3, 4, 5)
TRAJECTORIES = (16, 32, 64, 128, 256)

PREFIX = "gmrl-tabular-lirpg-steps"

PRESETS = tuple(
    Preset(
        f"{PREFIX}-{estimator}-{steps}-{trajectories}",
        f"LIRPG's gradient, {LABELS[estimator]} Hessian: K = {steps}, {trajectories} trajectories",
        LIRPGGradient(hessian_estimator=estimator, hessian_trajectories=trajectories, inner_steps=steps),
        run_reports.GRADIENTS,
    )
    for estimator in ESTIMATORS
    for steps in STEPS
    for trajectories in TRAJECTORIES
)


FIGURE = Figure(
    PREFIX,
    "LIRPG: the meta-gradient's errors by number of inner steps, score function and LVC",
    PRESETS,
    Report("lookax.experiments.figures.gmrl_lirpg:draw", "lookax.experiments.figures.gmrl_lirpg:table"),
)
