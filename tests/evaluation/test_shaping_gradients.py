"""Whose error is in a shaping gradient: correlations of LOLA-DiCE's, against those of gradients by hand."""

import dataclasses

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lookax.evaluation.shaping_gradients import gradient_correlations
from lookax.experiments.settings.sampled_shaping import SampledShaping
from lookax.experiments.studies.sampled_shaping import SampledShapingStudy

KEY = jax.random.key(3)


def flat(gradients):
    return [np.asarray(ravel_pytree(gradient)[0]) for gradient in gradients]


@pytest.fixture(scope="module")
def measured():
    """Correlations by which part is exact, and the gradients behind them, from one program."""
    settings = SampledShaping(
        inner_estimator="dice", outer_estimator="dice", inner_batch_size=8, outer_batch_size=8, horizon=4,
        standard_deviation=1.0, inner_learning_rate=1.0,
    )  # fmt: skip
    learners = {
        name: SampledShapingStudy(dataclasses.replace(settings, **changes)).learner()
        for name, changes in {
            "sampled": {},
            "inner exact": {"inner_estimator": "exact"},
            "outer exact": {"outer_estimator": "exact"},
            "exact": {"inner_estimator": "exact", "outer_estimator": "exact"},
        }.items()
    }

    def measure():
        state = learners["sampled"].init(KEY)
        gradients, correlations = {}, {}
        for name, learner in learners.items():
            ahead, _ = learner.look_ahead(KEY, state)
            gradients[name], _ = learner.gradients(learner.outer, ahead, KEY, state)
            if name != "exact":
                correlations[name] = gradient_correlations(learner, gradients[name], ahead, KEY, state)
        return gradients, correlations

    with jax.enable_x64(True):
        return jax.device_get(jax.jit(measure, compiler_options={"xla_backend_optimization_level": 0})())


def pearson(ones, others):
    """By player, by NumPy."""
    return [np.corrcoef(one, other)[0, 1] for one, other in zip(flat(ones), flat(others), strict=True)]


def test_correlations_are_pearsons_with_what_they_say(measured):
    gradients, correlations = measured
    # Steps are sampled with the same key wherever they are sampled, so that the one whose outer part is exact is the
    # exact derivative through the same steps. Sums of five numbers in double precision.
    expected = {
        "correlation": pearson(gradients["sampled"], gradients["exact"]),
        "inner_correlation": pearson(gradients["outer exact"], gradients["exact"]),
        "outer_correlation": pearson(gradients["sampled"], gradients["outer exact"]),
    }
    for name, by_hand in expected.items():
        np.testing.assert_allclose(correlations["sampled"][name], by_hand, atol=1e-10, err_msg=name)
        # Nothing here is right by accident.
        assert (np.abs(by_hand) < 0.999).all()


def test_a_part_without_error_correlates_perfectly_and_the_other_as_the_whole(measured):
    gradients, correlations = measured
    for name, right, wrong in (
        ("inner exact", "inner_correlation", "outer_correlation"),
        ("outer exact", "outer_correlation", "inner_correlation"),
    ):
        np.testing.assert_allclose(correlations[name][right], 1, atol=1e-10)
        np.testing.assert_allclose(correlations[name][wrong], correlations[name]["correlation"], atol=1e-10)
        by_hand = pearson(gradients[name], gradients["exact"])
        np.testing.assert_allclose(correlations[name]["correlation"], by_hand, atol=1e-10)
