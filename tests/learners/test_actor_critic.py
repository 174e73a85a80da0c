"""Advantages where episodes end, running scores, and that A2C's update is a step up its objective."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.arcade.environment import Step
from lookax.learners.a2c import A2C
from lookax.learners.mgrl import MGRL, InnerObjective, OuterObjective
from lookax.learners.objectives.actor_critic import (
    Coefficients,
    advantages,
    learning_optimiser,
    objective,
    objective_terms,
)
from lookax.lookahead.adjoints import ForwardOverReverseAdjoint, ReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.convolutional import actor_critic
from lookax.rollouts.environments import Rollout, act, first_env_state
from lookax.rollouts.episodes import RECENT, Finished, no_episodes

KEY = jax.random.key(6)
META = Coefficients(
    discount=jnp.array(2.0),
    gae_lambda=jnp.array(1.0),
    value_coefficient=jnp.array(0.0),
    entropy_coefficient=jnp.array(-3.0),
)


class Corridor:
    """One pixel wide: action 1 pays 1, and an episode ends after three steps; the frame shows how many are over."""

    num_actions = 2
    frame = (2, 2, 1)

    def reset(self, key, batch_size):
        del key
        steps = jnp.zeros(batch_size, int)
        return (steps, jnp.zeros(batch_size)), self._seen(steps)

    def step(self, key, state, actions):
        del key
        steps, returns = state
        steps, returns = steps + 1, returns + actions
        ended = steps == 3
        after = jnp.where(ended, 0, steps)
        made = Step(
            self._seen(after),
            actions.astype(float),
            ~ended,
            jnp.ones_like(ended),
            jnp.where(ended, returns, 0.0),
            ended,
        )
        return (after, jnp.where(ended, 0.0, returns)), made

    def _seen(self, steps):
        return jnp.broadcast_to(steps[:, None, None, None].astype(float), (len(steps), *self.frame))


@functools.cache
def network(critic_discount):
    return actor_critic(
        KEY, Corridor.frame, 2, convolutions=((2, 1, 1),), hidden_size=3, critic_discount=critic_discount
    )


def rollout(rewards, continues, played):
    shape = np.shape(rewards)
    return Rollout(
        jnp.zeros((shape[0] + 1, shape[1], 2, 2, 1)),
        jnp.zeros(shape, int),
        jnp.array(rewards, float),
        jnp.array(continues, bool),
        jnp.array(played, bool),
    )


def test_nothing_after_an_end_counts():
    # By hand: 2 + 0.5 · 20 − 10 + 0.25 · (3 − 20) = −2.25; 3 − 20; an unplayed step; 5 + 0.5 · 50 − 40 = −10.
    values = jnp.array([[10.0], [20.0], [30.0], [40.0], [50.0]])
    own = rollout([[2.0], [3.0], [0.0], [5.0]], [[1], [0], [0], [1]], [[1], [1], [0], [1]])
    np.testing.assert_allclose(advantages(own, values, 0.5, 0.5)[:, 0], [-2.25, -17.0, 0.0, -10.0])


def test_what_is_seen_last_before_a_cut_counts_and_nothing_after_it_does():
    # By hand: the first step goes on to the cut, which is seen; the second is cut at 30 and goes on to it; the third is
    # the reset; the fourth is of the next episode. 2 + 0.5 · 20 − 10 + 0.25 · (3 + 0.5 · 30 − 20) = 1.5; −2; 0; −10.
    values = jnp.array([[10.0], [20.0], [30.0], [40.0], [50.0]])
    own = rollout([[2.0], [3.0], [0.0], [5.0]], [[1], [1], [0], [1]], [[1], [1], [0], [1]])
    np.testing.assert_allclose(advantages(own, values, 0.5, 0.5)[:, 0], [1.5, -2.0, 0.0, -10.0])
    # Where a rollout ends with the cut it is the same, and the next rollout begins with the reset.
    before, after = (jax.tree.map(lambda leaf, steps=steps: leaf[steps], own) for steps in (slice(2), slice(2, 4)))
    np.testing.assert_allclose(advantages(before, values[:3], 0.5, 0.5)[:, 0], [1.5, -2.0])
    np.testing.assert_allclose(advantages(after, values[2:], 0.5, 0.5)[:, 0], [0.0, -10.0])


def test_what_was_not_played_changes_nothing():
    own = rollout([[1.0], [0.0], [2.0]], [[1], [0], [1]], [[1], [0], [1]])
    other = rollout([[1.0], [9.0], [2.0]], [[1], [0], [1]], [[1], [0], [1]])
    coefficients = Coefficients(discount=0.9, gae_lambda=0.8, value_coefficient=0.5, entropy_coefficient=0.01)
    first = network(False)
    value = jax.jit(lambda own: objective(objective_terms(first, own, coefficients, 0.9), coefficients))
    found = [value(each) for each in (own, other)]
    assert float(found[0]) == float(found[1])


def test_running_scores_are_means_of_the_latest_hundred():
    episodes, returns = no_episodes(), np.arange(3.0 * 90).reshape(3, 90)
    assert float(episodes.score()) == 0.0
    ended = np.zeros((3, 90), bool)
    ended[1, :60] = True
    seen = []
    for number in range(3):
        episodes = episodes.after_an_update().with_more(Finished(jnp.array(returns + number), jnp.array(ended)))
        seen += list(returns[1, :60] + number)
        metrics = episodes.metrics()
        np.testing.assert_allclose(metrics["score"], np.mean(seen[-RECENT:]), rtol=1e-6)
        assert int(metrics["episodes"]) == 60
        np.testing.assert_allclose(metrics["returns"], (returns[1, :60] + number).sum(), rtol=1e-6)


def test_of_more_episodes_than_a_hundred_in_a_rollout_the_latest_are_kept():
    returns, ended = np.arange(260.0).reshape(130, 2), np.ones((130, 2), bool)
    ended[::3, 1] = False
    first = no_episodes().with_more(Finished(jnp.array(returns), jnp.array(ended)))
    latest = returns[ended][-RECENT:]
    np.testing.assert_array_equal(np.sort(first.recent), latest)
    assert int(first.count) == int(first.ended) == ended.sum()
    assert float(first.returns) == returns[ended].sum()
    # The next ones replace the oldest of them.
    more = first.with_more(Finished(jnp.full((3, 1), -1.0), jnp.ones((3, 1), bool)))
    np.testing.assert_array_equal(np.sort(more.recent), [-1.0, -1.0, -1.0, *latest[3:]])


def test_acting_goes_on_where_it_stopped():
    environment = Corridor()
    env_state, first = first_env_state(environment, KEY, 2), network(False)
    act_on = jax.jit(lambda env_state, key: act(environment, first, env_state, key, 2))
    seen, ended = [], []
    for key in jax.random.split(KEY, 2):
        env_state, own, finished = act_on(env_state, key)
        seen += list(np.asarray(own.observations[:-1, 0, 0, 0, 0]))
        ended += list(np.asarray(finished.ended[:, 0]))
        np.testing.assert_array_equal(own.observations[-1], env_state.observations)
    assert seen == [0.0, 1.0, 2.0, 0.0]
    assert ended == [False, False, True, False]


def test_a2c_takes_a_step_up_its_objective():
    coefficients = Coefficients(discount=0.9, gae_lambda=0.8, value_coefficient=0.5, entropy_coefficient=0.01)
    learner = A2C(
        environment=Corridor(),
        network=lambda _: network(False),
        batch_size=3,
        steps=4,
        coefficients=coefficients,
        optimiser=optax.sgd(0.1),
    )
    state = learner.init(KEY)
    after, metrics = eqx.filter_jit(learner.update)(KEY, state)

    @jax.jit
    def gradient_at(network, env_state):
        _, own, _ = act(learner.environment, network, env_state, KEY, 4)
        return jax.grad(lambda n: objective(objective_terms(n, own, coefficients, 0.9), coefficients))(network)

    gradient = gradient_at(state.network, state.env_state)
    for before, direction, now in zip(*map(jax.tree.leaves, (state.network, gradient, after.network)), strict=True):
        np.testing.assert_allclose(now, before + 0.1 * direction, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(metrics["gradient_norm"], optax.tree.norm(gradient), rtol=1e-5)
    assert int(metrics["episodes"]) == 3


@pytest.mark.parametrize("adjoint", [ReverseAdjoint(), ForwardOverReverseAdjoint()], ids=["reverse", "recorded"])
def test_mgrl_learns_from_each_rollout_once_and_keeps_the_last(adjoint):
    optimiser = learning_optimiser(0.01, 0.5, 100)
    learner = MGRL(
        environment=Corridor(),
        network=lambda _: network(True),
        meta=META,
        batch_size=3,
        steps=4,
        inner=InnerObjective(),
        lookahead=Lookahead(optimiser, 2, adjoint),
        outer=OuterObjective(),
        meta_optimiser=optax.adam(0.1),
    )
    state = learner.init(KEY)
    update = eqx.filter_jit(learner.update)
    after, metrics = update(KEY, state)
    # A window acts for two rollouts of four steps; with the first state's they are twelve: where games stand.
    assert int(after.env_state.state[0][0]) == 12 % 3
    assert int(metrics["episodes"]) == 3 * (12 // 3)
    assert int(after.optimiser_state[1].count) == 2
    # Adam's first step is the step size whatever the gradient, less a share of 10⁻⁸ / gradient.
    for name in ("discount", "gae_lambda"):
        assert abs(float(getattr(after.meta, name) - getattr(META, name))) == pytest.approx(0.1, rel=0.02)


def test_recorded_and_repeated_windows_learn_the_same():
    optimiser = learning_optimiser(0.01, 0.5, 100)
    found = []
    for adjoint in (ForwardOverReverseAdjoint(), ReverseAdjoint()):
        learner = MGRL(
            environment=Corridor(),
            network=lambda _: network(True),
            meta=META,
            batch_size=3,
            steps=4,
            inner=InnerObjective(surrogate="lvc"),
            lookahead=Lookahead(optimiser, 3, adjoint),
            outer=OuterObjective(),
            meta_optimiser=optax.sgd(1.0),
        )
        after, _ = eqx.filter_jit(learner.update)(KEY, learner.init(KEY))
        found.append(jax.tree.leaves(after.meta))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a2c_learns_what_pays():
    learner = A2C(
        environment=Corridor(),
        network=lambda _: network(False),
        batch_size=16,
        steps=3,
        coefficients=Coefficients(discount=0.9, gae_lambda=0.95, value_coefficient=0.5, entropy_coefficient=0.01),
        optimiser=learning_optimiser(0.01, 0.5, None),
    )
    state = learner.init(KEY)
    update = eqx.filter_jit(learner.update)
    for key in jax.random.split(KEY, 200):
        state, _ = update(key, state)
    # Always action 1 returns 3 an episode, a fair coin 1.5.
    assert float(state.episodes.score()) > 2.7
