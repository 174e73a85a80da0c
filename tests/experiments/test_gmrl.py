"""The tabular experiments of gradient bias in meta-RL."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from lookax.experiments.figures import gmrl_ablations, gmrl_bias, gmrl_decompose, gmrl_learning, gmrl_lirpg
from lookax.experiments.preset import Result
from lookax.experiments.presets import gmrl_learning as gmrl_learning_presets
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS
from lookax.experiments.reports.gradients import QUANTITIES, Reference, distance, exponent, quality_table
from lookax.experiments.settings.numbers import structure_of
from lookax.experiments.settings.tabular_meta_gradients import LIRPGGradient, MAMLGradient
from lookax.experiments.settings.tabular_meta_learning import LIRPGLearning, MAMLLearning
from lookax.experiments.studies.study import study_of, validate
from lookax.experiments.studies.tabular_meta_gradients import MAMLGradientStudy
from lookax.games.exact_mdp import expected_return, policy_log_probs
from lookax.runs.commands import execute
from lookax.runs.programs.lanes import Lanes, grouped
from lookax.runs.programs.stopping import Stop
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run

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
    first = study_of(MAMLGradient(**SMALL)).init(key)
    assert not np.allclose(first.rewards, study_of(MAMLGradient(**SMALL)).init(jax.random.key(6)).rewards)
    others = (
        study_of(LIRPGGradient(**SMALL, hessian_estimator="lvc", inner_steps=3)).init(key),
        study_of(MAMLGradient(**SMALL, outer_estimator="dice", outer_trajectories=7, value_noise=0.0)).init(key),
        study_of(MAMLLearning(**SMALL)).init(key).mdp,
        study_of(LIRPGLearning(**SMALL, restart=True)).init(key).mdp,
    )
    for other in others:
        np.testing.assert_array_equal(other.transitions, first.transitions)
        np.testing.assert_array_equal(other.rewards, first.rewards)


def test_numbers_of_trajectories_share_a_program_and_take_turns():
    eight, nine = (MAMLGradient(**SMALL, outer_estimator="lvc", outer_trajectories=n) for n in (8, 9))
    assert structure_of(eight) == structure_of(nine)
    assert grouped([eight, nine]) == [[[0], [1]]]
    other = dataclasses.replace(eight, outer_estimator="dice")
    assert structure_of(eight) != structure_of(other)


@pytest.mark.slow
def test_lanes_give_what_single_runs_give():
    settings = MAMLGradient(
        **SMALL, inner_estimator="dice", hessian_estimator="loaded-dice", outer_estimator="lvc",
        inner_trajectories=5, hessian_trajectories=40, outer_trajectories=33, inner_steps=2, estimates=4,
    )  # fmt: skip
    together = last_metrics(settings)
    with jax.enable_x64(False):
        key = jax.random.key(2)
        mdp = study_of(settings).init(jax.random.fold_in(key, 0))
        # Here the numbers of trajectories are whole, in lanes they are traced.
        _, alone = study_of(settings).update(jax.random.fold_in(key, 1), mdp)
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
    assert np.shape(study_of(settings).describe(one)["logits"]) == (5, 3)


def made_up(values, errors, first_seed=0) -> Result:
    """A study whose MDPs all metrics have these values in, with these standard errors."""
    history = {name: np.array([values]) for name in QUANTITIES}
    history |= {f"{name}_standard_error": np.array([errors]) for name in QUANTITIES}
    for name in ("inner_error", "inner_error_standard_error"):
        # By step; their mean over steps is what counts.
        history[name] = np.stack([0.5 * history[name], 1.5 * history[name]], axis=-1)
    return Result("some", MAMLGradient(seeds=len(values), first_seed=first_seed), history)


def apart(result, metric, theirs) -> float:
    errors = distance(result, metric, theirs)
    assert errors is not None
    return errors


def verdict(result, **references):
    return quality_table([result], {"some": Reference(references)}).verdicts[0]


def test_references_are_compared_in_the_same_mdps_in_standard_errors():
    ours = made_up([0.5, 0.7, 0.9, 5.0], [0.03, 0.04, 0.0, 9.0])
    for metric in QUANTITIES:
        # Over the three MDPs that both have, means differ by 0.06 − 0.03; ours scatters by √(0.03² + 0.04²)/3, and so
        # does theirs.
        np.testing.assert_allclose(apart(ours, metric, [0.44, 0.7, 0.93]), 0.01 / (2**0.5 * 0.05 / 3))
    three = 3 * 2**0.5 * 0.05 / 3
    assert verdict(ours, correlation=[0.5, 0.7, 0.9 + 3 * 0.99 * three]) is True
    assert verdict(ours, correlation=[0.5, 0.7, 0.9 + 3 * 1.01 * three]) is False
    # One wrong metric is enough.
    assert verdict(ours, correlation=[0.5, 0.7, 0.9], bias=[0.5, 0.7, 1.9]) is False
    assert quality_table([ours], {}).verdicts == [None]


def test_mdps_are_matched_by_seed():
    third_and_fourth = made_up([0.9, 0.1], [0.01, 0.01], first_seed=2)
    assert verdict(third_and_fourth, correlation=[0.5, 0.7, 0.9, 0.1]) is True
    assert verdict(third_and_fourth, correlation=[0.9, 0.1, 0.5, 0.7]) is False
    # Only the third is in both.
    np.testing.assert_allclose(apart(third_and_fourth, "bias", [9.0, 9.0, 0.92]), 0.02 / (2**0.5 * 0.01))
    assert verdict(third_and_fourth, correlation=[0.5, 0.7]) is None


def test_means_without_errors_agree_only_where_they_are_the_same():
    for value in (0.0, 5e-7, 1.0):
        assert apart(made_up([value], [0.0]), "bias", [value]) == 0
    # A millionth of the other is rounding.
    np.testing.assert_allclose(apart(made_up([1 + 1e-6], [0.0]), "bias", [1.0]), 1)
    np.testing.assert_allclose(apart(made_up([5e-7], [0.0]), "bias", [9e-7]), 4 / 9 * 1e6)
    assert apart(made_up([5e-7], [0.0]), "bias", [0.0]) == np.inf


def test_references_of_few_mdps_say_so():
    ours = made_up([0.5] * 5, [0.1] * 5)
    for number, says in ((4, "4 MDPs, few"), (5, "5 MDPs")):
        table = quality_table([ours], {"some": Reference({"bias": [0.4] * number, "variance": [0.5] * number})})
        assert table.rows[0][-1] == says
        assert "(0.4: " in table.rows[0][3]


def test_references_ran_in_the_mdps_of_our_seeds():
    file = Path(gmrl_decompose.__file__).parent / "data" / "gmrl_tabular.json"
    theirs = json.loads(file.read_text())["uniform_return"]
    settings = MAMLGradient()

    def uniform_return(seed):
        mdp = study_of(settings).init(jax.random.fold_in(jax.random.key(seed), 0))
        return expected_return(
            mdp, policy_log_probs(mdp, MAMLGradientStudy(settings).uniform_policy()), settings.discount
        )

    with jax.enable_x64(False):
        ours = jax.jit(jax.vmap(uniform_return))(np.arange(10))
    # Theirs has five digits after the point.
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def all_references() -> dict[str, Reference]:
    return gmrl_decompose.REFERENCES | gmrl_ablations.REFERENCES | gmrl_bias.REFERENCES | gmrl_lirpg.REFERENCES


def test_no_reference_is_from_few_mdps():
    assert set(all_references()) < set(PRESETS)
    assert min(reference.mdps for reference in all_references().values()) >= 5


NAIVE = json.loads((Path(__file__).parents[1] / "data" / "naive_learners.json").read_text())
"""What learners have that take the derivative of learning steps to be none, measured as the slow test below does."""


@pytest.mark.parametrize("name", sorted(all_references()))
def test_a_gradient_that_does_not_look_ahead_agrees_with_no_reference(name):
    history = {metric: np.array([values]) for metric, values in NAIVE["tabular"][name].items()}
    experiment = dataclasses.replace(PRESETS[name].settings, seeds=len(history["correlation"][-1]))
    assert quality_table([Result(name, experiment, history)], all_references()).verdicts == [False]


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
        validate(settings)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_every_reference_is_reproduced_and_its_facts_hold(tmp_path):
    results = learn([PRESETS[name] for name in all_references()], tmp_path)
    for figure in COLLECTIONS["gmrl-tabular"].figures[:-2]:
        table = figure.report.table([results[p.name] for p in figure.presets if p.name in results])
        assert table.verdicts
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
def test_naive_gradients_are_what_was_measured():
    for name in all_references():
        metrics = naive_metrics(PRESETS[name].settings)
        for metric, values in NAIVE["tabular"][name].items():
            np.testing.assert_allclose(metrics[metric], values, rtol=2e-3, atol=1e-9, err_msg=f"{name}: {metric}")


def naive_metrics(experiment):
    """Of all seeds, to four digits; the inner error as its mean over steps."""
    names = [name + end for name in QUANTITIES for end in ("", "_standard_error")]
    if isinstance(experiment, LIRPGGradient):
        # An intrinsic reward acts through learning steps alone.
        metrics = {name: np.zeros((10, 1) if name.startswith("inner_error") else 10) for name in names}
    else:
        naive = {"adjoint": "none", "hessian_estimator": "exact", "hessian_error": None}
        metrics = last_metrics(dataclasses.replace(experiment, **naive))
    rounded = np.vectorize(lambda value: float(f"{value:.4g}"))
    return {
        name: rounded(
            metrics[name].mean(-1, keepdims=True) if name.startswith("inner_error") else metrics[name]
        ).tolist()
        for name in names
    }


@pytest.mark.slow
@pytest.mark.parametrize("figure", [gmrl_learning_presets.MAML_FIGURE, gmrl_learning_presets.LIRPG_FIGURE])
def test_a_biased_hessian_costs_return(figure, tmp_path):
    results = learn([p for p in figure.presets if "dice" not in p.name], tmp_path)
    whole = {n.rsplit("learning-")[1]: gmrl_learning.returns(r)[1:].mean(axis=0) for n, r in results.items()}
    lost = whole["exact"] - whole["score-function"]
    # 40 MDPs in pairs: measured 7 standard errors for MAML-RL, 2.7 for LIRPG (seeds are fixed).
    assert lost.mean() > 2 * lost.std(ddof=1) / len(lost) ** 0.5
    assert abs((whole["exact"] - whole["lvc"]).mean()) < lost.mean() / 2
