"""Settings of actor-critics, and what their runs are told by."""

import dataclasses

import jax
import numpy as np
import pytest

from lookax.experiments.preset import Result
from lookax.experiments.presets.gmrl_atari import A2C, FIGURE, MGRL
from lookax.experiments.reports.actor_critics import draw, table
from lookax.experiments.settings.actor_critics import ActorCriticLearning
from lookax.experiments.studies.study import study_of, validate

SMALL = dataclasses.replace(MGRL, console="minatar", game="breakout", batch_size=4, steps=2, inner_steps=2, seeds=2)


def test_published_presets_start_from_the_published_logits():
    state = jax.eval_shape(study_of(SMALL).init, jax.random.key(0))
    assert state.meta.discount.shape == ()
    logits = {"discount": 4.6, "gae_lambda": 2.944, "value_coefficient": 0.0, "entropy_coefficient": -4.6}
    for name, logit in logits.items():
        value = getattr(MGRL, name)
        # Six digits of the sigmoid are written in the preset.
        assert np.log(value / (1 - value)) == pytest.approx(logit, abs=1e-4)
    assert (MGRL.inner_steps, MGRL.batch_size, MGRL.steps) == (3, 64, 5)


def test_published_presets_play_forty_million_steps():
    for experiment in (A2C, MGRL):
        frames = experiment.frames_per_update() * experiment.total_updates
        assert frames == pytest.approx(4 * 40_000_000, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"batch_size": 0}, "batch_size: 0 is not allowed; it must be at least 1"),
        ({"inner_steps": 0}, "inner_steps: 0"),
        ({"discount": 1.0}, "discount: 1.0 is not allowed; it must be between 0 and 1, exclusive, to be tuned"),
        ({"entropy_coefficient": 0.0}, "entropy_coefficient: 0.0"),
        ({"outer_discount": 1.1}, "outer_discount: 1.1"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0"),
        ({"outer_kl_coefficient": -1.0}, "outer_kl_coefficient: -1.0"),
        ({"max_gradient_norm": 0.0}, "max_gradient_norm: 0.0"),
        ({"bootstrap_step_size": -0.1}, "bootstrap_step_size: -0.1"),
        ({"game": "chess"}, "game: 'chess' is not known"),
        ({"console": "atari", "game": "breakoutt"}, "game: 'breakoutt' is not known; did you mean breakout"),
        ({"console": "atari", "max_frames": 10}, "max_frames: 10 is not allowed; it must be at least 100"),
        (
            {"console": "atari", "batch_size": 5000},
            "batch_size: 5000 is not allowed; it must be at most 4096 for Atari",
        ),
        ({"console": "atari", "batch_size": 64, "seeds": 65}, "seeds: 65 is not allowed; it must be at most 64"),
        ({"meta": False, "value_coefficient": -0.5}, "value_coefficient: -0.5"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(changes, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        validate(dataclasses.replace(SMALL, **changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("changes", [{"bootstrap_step_size": 0.1}, {"meta": False}], ids=["bootstrapped", "a2c"])
def test_a_window_and_an_update_run_on_minatar(changes):
    pytest.importorskip("gymnax")
    experiment = dataclasses.replace(SMALL, **changes)
    validate(experiment)
    state = study_of(experiment).init(jax.random.key(1))
    before = study_of(experiment).evaluate(jax.random.key(3), state)
    state, metrics = jax.jit(study_of(experiment).update)(jax.random.key(2), state)
    assert all(np.isfinite(value).all() for value in metrics.values())
    assert set(before) <= set(metrics)
    assert set(study_of(experiment).describe(state)) == (
        {"discount", "gae_lambda", "value_coefficient", "entropy_coefficient"} if experiment.meta else set()
    )


def history(tuned):
    names = ["entropy", "value_loss", "gradient_norm", "episodes"]
    found = {name: np.ones((20, 2)) for name in names}
    found["score"] = np.stack([np.arange(21.0), np.arange(21.0) + 2], axis=-1)
    return found | ({"discount": np.full((21, 2), 0.9)} if tuned else {})


def test_reports_close_with_the_mean_of_the_last_tenth():
    results = [
        Result("tuned", SMALL, history(True)),
        Result("fixed", dataclasses.replace(SMALL, meta=False), history(False)),
    ]
    told = table(results)
    # 19 and 20, 21 and 22; t of two seeds 12.706 times the standard error 1.
    assert told.rows[0][:4] == ["tuned", "20.500 [7.794, 33.206]", "40", "0.900 [0.900, 0.900]"]
    assert told.rows[1][3] == "–"
    drawing = draw(results)
    score, other = drawing.axes[0].lines
    np.testing.assert_array_equal(np.asarray(score.get_xdata())[:3], [0, 16, 32])
    np.testing.assert_array_equal(np.asarray(other.get_xdata())[:3], [0, 8, 16])
    entropy = drawing.axes[1].lines[0]
    np.testing.assert_array_equal(np.asarray(entropy.get_xdata())[:2], [16, 32])


def test_the_small_figure_has_all_three():
    assert [preset.name for preset in FIGURE.presets] == ["a2c-minatar", "mgrl-minatar", "mgrl-lvc-minatar"]
    frames = {p.settings.frames_per_update() * p.settings.total_updates for p in FIGURE.presets}
    assert len(frames) == 1
    assert all(isinstance(p.settings, ActorCriticLearning) and p.settings.seeds >= 5 for p in FIGURE.presets)
