import dataclasses

import jax
import numpy as np
import pytest

from lookax.experiments.registry import FIGURES, PRESETS, figure_of, look_up
from lookax.experiments.reports.intervals import Count
from lookax.experiments.settings.exact_learners import (
    GradientSteps,
    LOLASettings,
    NaiveSettings,
    POLASettings,
    ProximalPointSettings,
)
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.settings.numbers import numbers_of, structure_of, with_numbers
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping
from lookax.experiments.settings.tabular_meta_gradients import MAMLGradient
from lookax.experiments.studies.study import study_of, validate


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_described(name):
    preset = PRESETS[name]
    validate(preset.settings)
    assert preset.name == name
    assert preset.description


def test_figures_know_their_presets():
    assert figure_of(PRESETS["pola-b16-lola-mlp"]) is FIGURES["pola-b16"]
    assert figure_of(PRESETS["ipd-lola"]) is None


def test_an_unknown_name_suggests_a_near_one():
    with pytest.raises(ValueError, match="preset: 'ipd-lol' is not known; did you mean ipd-lola"):
        look_up("preset", "ipd-lol", PRESETS)


def test_settings_are_numbers_and_a_structure():
    pola = POLASettings(GradientSteps(0.1), 0.2, outer_beta=0.3)
    settings = ExactShaping(pola, contribution_factor=1.4)
    assert numbers_of(settings) == [1.4, 0.96, 0.1, 0.1, 0.2, 0.3, 1e-8]
    other = ExactShaping(POLASettings(GradientSteps(0.2), 0.4, outer_beta=0.5), contribution_factor=1.6)
    assert with_numbers(settings, numbers_of(other)) == other
    assert structure_of(settings) == structure_of(other)
    for changed in (
        dataclasses.replace(settings, memory_length=2),
        dataclasses.replace(settings, algorithm=dataclasses.replace(pola, outer_beta=None)),
        dataclasses.replace(settings, algorithm=LOLASettings(GradientSteps(0.1), 0.2)),
    ):
        assert structure_of(settings) != structure_of(changed)


def test_whole_numbers_are_numbers_where_they_are_marked():
    assert numbers_of(MAMLGradient(inner_trajectories=3, hessian_error=0.5))[:3] == [3, 32, 32]
    assert structure_of(MAMLGradient(inner_trajectories=3)) == structure_of(MAMLGradient(inner_trajectories=4))
    assert structure_of(MAMLGradient(horizon=3)) != structure_of(MAMLGradient(horizon=4))
    # Shapes follow from how many games are against a defector.
    fractions = [RecurrentShaping(defector_fraction=fraction) for fraction in (0.25, 0.5)]
    assert len({structure_of(each) for each in fractions}) == 2


LOLA = LOLASettings(GradientSteps())
POLA = POLASettings(GradientSteps())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (ExactShaping(LOLA, num_players=1), "num_players: 1 is not allowed; it must be at least 2"),
        (ExactShaping(LOLA, game="chicken", num_players=3), "num_players: 3 is not allowed; it must be 2 in chicken"),
        (ExactShaping(LOLA, discount=1.0), "discount: 1.0 is not allowed; it must be less than 1"),
        (ExactShaping(LOLA, discount=-0.1), "discount: -0.1 is not allowed; it must be between 0 and 1"),
        (ExactShaping(LOLA, discount=1.1, horizon=9), "discount: 1.1 is not allowed; it must be between 0 and 1"),
        (ExactShaping(LOLA, discount=float("nan")), "discount: nan"),
        (ExactShaping(LOLA, horizon=0), "horizon: 0 is not allowed; it must be at least 1"),
        (ExactShaping(LOLA, contribution_factor=0.0), "contribution_factor: 0.0 is not allowed"),
        (ExactShaping(LOLA, contribution_factor=float("inf")), "contribution_factor: inf is not allowed"),
        (ExactShaping(LOLA, memory_length=0), "memory_length: 0"),
        (ExactShaping(LOLA, standard_deviation=-1.0), "standard_deviation: -1.0"),
        (ExactShaping(LOLA, hidden_sizes=(3, 0)), r"hidden_sizes: \(3, 0\)"),
        (ExactShaping(LOLA, total_updates=0), "total_updates: 0"),
        (ExactShaping(LOLA, seeds=0), "seeds: 0 is not allowed; it must be at least 1"),
        (ExactShaping(LOLA, first_seed=-1), "first_seed: -1"),
        (
            ExactShaping(NaiveSettings(learning_rate=-1.0)),
            "learning_rate: -1.0 is not allowed; it must be greater than 0",
        ),
        (ExactShaping(LOLASettings(GradientSteps(-0.1))), "inner_learning_rate: -0.1"),
        (ExactShaping(LOLASettings(GradientSteps(inner_steps=-1))), "inner_steps: -1"),
        (ExactShaping(LOLASettings(GradientSteps(inner_beta=-1.0))), "inner_beta: -1.0"),
        (ExactShaping(POLASettings(ProximalPointSettings(0.0))), "inner_beta: 0.0"),
        (ExactShaping(POLASettings(GradientSteps(), outer_beta=-1.0)), "outer_beta: -1.0"),
        (ExactShaping(POLASettings(GradientSteps(), outer_steps=0)), "outer_steps: 0"),
        (ExactShaping(POLASettings(GradientSteps(), tolerance=0.0)), "tolerance: 0.0"),
        (ExactShaping(POLASettings(GradientSteps(), max_outer_steps=0)), "max_outer_steps: 0"),
    ],
)
def test_values_out_of_range_are_named(settings, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        validate(settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        ExactShaping(LOLA, num_players=3, contribution_factor=1.8),
        ExactShaping(
            LOLA, memory_length=2, start="all-cooperate", policy="mlp", hidden_sizes=(4, 4), activation="leaky-relu"
        ),
        ExactShaping(POLA, horizon=6, discount=1.0, policy="preconditioned-mlp", initialiser="orthogonal"),
        ExactShaping(POLASettings(ProximalPointSettings(), outer_steps=3, divergence_weights="visitation")),
        ExactShaping(LOLASettings(GradientSteps(inner_optimiser="adam"), optimiser="rmsprop"), game="matching-pennies"),
        ExactShaping(NaiveSettings(), num_players=3, policy="mlp", memory_length=2),
        ExactShaping(LOLASettings(GradientSteps(), taylor=True), game="stag-hunt", start="all-defect"),
    ],
)
def test_every_combination_takes_a_finite_step(settings):
    @jax.jit
    def step(key):
        state = study_of(settings).init(key)
        after, _ = study_of(settings).update(key, state)
        moved = jax.tree.map(lambda a, b: abs(a - b).max(), after.policies, state.policies)
        return study_of(settings).evaluate(key, after)["returns"], moved

    returns, moved = step(jax.random.key(0))
    assert np.isfinite(returns).all()
    assert max(map(float, jax.tree.leaves(moved))) > 0


def test_counts_agree_within_their_intervals():
    low, high = Count(6, 20).interval()
    # Clopper & Pearson's interval for 6 of 20, from tables.
    np.testing.assert_allclose([low, high], [0.1189, 0.5428], atol=1e-4)
    assert Count(6, 20).agrees_with(Count(7, 20))
    assert not Count(0, 20).agrees_with(Count(20, 20))
    # Fisher's exact test by hand: 1/1 beside 0/20 has p = 1/21, 5/5 beside 5/20 has C(20, 5)/C(25, 10) = 0.0047, and
    # 5/5 beside 7/20 has C(20, 7)/C(25, 12) = 0.0149.
    assert Count(1, 1).agrees_with(Count(0, 20))
    assert not Count(5, 5).agrees_with(Count(5, 20))
    assert Count(5, 5).agrees_with(Count(7, 20))
    assert str(Count(6, 20)) == "6/20"
