"""LOLA-DiCE on the iterated prisoner's dilemma: the published settings, and what is told of them."""

import dataclasses
import io
import json
import operator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
from matplotlib import pyplot as plt

from lookax.experiments.figures import gmrl_ipd
from lookax.experiments.preset import Result
from lookax.experiments.presets import gmrl_ipd as gmrl_ipd_presets
from lookax.experiments.registry import PRESETS
from lookax.experiments.reports import sampled as shaping_reports
from lookax.experiments.settings.sampled_shaping import SampledShaping
from lookax.experiments.studies.sampled_shaping import SampledShapingStudy
from lookax.experiments.studies.study import study_of, validate
from lookax.runs.programs.lanes import Lanes

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
        validate(SampledShaping(**changes))
    assert "\n" not in str(error.value)


def test_there_is_a_critic_where_somebody_needs_its_values():
    assert SampledShapingStudy(SampledShaping()).learner().critic is not None
    assert (
        SampledShapingStudy(SampledShaping(inner_estimator="off-policy-dice-baseline", outer_estimator="dice"))
        .learner()
        .critic
    )
    without = SampledShaping(inner_estimator="exact", outer_estimator="self-normalised-dice")
    assert SampledShapingStudy(without).learner().critic is None


def test_a_ring_need_not_fit_batches_that_are_not_added_to_it():
    validate(SampledShaping(inner_batch_size=100))
    validate(SampledShaping(inner_estimator="off-policy-dice", hessian_estimator="dice", hessian_batch_size=100))


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
        SampledShaping(**TINY, inner_estimator="exact", outer_estimator="exact", game="stag-hunt", memory_length=2),
    ],
)  # fmt: skip
def test_combinations_take_finite_steps(settings):
    validate(settings)
    lanes = Lanes([settings])
    state, metrics = lanes.start()
    assert lanes.fetch(metrics)["score"].shape == (2, settings.num_players)
    before, _ = lanes.step(1, state)
    state, metrics = lanes.step(2, before)
    before, state, metrics = lanes.fetch(before), lanes.fetch(state), lanes.fetch(metrics)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.policies, metrics)))
    for name in ("correlation", "inner_correlation", "outer_correlation"):
        assert metrics[name].shape == (2, settings.num_players)
    if settings.inner_estimator == "exact":
        np.testing.assert_allclose(metrics["correlation"], 1, atol=1e-5)
    if settings.inner_estimator == "off-policy-dice":
        lanes = (jax.tree.map(operator.itemgetter(lane), (before, state)) for lane in (0, 1))
        by_hand = [sample_size(settings, *lane) for lane in lanes]
        # Of eight games, after an update of policies of 0.1 by Adam; weights are float32 products of ten ratios.
        np.testing.assert_allclose(metrics["effective_sample_size"], by_hand, rtol=1e-4)
        assert max(by_hand) < 7.999
        assert (metrics["capped_weights"] == 0).all()
    else:
        assert "capped_weights" not in metrics


def sample_size(settings, before, after):
    """Σₜ γᵗ (Σ_b w)²/Σ_b w² / Σₜ γᵗ of what the ring holds after an update, w by the policies before it."""
    play, games = SampledShapingStudy(settings).exact_play(None), after.buffer.games
    log_ratios = -games.log_probs.sum(axis=1)
    for i, policy in enumerate(before.policies):
        log_ratios += np.asarray(play.log_probs_in_game_order(i, policy))[games.states[:-1], games.actions[:, i]]
    assert log_ratios.shape == (settings.horizon, settings.buffer_size)
    weights = np.exp(np.cumsum(log_ratios, axis=0))
    sizes = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    return np.average(sizes, weights=settings.discount ** np.arange(settings.horizon))


def test_the_score_is_the_mean_reward_per_step():
    settings = SampledShaping(horizon=7)
    with jax.enable_x64(True):
        state = study_of(settings).init(jax.random.key(0))
        # Uniform play pays the mean of the four payoffs, at every step.
        np.testing.assert_allclose(study_of(settings).evaluate(jax.random.key(1), state)["score"], -1.5)


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
    return Result(name, dataclasses.replace(PRESETS[name].settings, seeds=seeds, total_updates=updates), history)


NAME = "gmrl-ipd-original"


def reference(shift: float = 0.0, correlation: float = 0.5, runs: int = 5) -> shaping_reports.Reference:
    """Runs that end where `made_up` does, but for a shift, and spread half as far."""
    of_runs = np.linspace(-1, 1, runs) if runs > 1 else np.zeros(1)
    scores = np.linspace(-1.5, -1.2, 121)[1::10, None] + shift + 0.01 * of_runs
    values = {"correlation": correlation, "inner_correlation": 0.5}
    return shaping_reports.Reference(scores, {name: value + 0.05 * of_runs for name, value in values.items()})


def test_a_reference_agrees_if_the_means_could_be_the_same():
    ours = made_up(NAME, -1.2)
    # Ten evenly spread seeds deviate by 0.6728 of the largest, 0.02; five by 0.7906 of 0.01. Welch's standard error of
    # the difference is √(0.01346²/10 + 0.007906²/5), 5.532e-3, its degrees of freedom 12.41, and t's 99.95 % quantile
    # with those 4.276: means may differ by 0.02366.
    assert agrees(ours, reference()) is True
    assert agrees(ours, reference(shift=0.0234)) is True
    assert agrees(ours, reference(shift=0.0239)) is False
    # Correlations deviate by five times as much: 0.1183.
    assert agrees(ours, reference(correlation=0.5 + 0.117)) is True
    assert agrees(ours, reference(correlation=0.5 + 0.120)) is False
    # A single run could be one of our seeds, √1.1 · 0.01346, whose score has an error of 0.014 more: together 0.01985,
    # 4.781 of which may lie between, by t with 9 degrees of freedom.
    assert agrees(ours, reference(shift=0.0945, runs=1)) is True
    assert agrees(ours, reference(shift=0.0955, runs=1)) is False
    # Correlations have no such error: √1.1 · 0.06728 · 4.781.
    assert agrees(ours, reference(correlation=0.5 + 0.336, runs=1)) is True
    assert agrees(ours, reference(correlation=0.5 + 0.339, runs=1)) is False
    assert agrees(made_up(NAME, -1.2, seeds=2), reference()) is None
    assert agrees(made_up(NAME, -1.2, updates=60), reference()) is None


def agrees(result, of) -> bool | None:
    return shaping_reports.shaping_table([result], {NAME: of}).verdicts[0]


def test_every_score_counts_as_far_as_the_reference_goes():
    ours, later = made_up(NAME, -1.2), reference()
    later.scores[-1] += 0.1
    assert agrees(ours, later) is False
    assert agrees(ours, dataclasses.replace(later, scores=later.scores[:-1])) is True


def test_exact_gradients_are_compared_up_to_rounding():
    ours = made_up(NAME, -1.2)
    ours.history["inner_correlation"] = np.ones((120, 10, 2))
    for theirs, verdict in ((1 - 5e-6, True), (1 - 2e-5, False)):
        exact = reference()
        exact.correlations["inner_correlation"][:] = theirs
        assert agrees(ours, exact) is verdict


def test_references_of_few_runs_say_so():
    for runs, says in ((1, "1 runs, few"), (4, "4 runs, few"), (5, "5 runs")):
        table = shaping_reports.shaping_table([made_up(NAME, -1.2)], {NAME: reference(runs=runs)})
        assert table.rows[0][-2] == says


NAIVE = json.loads((Path(__file__).parents[1] / "data" / "naive_learners.json").read_text())["ipd"]
"""Scores after updates 1, 11, … by seed of learners that do not look ahead, measured as the slow test below does."""


def naive_of(name: str) -> str:
    return "exact" if PRESETS[name].settings.outer_estimator == "exact" else "sampled"


@pytest.mark.parametrize("name", gmrl_ipd.REFERENCES)
def test_naive_learners_agree_with_no_reference_even_by_their_scores_alone(name):
    result = made_up(name, -1.2)
    result.history["score"] = np.zeros((121, 10, 2))
    result.history["score"][1:102:10] = np.array(NAIVE[naive_of(name)]).T[..., None]
    of_scores = dataclasses.replace(gmrl_ipd.REFERENCES[name], correlations={})
    p = shaping_reports.least_p(result, of_scores)
    assert p is not None
    assert p < shaping_reports.LEAST_P


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmrl-ipd-original", "gmrl-ipd-original-exact"])
def test_naive_learners_score_what_was_measured(name):
    lanes = Lanes([dataclasses.replace(PRESETS[name].settings, inner_steps=0, total_updates=101)])
    state, _ = lanes.start()
    scores = []
    for update in range(1, 102):
        state, metrics = lanes.step(update, state)
        scores.append(lanes.fetch(metrics)["score"].mean(axis=-1))
    np.testing.assert_allclose(np.array(scores[::10]).T, NAIVE[naive_of(name)], atol=1e-3)


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
    results = [made_up(preset.name, -1.2 - 0.01 * i) for i, preset in enumerate(gmrl_ipd_presets.PRESETS)]
    table = gmrl_ipd.table(results)
    assert len(table.rows) == len(table.verdicts) == 14
    assert sum(verdict is not None for verdict in table.verdicts) == len(gmrl_ipd.REFERENCES)
    [ranking] = [note for note in table.notes if note.startswith("By mean score over updates: off-policy -")]
    assert ranking.index("inner-on-policy") < ranking.index("hessian-on-policy")
    gmrl_ipd.draw(results).canvas.draw()
    shaping_reports.draw_run([made_up(NAME, -1.1, seeds=1, updates=3)]).canvas.draw()
    plt.close("all")


def test_tables_warn_of_capped_weights():
    result = made_up(NAME, -1.2)
    for counts, warned in (([0, 0], False), ([3, 4], True)):
        result.history["capped_weights"] = np.array(counts)[:, None]
        notes = shaping_reports.shaping_table([result], {}).notes
        told = f"Warning: in {NAME} 7 weights of replayed games were cut at 80"
        assert sum(note.startswith(told) for note in notes) == warned
        assert sum(note.startswith("Warning") for note in notes) == warned


@pytest.mark.slow
def test_the_figure_in_full(tmp_path):
    """What `lookax reproduce gmrl-ipd` says, asserted."""
    from tests.experiments.test_figures_in_full import results_of

    results = results_of(gmrl_ipd_presets.FIGURE, tmp_path)
    verdicts = [verdict for verdict in gmrl_ipd.table(list(results.values())).verdicts if verdict is not None]
    assert len(verdicts) == len(gmrl_ipd.REFERENCES)
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
