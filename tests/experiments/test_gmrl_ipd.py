"""LOLA-DiCE on the iterated prisoner's dilemma: the published settings, and what is told of them."""

import dataclasses
import io
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
from matplotlib import pyplot as plt

from lookax.experiments import gmrl_ipd, shaping_reports
from lookax.experiments.preset import Result
from lookax.experiments.registry import PRESETS
from lookax.experiments.sampled_shaping import SampledShaping
from lookax.runs.lanes import Lanes

TINY: dict[str, Any] = {
    "inner_batch_size": 4, "hessian_batch_size": 2, "outer_batch_size": 6, "buffer_size": 8, "horizon": 5, "seeds": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"inner_batch_size": 0}, "inner_batch_size: 0 is not allowed; it must be at least 1"),
        ({"hessian_batch_size": 0}, "hessian_batch_size: 0"),
        ({"outer_batch_size": 10**7}, "outer_batch_size: 10000000 is not allowed; it must be at most 1000000"),
        ({"buffer_size": 0}, "buffer_size: 0 is not allowed; it must be at least 1"),
        ({"horizon": 0}, "horizon: 0"),
        ({"inner_learning_rate": 0.0}, "inner_learning_rate: 0.0"),
        ({"learning_rate": -1.0}, "learning_rate: -1.0"),
        ({"critic_learning_rate": 0.0}, "critic_learning_rate: 0.0"),
        ({"inner_steps": -1}, "inner_steps: -1"),
        ({"gae_lambda": 1.5}, "gae_lambda: 1.5 is not allowed; it must be between 0 and 1"),
        ({"ratio_ceiling": 0.0, "inner_estimator": "off-policy-dice"}, "ratio_ceiling: 0.0"),
        ({"discount": 1.0}, "discount: 1.0 is not allowed; it must be less than 1"),
        ({"seeds": 0}, "seeds: 0"),
        (
            {"inner_estimator": "off-policy-dice", "buffer_size": 1000},
            "buffer_size: 1000 is not allowed; it must be a multiple of inner_batch_size, 128",
        ),
        (
            {"hessian_estimator": "off-policy-dice-baseline", "buffer_size": 1024, "hessian_batch_size": 100},
            "buffer_size: 1024 is not allowed; it must be a multiple of hessian_batch_size, 100",
        ),
        (
            {"outer_estimator": "self-normalised-dice", "outer_batch_size": 1},
            "outer_batch_size: 1 is not allowed; it must be at least 2",
        ),
        (
            {"inner_estimator": "off-policy-dice", "inner_batch_size": 1, "buffer_size": 1, "self_normalised": True},
            "buffer_size: 1 is not allowed; it must be at least 2",
        ),
        ({"self_normalised": True}, "self_normalised: it would not be used; no part is estimated off-policy"),
        ({"ratio_ceiling": 2.0}, "ratio_ceiling: it would not be used"),
        ({"adjoint": "none", "hessian_estimator": "dice"}, "hessian_estimator: 'dice' would not be used"),
    ],
)
def test_values_out_of_range_are_named(changes, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        SampledShaping(**changes).validate()
    assert "\n" not in str(error.value)


def test_there_is_a_critic_where_somebody_needs_its_values():
    assert SampledShaping().learner().critic is not None
    assert SampledShaping(inner_estimator="off-policy-dice-baseline", outer_estimator="dice").learner().critic
    without = SampledShaping(inner_estimator="exact", outer_estimator="self-normalised-dice")
    assert without.learner().critic is None


def test_a_ring_need_not_fit_batches_that_are_not_added_to_it():
    SampledShaping(inner_batch_size=100).validate()
    SampledShaping(inner_estimator="off-policy-dice", hessian_estimator="dice", hessian_batch_size=100).validate()


@pytest.mark.parametrize(
    "settings",
    [
        SampledShaping(**TINY),
        SampledShaping(
            **TINY, inner_estimator="off-policy-dice", hessian_estimator="off-policy-dice-baseline", inner_steps=2,
            ratio_ceiling=2.0, self_normalised=True, outer_estimator="loaded-dice", gae_lambda=0.9,
        ),
        pytest.param(
            SampledShaping(
                **TINY, game="contribution", num_players=3, policy="mlp", hidden_sizes=(3,),
                hessian_estimator="loaded-dice",
            ),
            marks=pytest.mark.slow,
        ),
        SampledShaping(**TINY, inner_estimator="exact", outer_estimator="exact", game="stag-hunt", memory=2),
    ],
)  # fmt: skip
def test_combinations_take_finite_steps(settings):
    settings.validate()
    lanes = Lanes([settings])
    state, metrics = lanes.start()
    assert lanes.fetch(metrics)["score"].shape == (2, settings.num_players)
    for update in (1, 2):
        state, metrics = lanes.step(update, state)
    state, metrics = lanes.fetch(state), lanes.fetch(metrics)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.policies, metrics)))
    for name in ("correlation", "inner_correlation", "outer_correlation"):
        assert metrics[name].shape == (2, settings.num_players)
        assert (np.abs(metrics[name]) <= 1 + 1e-5).all()
    if settings.inner_estimator == "exact":
        np.testing.assert_allclose(metrics["correlation"], 1, atol=1e-5)
    if settings.inner_estimator == "off-policy-dice":
        assert ((metrics["effective_sample_size"] >= 1) & (metrics["effective_sample_size"] <= 8.001)).all()


def test_the_score_is_the_mean_reward_per_step():
    settings = SampledShaping(horizon=7)
    with jax.enable_x64(True):
        state = settings.init(jax.random.key(0))
        # Uniform play pays the mean of the four payoffs, at every step.
        np.testing.assert_allclose(settings.evaluate(jax.random.key(1), state)["score"], -1.5)


@pytest.mark.slow
def test_a_state_that_was_saved_goes_on_as_if_it_had_not_been():
    settings = SampledShaping(**TINY, inner_estimator="off-policy-dice-baseline")
    lanes = Lanes([settings])
    state, _ = lanes.start()
    for update in (1, 2, 3):
        state, _ = lanes.step(update, state)
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, state)
    file.seek(0)
    loaded = eqx.tree_deserialise_leaves(file, jax.tree.map(lambda leaf: leaf, state))
    for one, other in zip(*(jax.tree.leaves(lanes.step(4, s)) for s in (state, loaded)), strict=True):
        np.testing.assert_array_equal(one, other)


def made_up(name: str, final: float, spread: float = 0.02, seeds: int = 10, updates: int = 120) -> Result:
    """A run whose scores go from −1.5 straight to `final`, seeds spread evenly, correlations around a half."""
    path = np.linspace(-1.5, final, updates + 1)[:, None, None]
    of_seeds = np.linspace(-1, 1, seeds)[None, :, None]
    score = np.broadcast_to(path + spread * of_seeds, (updates + 1, seeds, 2))
    correlation = np.broadcast_to(0.5 + 0.1 * of_seeds, (updates, seeds, 2))
    history = {"score": score, "correlation": correlation, "inner_correlation": correlation,
               "outer_correlation": correlation, "cooperation": np.full((updates + 1, seeds, 2, 5), 0.5)}  # fmt: skip
    return Result(name, dataclasses.replace(PRESETS[name].experiment, seeds=seeds, total_updates=updates), history)


NAME = "gmrl-ipd-original"


def reference(shift: float = 0.0, correlation: float = 0.5) -> shaping_reports.Reference:
    scores = np.linspace(-1.5, -1.2, 121)[1::10] + shift
    return shaping_reports.Reference(scores.tolist(), {"correlation": correlation, "inner_correlation": 0.5})


def test_a_reference_agrees_if_it_could_be_another_seed():
    ours = made_up(NAME, -1.2)
    assert shaping_reports.agrees(ours, reference())
    # Seeds' deviation is 0.0134; Student's 99 % prediction interval with 10 is ± 3.25 √1.1 of it, and 0.028 more.
    assert shaping_reports.agrees(ours, reference(shift=0.070))
    assert not shaping_reports.agrees(ours, reference(shift=0.078))
    assert not shaping_reports.agrees(ours, reference(correlation=0.9))
    # Our seeds are 0.02 to either side, and 0.028 is allowed for.
    assert shaping_reports.inside(ours, reference(shift=0.047)) == "12 of 12"
    assert shaping_reports.inside(ours, reference(shift=0.049)) == "0 of 12"
    assert shaping_reports.agrees(made_up(NAME, -1.2, seeds=2), reference()) is None
    assert shaping_reports.agrees(made_up(NAME, -1.2, updates=60), reference()) is None


def test_intervals_are_students():
    interval = shaping_reports.Interval.of(np.array([1.0, 2.0, 3.0, 4.0]))
    # Mean 2.5, standard error 0.6455, 97.5 % quantile of t with 3 degrees of freedom 3.1824.
    np.testing.assert_allclose([interval.mean, interval.low, interval.high], [2.5, 0.4457, 4.5543], atol=1e-4)
    assert str(shaping_reports.Interval.of(np.array([2.0]))) == "2.000"


def test_running_means_by_hand(monkeypatch):
    monkeypatch.setattr(shaping_reports, "SMOOTHED", 2)
    np.testing.assert_allclose(shaping_reports.smoothed(np.array([[1.0], [3.0], [8.0]])), [[2.0], [5.5]])
    np.testing.assert_allclose(shaping_reports.smoothed(np.array([[4.0]])), [[4.0]])


def test_the_figure_is_drawn_and_ranked():
    results = [made_up(preset.name, -1.2 - 0.01 * i) for i, preset in enumerate(gmrl_ipd.PRESETS)]
    table = gmrl_ipd.table(results)
    assert len(table.rows) == len(table.verdicts) == 14
    assert sum(verdict is not None for verdict in table.verdicts) == len(gmrl_ipd.REFERENCES) == 7
    [ranking] = [note for note in table.notes if note.startswith("By mean score over updates: off-policy -")]
    assert ranking.index("inner-on-policy") < ranking.index("hessian-on-policy")
    gmrl_ipd.draw(results).canvas.draw()
    shaping_reports.draw_run([made_up(NAME, -1.1, seeds=1, updates=3)]).canvas.draw()
    plt.close("all")


@pytest.mark.slow
def test_the_figure_in_full(tmp_path):
    """What `lookax reproduce gmrl-ipd` says, asserted."""
    from tests.experiments.test_figures_in_full import results_of

    results = results_of(gmrl_ipd.FIGURE, tmp_path)
    verdicts = [verdict for verdict in gmrl_ipd.table(list(results.values())).verdicts if verdict is not None]
    assert len(verdicts) == 7
    assert all(verdicts)
    final = {name.removeprefix("gmrl-ipd-"): shaping_reports.scores(result)[-1] for name, result in results.items()}
    assert (np.abs(final["original-exact"] + 1) <= 0.05).all()
    inner = {
        name.removeprefix("gmrl-ipd-"): shaping_reports.Interval.of(
            shaping_reports.correlations(result, "inner_correlation")
        )
        for name, result in results.items()
    }
    # It is the derivative of the inner steps whose errors hurt, not where they go.
    assert inner["ablation-hessian-exact"].low > 0.8
    assert inner["ablation-inner-exact"].high < 0.4
    assert inner["ablation-hessian-1024"].low > inner["ablation-inner-1024"].high
    assert inner["off-policy-inner-on-policy"].low > inner["off-policy-hessian-on-policy"].high
    right = {
        name.removeprefix("gmrl-ipd-"): shaping_reports.Interval.of(shaping_reports.correlations(result, "correlation"))
        for name, result in results.items()
    }
    assert right["estimator-self-normalised"].low > 0.7
    reached = shaping_reports.scores(results["gmrl-ipd-estimator-self-normalised"])[:120] > -1.05
    assert reached.any(axis=0).all()
    assert right["original"].high < 0.25
