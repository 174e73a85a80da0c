"""Learning with wrong meta-gradients: does their bias show in what is learned? Not in the paper.

Only the derivative of the learning steps is estimated, the rest is exact, so that curves differ by that alone.
"""

from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.tabular_meta_gradients import LABELS, Estimator
from lookax.experiments.settings.tabular_meta_learning import LIRPGLearning, MAMLLearning

ESTIMATORS: tuple[Estimator, ...] = ("exact", "lvc", "loaded-dice", "dice", "score-function")

MAML, LIRPG = "gmrl-tabular-maml-learning", "gmrl-tabular-lirpg-learning"


REPORT = Report(
    "lookax.experiments.figures.gmrl_learning:draw",
    "lookax.experiments.figures.gmrl_learning:table",
    ("return_after",),
    "lookax.experiments.figures.gmrl_learning:policy_map",
)

MAML_PRESETS = tuple(
    Preset(
        f"{MAML}-{estimator}",
        f"MAML-RL to the end with a Hessian by {LABELS[estimator]}",
        MAMLLearning(hessian_estimator=estimator, inner_steps=3, total_updates=150, seeds=40),
        REPORT,
    )
    for estimator in ESTIMATORS
)

LIRPG_PRESETS = tuple(
    Preset(
        f"{LIRPG}-{estimator}",
        f"An intrinsic reward for 5 learning steps, learned with a Hessian by {LABELS[estimator]}",
        LIRPGLearning(
            hessian_estimator=estimator,
            hessian_trajectories=128,
            inner_steps=5,
            outer_learning_rate=0.03,
            total_updates=60,
            restart=True,
            seeds=40,
        ),
        REPORT,
    )
    for estimator in ESTIMATORS
)

MAML_FIGURE = Figure(
    MAML,
    "MAML-RL: learning curves with exact, unbiased and biased derivatives of 3 inner steps",
    MAML_PRESETS,
    REPORT,
)

LIRPG_FIGURE = Figure(
    LIRPG,
    "LIRPG: learning curves with exact, unbiased and biased derivatives of 5 inner steps",
    LIRPG_PRESETS,
    REPORT,
)
