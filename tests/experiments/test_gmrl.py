"""The tabular experiments of gradient bias in meta-RL."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from lookax.experiments import gmrl_bias, gmrl_decompose, gmrl_learning, gmrl_lirpg
from lookax.experiments.gradient_reports import QUANTITIES, Mean, Reference, exponent, quality_table
from lookax.experiments.meta_gradients import LIRPGGradient, MAMLGradient
from lookax.experiments.meta_learning import LIRPGLearning, MAMLLearning
from lookax.experiments.preset import Result
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS
from lookax.runs import execute
from lookax.runs.folder import RunFolder
from lookax.runs.lanes import Lanes, grouped
from lookax.runs.run import Recording, Run
from lookax.runs.stopping import Stop

SMALL: dict[str, Any] = {"num_states": 5, "num_actions": 3, "seeds": 3, "horizon": 6}


def learn(presets, folder):
    runs = [Run(p.name, p, RunFolder(folder / p.name), Recording()) for p in presets]
    return {result.name: result for result in execute.learn(runs, folder / "checkpoints", Stop(folder))}


def last_metrics(experiment):
    lanes = Lanes([experiment])
    state, _ = lanes.start()
    return lanes.fetch(lanes.step(1, state)[1])


def test_the_collection_has_every_tabular_figure():
    assert [figure.name for figure in COLLECTIONS["gmrl-tabular"].figures] == [
        name for name in FIGURES if name.startswith("gmrl-tabular")
    ]


def test_the_same_seed_is_the_same_mdp_in_every_experiment():
    key = jax.random.key(5)
    first = MAMLGradient(**SMALL).init(key)
    assert not np.allclose(first.rewards, MAMLGradient(**SMALL).init(jax.random.key(6)).rewards)
    others = (
        LIRPGGradient(**SMALL, hessian_estimator="lvc", inner_steps=3).init(key),
        MAMLGradient(**SMALL, outer_estimator="dice", outer_trajectories=7, value_noise=0.0).init(key),
        MAMLLearning(**SMALL).init(key).mdp,
        LIRPGLearning(**SMALL, restart=True).init(key).mdp,
    )
    for other in others:
        np.testing.assert_array_equal(other.transitions, first.transitions)
        np.testing.assert_array_equal(other.rewards, first.rewards)


def test_numbers_of_trajectories_share_a_program_and_take_turns():
    eight, nine = (MAMLGradient(**SMALL, outer_estimator="lvc", outer_trajectories=n) for n in (8, 9))
    assert jax.tree.structure(eight) == jax.tree.structure(nine)
    assert grouped([eight, nine]) == [[[0], [1]]]
    other = dataclasses.replace(eight, outer_estimator="dice")
    assert jax.tree.structure(eight) != jax.tree.structure(other)


@pytest.mark.slow
def test_lanes_give_what_single_runs_give():
    settings = MAMLGradient(
        **SMALL, inner_estimator="dice", hessian_estimator="loaded-dice", outer_estimator="lvc",
        inner_trajectories=5, hessian_trajectories=40, outer_trajectories=33, inner_steps=2, estimates=4,
    )  # fmt: skip
    together = last_metrics(settings)
    with jax.enable_x64(False):
        key = jax.random.key(2)
        mdp = settings.init(jax.random.fold_in(key, 0))
        # Here the numbers of trajectories are whole, in lanes they are traced.
        _, alone = settings.update(jax.random.fold_in(key, 1), mdp)
    for name, values in together.items():
        # Single precision, sums in another order.
        np.testing.assert_allclose(values[2], alone[name], rtol=2e-3, atol=1e-5, err_msg=name)


def estimated(part, surrogate) -> dict[str, Any]:
    return {f"{part}_estimator": surrogate}


@pytest.mark.slow
def test_first_derivatives_do_not_depend_on_the_surrogate():
    for part in ("inner", "outer"):
        rows = [
            last_metrics(MAMLGradient(**SMALL, **estimated(part, surrogate)))
            for surrogate in ("score-function", "lvc", "loaded-dice")
        ]
        for row in rows[1:]:
            np.testing.assert_allclose(row["correlation"], rows[0]["correlation"], rtol=1e-3)
            np.testing.assert_allclose(row["variance"], rows[0]["variance"], rtol=1e-3)


def test_exact_estimates_are_exact():
    metrics = last_metrics(MAMLGradient(**SMALL, inner_steps=2))
    np.testing.assert_allclose(metrics["correlation"], 1, atol=1e-6)
    for name in ("variance", "bias", "inner_error"):
        np.testing.assert_allclose(metrics[name], 0, atol=1e-10)
    assert metrics["inner_error"].shape == (3, 2)


def test_first_order_maml_is_compared_with_the_whole_gradient():
    metrics = last_metrics(MAMLGradient(**SMALL, inner_steps=3, adjoint="none"))
    assert (metrics["correlation"] < 0.99).all()
    np.testing.assert_allclose(metrics["inner_error"], 0, atol=1e-10)


def test_more_trajectories_are_better():
    settings = dataclasses.replace(MAMLGradient(**SMALL, outer_estimator="lvc"), seeds=8)
    few, many = (last_metrics(dataclasses.replace(settings, outer_trajectories=number)) for number in (4, 64))
    # Variance falls with |τ|^½, here by 4; 8 MDPs × 20 estimates know it to a few per cent.
    np.testing.assert_allclose(few["variance"].mean() / many["variance"].mean(), 4, rtol=0.25)
    assert (many["correlation"] > few["correlation"]).all()


@pytest.mark.parametrize("cls", [MAMLLearning, LIRPGLearning])
def test_learning_learns(cls):
    settings = cls(**SMALL, hessian_estimator="loaded-dice", hessian_trajectories=16, total_updates=30)
    lanes = Lanes([settings])
    state, first = lanes.start()
    metrics = first
    for update in range(1, 31):
        state, metrics = lanes.step(update, state)
    assert (lanes.fetch(metrics)["return_after"] > lanes.fetch(first)["return_after"] + 0.05).all()
    one = jax.tree.map(lambda leaf: leaf[0], lanes.fetch(state))
    assert np.shape(settings.describe(one)["logits"]) == (5, 3)


def test_references_are_compared_in_standard_errors():
    history = {
        "correlation": np.array([[0.5, 0.7, 0.9]]),
        "variance": np.ones((1, 3)),
        "bias": np.ones((1, 3)),
        "squared_bias": np.ones((1, 3)),
        "inner_error": np.ones((1, 3, 2)),
    }
    result = Result("some", MAMLGradient(), history)
    mean = Mean.of(history["correlation"][-1])
    np.testing.assert_allclose([mean.mean, mean.error, mean.deviation], [0.7, 0.2 / 3**0.5, 0.2])
    # Both means are of 3 MDPs that vary by 0.2: the difference has a standard error of 0.2 √(2/3).
    np.testing.assert_allclose(mean.distance(0.2, 3), 0.5 / (0.2 * (2 / 3) ** 0.5))
    assert quality_table([result], {"some": Reference(3, {"correlation": 0.22})}).verdicts == [True]
    assert quality_table([result], {"some": Reference(3, {"correlation": 0.2})}).verdicts == [False]
    assert quality_table([result], {}).verdicts == [None]
    two = Result("some", MAMLGradient(), {name: values[:, :2] for name, values in history.items()})
    assert quality_table([two], {"some": Reference(3, {"correlation": 0.6})}).verdicts == [None]


def test_tiny_means_are_told_apart():
    tiny = Mean(5e-7, 1e-8, 1e-8 * 3**0.5)
    # Their difference has a standard error of 1e-8 √2.
    np.testing.assert_allclose(tiny.distance(9e-7, 3), 40 / 2**0.5)
    np.testing.assert_allclose(tiny.distance(5.1e-7, 3), 1 / 2**0.5)
    history = {name: np.ones((1, 3, 2)) for name in QUANTITIES} | {"bias": np.array([[4.9e-7, 5e-7, 5.1e-7]])}
    result = Result("some", MAMLGradient(), history)
    verdicts = [quality_table([result], {"some": Reference(3, {"bias": bias})}).verdicts for bias in (5.1e-7, 9e-7)]
    assert verdicts == [[True], [False]]


def test_means_without_errors_agree_only_where_they_are_the_same():
    for mean in (0.0, 5e-7, 1.0):
        assert Mean(mean, 0.0, 0.0).distance(mean, 3) == 0
    # A millionth of the other is rounding.
    np.testing.assert_allclose(Mean(1.0 + 1e-6, 0.0, 0.0).distance(1.0, 3), 1)
    np.testing.assert_allclose(Mean(5e-7, 0.0, 0.0).distance(9e-7, 3), 4 / 9 * 1e6)
    assert Mean(5e-7, 0.0, 0.0).distance(0.0, 3) == np.inf


def test_exponents_are_fitted_to_roots():
    results = [Result("some", MAMLGradient(), {"bias": np.full((1, 4), (2.0 * n**-0.5) ** 2)}) for n in (2, 8, 32)]
    np.testing.assert_allclose(exponent([2, 8, 32], results, "bias"), -0.5, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (MAMLGradient(inner_trajectories=0), "inner_trajectories: 0 is not allowed; it must be at least 1"),
        (MAMLGradient(hessian_trajectories=-5), "hessian_trajectories: -5"),
        (MAMLGradient(outer_trajectories=10**9), "outer_trajectories: 1000000000"),
        (MAMLGradient(inner_learning_rate=0.0), "inner_learning_rate: 0.0"),
        (MAMLGradient(inner_steps=0), "inner_steps: 0 is not allowed; it must be at least 1"),
        (MAMLGradient(discount=0.99999999), "discount: 0.99999999"),
        (MAMLGradient(estimates=10**9), "estimates: 1000000000"),
        (MAMLGradient(adjoint="none", hessian_error=1.0), "hessian_error: 1.0 is not allowed; it must be left out"),
        (MAMLGradient(gae_lambda=1.5), "gae_lambda: 1.5"),
        (MAMLGradient(value_noise=-1.0), "value_noise: -1.0"),
        (MAMLGradient(horizon=0), "horizon: 0"),
        (MAMLGradient(discount=1.0), "discount: 1.0 is not allowed; it must be at least 0 and less than 1"),
        (MAMLGradient(num_states=0), "num_states: 0"),
        (MAMLGradient(num_states=10**6), "num_states: 1000000"),
        (MAMLGradient(num_actions=1), "num_actions: 1"),
        (MAMLGradient(concentration=0.0), "concentration: 0.0"),
        (MAMLGradient(estimates=2), "estimates: 2 is not allowed; it must be at least 3"),
        (MAMLGradient(seeds=0), "seeds: 0"),
        (MAMLGradient(hessian_error=-1.0), "hessian_error: -1.0"),
        (MAMLGradient(hessian_error_noise=-1.0), "hessian_error_noise: -1.0"),
        (
            MAMLGradient(hessian_estimator="lvc", adjoint="reverse"),
            "adjoint: 'reverse' cannot differentiate the hessian_estimator 'lvc', whose number of trajectories",
        ),
        (
            MAMLGradient(hessian_estimator="lvc", adjoint="none"),
            "hessian_estimator: 'lvc' would not be used with adjoint 'none'",
        ),
        (LIRPGGradient(adjoint="none"), "adjoint: 'none' is not allowed; .* through the learning steps alone"),
        (LIRPGLearning(adjoint="none"), "adjoint: 'none' is not allowed"),
        (LIRPGLearning(outer_learning_rate=0.0), "outer_learning_rate: 0.0"),
        (MAMLLearning(total_updates=0), "total_updates: 0"),
        (MAMLLearning(num_tasks=0), "num_tasks: 0"),
        (MAMLLearning(shared_rewards=1.1), "shared_rewards: 1.1"),
        (MAMLLearning(inner_steps=0), "inner_steps: 0"),
    ],
)
def test_values_out_of_range_are_named(settings, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        settings.validate()
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_every_reference_is_reproduced_and_its_facts_hold(tmp_path):
    figures = (gmrl_decompose.FIGURE, gmrl_bias.COMPOSITIONAL_FIGURE, gmrl_bias.HESSIAN_FIGURE, gmrl_lirpg.FIGURE)
    references = gmrl_decompose.REFERENCES | gmrl_bias.REFERENCES | gmrl_lirpg.REFERENCES
    presets = [PRESETS[name] for name in references]
    results = learn(presets, tmp_path)
    for figure in figures:
        own = [results[p.name] for p in figure.presets if p.name in results]
        table = figure.report.table(own)
        assert all(table.verdicts), [row for row, v in zip(table.rows, table.verdicts, strict=True) if not v]

    def correlation(name):
        return results[name].history["correlation"][-1].mean()

    for pattern in ("eel", "lee"):
        loaded, lvc, score = (
            correlation(f"gmrl-tabular-decompose-{surrogate}-{pattern}-32")
            for surrogate in ("loaded-dice", "lvc", "score-function")
        )
        np.testing.assert_allclose([lvc, score], loaded, rtol=1e-3)
    one_step = [correlation(f"gmrl-tabular-lirpg-steps-{s}-1-32") for s in ("score-function", "lvc")]
    np.testing.assert_allclose(one_step[0], one_step[1], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("figure", [gmrl_learning.MAML_FIGURE, gmrl_learning.LIRPG_FIGURE])
def test_a_biased_hessian_costs_return(figure, tmp_path):
    results = learn([p for p in figure.presets if "dice" not in p.name], tmp_path)
    whole = {n.rsplit("learning-")[1]: gmrl_learning.returns(r)[1:].mean(axis=0) for n, r in results.items()}
    lost = whole["exact"] - whole["score-function"]
    # 40 MDPs in pairs: measured 7 standard errors for MAML-RL, 2.7 for LIRPG (seeds are fixed).
    assert lost.mean() > 2 * lost.std(ddof=1) / len(lost) ** 0.5
    assert abs((whole["exact"] - whole["lvc"]).mean()) < lost.mean() / 2
