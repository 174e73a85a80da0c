import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.experiments.settings.exact_learners import (
    GradientSteps,
    LOLASettings,
    OpponentModellingSettings,
    POLASettings,
    ProximalPointSettings,
)
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.studies.study import study_of
from lookax.runs.programs.lanes import LOOP, Lanes, evaluation_key, grouped

ALGORITHMS = {
    "lola": LOLASettings(GradientSteps(3.0), 1.0),
    "lola, models": LOLASettings(GradientSteps(3.0), 1.0, opponent_modelling=OpponentModellingSettings()),
    "pola, implicit": POLASettings(ProximalPointSettings(3.0), 0.5, outer_beta=None, outer_steps=1),
    "pola": POLASettings(GradientSteps(5.0), 0.3, outer_beta=0.1, max_outer_steps=200),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * ("implicit" in name)) for name in ALGORITHMS]
)
def test_lanes_equal_single_runs(name):
    experiment = ExactShaping(ALGORITHMS[name], total_updates=2, seeds=3, first_seed=5)
    several = [experiment, dataclasses.replace(experiment, contribution_factor=1.6, discount=0.9)]
    lanes = Lanes(several)
    state, _ = lanes.start()
    for update in (1, 2):
        state, rounds = lanes.step(update, state)
    metrics = lanes.fetch(rounds)
    for c, s in ((0, 0), (1, 2)):
        alone = several[c]
        key = jax.random.key(5 + s)
        study = study_of(alone)
        single = study.init(jax.random.fold_in(key, 0))
        update_once, evaluate = jax.jit(study.update), jax.jit(study.evaluate)
        for update in (1, 2):
            single, expected = update_once(jax.random.fold_in(key, update), single)
        expected |= evaluate(evaluation_key(5 + s), single)
        assert set(expected) == set(metrics)
        for quantity, value in expected.items():
            # A proximal point is solved to 1e-8, wherever within that rounding takes it.
            tolerance = 1e-6 if name == "pola, implicit" else 1e-8
            lane = c * experiment.seeds + s
            np.testing.assert_allclose(metrics[quantity][lane], value, rtol=tolerance, atol=1e-10, err_msg=quantity)


def test_updates_of_one_call_are_those_of_single_calls_bit_for_bit():
    lanes = Lanes([ExactShaping(ALGORITHMS["lola"], seeds=3)])
    single, several = lanes.start()[0], lanes.start()[0]
    expected = []
    for update in range(1, 6):
        single, rounds = lanes.step(update, single)
        expected.append(lanes.fetch(rounds))
    found = []
    for first, count in ((1, 3), (4, 2)):
        several, rounds = lanes.steps(first, count, several)
        metrics = lanes.fetch(rounds)
        assert metrics["returns"].shape == (3, LOOP, 2)
        found += [{name: values[:, u] for name, values in metrics.items()} for u in range(count)]
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    jax.tree.map(np.testing.assert_array_equal, lanes.fetch(several), lanes.fetch(single))


def test_what_a_seed_gives_does_not_depend_on_how_many_there_are():
    few, many = (Lanes([ExactShaping(ALGORITHMS["lola"], seeds=seeds)]) for seeds in (1, 4))
    one, other = (lanes.fetch(lanes.start()[1])["cooperation"][0] for lanes in (few, many))
    np.testing.assert_array_equal(one, other)


def test_settings_that_differ_in_numbers_share_a_program():
    one = ExactShaping(ALGORITHMS["lola"])
    experiments = [one, dataclasses.replace(one, memory_length=2), dataclasses.replace(one, discount=0.5)]
    assert grouped(experiments) == [[[0, 2]], [[1]]]


def test_precision_is_the_studys_own():
    with jax.enable_x64(False):
        lanes = Lanes([ExactShaping(ALGORITHMS["lola"])])
        metrics = lanes.fetch(lanes.start()[1])
        assert not jax.config.values["jax_enable_x64"]
    assert metrics["returns"].dtype == np.float64


@dataclasses.dataclass(frozen=True)
class Draws:
    """Settings of no numbers."""

    total_updates: int = 2
    seeds: int = 2
    first_seed: int = 0
    study: ClassVar[str] = "tests.runs.test_lanes:DrawsStudy"


@dataclasses.dataclass(frozen=True)
class DrawsStudy:
    """A study whose states and metrics are the keys that it was given."""

    settings: Draws
    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = True
    spreads_games: ClassVar[bool] = False

    def validate(self):
        pass

    def init(self, key):
        return {"key": jax.random.key_data(key)}

    def update(self, key, state):
        del state
        return self.init(key), {"update": jax.random.key_data(key)}

    def evaluate(self, key, state):
        del state
        return {"evaluation": jax.random.key_data(key)}

    def describe(self, state):
        return state


def test_every_seed_draws_by_itself_and_is_always_evaluated_by_the_same_key():
    lanes = Lanes([Draws()])
    state, first = lanes.start()
    starts = lanes.fetch(state)["key"]
    state, rounds = lanes.steps(1, 2, state)
    metrics = {name: np.asarray(values)[:, :2] for name, values in lanes.fetch(rounds).items()}
    evaluation = lanes.fetch(first)["evaluation"]
    for update in range(2):
        np.testing.assert_array_equal(metrics["evaluation"][:, update], evaluation)
    # What `lookax evaluate` does with a checkpoint.
    np.testing.assert_array_equal(lanes.fetch(lanes.evaluate(state))["evaluation"], evaluation)
    keys = [*starts, *metrics["update"].reshape(4, -1), *evaluation]
    assert len({tuple(key.tolist()) for key in keys}) == 8


@dataclasses.dataclass(frozen=True)
class Counts(Draws):
    """Settings of no numbers."""

    study: ClassVar[str] = "tests.runs.test_lanes:CountsStudy"


class CountsStudy(DrawsStudy):
    """A study whose first state has a weak type, and whose later ones have none."""

    def init(self, key):
        return {"count": jnp.asarray(0)}

    def update(self, key, state):
        return {"count": state["count"] + jnp.int32(1)}, {}


def test_a_first_state_has_the_types_of_later_ones():
    lanes = Lanes([Counts()])
    first, _ = lanes.start()
    later, _ = lanes.step(1, first)
    assert jax.eval_shape(CountsStudy(Counts()).init, jax.random.key(0))["count"].weak_type
    assert [leaf.aval for leaf in jax.tree.leaves(first)] == [leaf.aval for leaf in jax.tree.leaves(later)]
    assert lanes.fetch(later)["count"].tolist() == [1, 1]
