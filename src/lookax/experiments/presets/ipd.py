"""Starting points for one's own experiments: every learner on the iterated prisoner's dilemma."""

from lookax.experiments.preset import Preset
from lookax.experiments.run_reports import EXACT, SAMPLED
from lookax.experiments.settings.exact_learners import (
    GradientSteps,
    LOLASettings,
    NaiveSettings,
    POLASettings,
    ProximalPointSettings,
)
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.settings.sampled_shaping import SampledShaping

PRESETS = (
    Preset(
        "ipd-naive",
        "Naive learners: they end in mutual defection",
        ExactShaping(NaiveSettings(learning_rate=1.0), total_updates=200),
        EXACT,
    ),
    Preset(
        "ipd-lola",
        "LOLA through one gradient step of the opponent",
        ExactShaping(LOLASettings(GradientSteps(inner_learning_rate=3.0), learning_rate=1.0), total_updates=200),
        EXACT,
    ),
    Preset(
        "ipd-lola-taylor",
        "LOLA as first published: to first order in the opponent's step",
        ExactShaping(
            LOLASettings(GradientSteps(inner_learning_rate=1.0), learning_rate=1.0, taylor=True), total_updates=200
        ),
        EXACT,
    ),
    Preset(
        "ipd-pola",
        "POLA: proximal on my side, one gradient step on the opponent's",
        ExactShaping(
            POLASettings(GradientSteps(inner_learning_rate=5.0), learning_rate=0.3, outer_beta=0.1), total_updates=10
        ),
        EXACT,
    ),
    Preset(
        "ipd-pola-implicit",
        "POLA's inner loop solved exactly: the opponent's proximal point, differentiated implicitly",
        ExactShaping(
            POLASettings(ProximalPointSettings(inner_beta=3.0), learning_rate=1.0, outer_beta=None, outer_steps=1),
            total_updates=50,
        ),
        EXACT,
    ),
    Preset(
        "ipd-lola-dice",
        "LOLA from 128 sampled games a step, by self-normalised DiCE",
        SampledShaping(
            inner_estimator="self-normalised-dice", outer_estimator="self-normalised-dice", total_updates=120
        ),
        SAMPLED,
    ),
)
