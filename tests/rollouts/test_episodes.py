"""Running scores of episodes, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.rollouts.episodes import RECENT, Finished, no_episodes

more = jax.jit(lambda episodes, ended, returns: episodes.with_more(Finished(returns, ended)))


def test_episodes_that_go_on_do_not_count():
    # Returns so far are there in games that go on, too.
    ended = jnp.array([[True, False], [False, True]])
    episodes = more(no_episodes(), ended, jnp.array([[3.0, 100.0], [100.0, 5.0]]))
    assert {name: float(value) for name, value in episodes.metrics().items()} == {
        "score": 4.0,
        "episodes": 2.0,
        "returns": 8.0,
    }


def test_a_score_is_of_the_latest_hundred():
    episodes, returns = no_episodes(), np.random.default_rng(0).normal(size=(5, 3, 15))
    ended = np.random.default_rng(1).random(returns.shape) < 0.7
    for rollout in range(5):
        episodes = more(episodes, jnp.asarray(ended[rollout]), jnp.asarray(returns[rollout]))
    latest = returns[ended]
    assert RECENT < len(latest) == int(episodes.count)
    assert float(episodes.score()) == pytest.approx(latest[-RECENT:].mean(), rel=1e-5)


def test_of_more_than_a_hundred_in_one_rollout_the_latest_are_kept():
    returns = np.arange(2 * RECENT, dtype=float)[:, None]
    episodes = more(no_episodes(), jnp.ones((2 * RECENT, 1), bool), jnp.asarray(returns))
    assert float(episodes.score()) == pytest.approx(returns[-RECENT:].mean(), rel=1e-5)


def test_what_ended_since_an_update_begins_anew_after_it():
    episodes = more(no_episodes(), jnp.ones((1, 2), bool), jnp.array([[1.0, 2.0]])).after_an_update()
    assert int(episodes.ended) == 0
    assert float(episodes.returns) == 0.0
    assert float(episodes.score()) == 1.5
