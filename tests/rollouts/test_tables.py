"""Rollouts of matrix games; those of MDPs are tested with the MDPs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.policies.factory import PolicyMaker
from lookax.rollouts.tabular import game_rollout

KEY = jax.random.key(3)

THREE_BY_TWO = np.random.default_rng(0).normal(size=(2, 3, 2))
GAMES = {
    "prisoner's dilemma": MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"]),
    "three players": MatrixGame(contribution_payoffs(1.8, 3)),
    "memory two, no start state": MatrixGame(TWO_PLAYER_GAMES["chicken"], memory_length=2, start="all-defect"),
    "three actions against two": MatrixGame(THREE_BY_TWO),
}


@pytest.fixture(params=GAMES)
def game(request):
    return GAMES[request.param]


def random_log_probs(game):
    draws = np.random.default_rng(3)
    logits = [draws.normal(size=(game.num_states, actions)) for actions in game.num_actions]
    return [jnp.asarray(log_softmax(own, axis=1)) for own in logits]


def test_everything_recorded_is_what_was_played(game):
    log_probs = random_log_probs(game)
    values = jnp.asarray(np.random.default_rng(4).normal(size=(game.num_players, game.num_states)))

    @jax.jit
    def play(log_probs, key, values):
        return game_rollout(game, log_probs, key, horizon=7, batch_size=11, values=values)

    played = play(log_probs, KEY, values)
    assert played.num_games == 11
    states, actions = np.asarray(played.states), np.asarray(played.actions)
    assert states.shape == (8, 11)
    assert actions.shape == played.rewards.shape == played.log_probs.shape == (7, game.num_players, 11)
    assert (states[0] == game.histories.start).all()
    step = jax.jit(jax.vmap(jax.vmap(game.step, (None, -1, -1), -1), (None, 0, 0)))
    successors, rewards = step(KEY, played.states[:-1], played.actions)
    np.testing.assert_array_equal(states[1:], successors)
    np.testing.assert_array_equal(played.rewards, rewards)
    own = [np.asarray(log_probs[i])[states[:-1], actions[:, i]] for i in range(game.num_players)]
    np.testing.assert_array_equal(played.log_probs, np.stack(own, axis=1))
    np.testing.assert_array_equal(played.values, np.moveaxis(np.asarray(values)[:, states], 0, 1))
    # The same key draws the same games.
    np.testing.assert_array_equal(play(log_probs, KEY, values).actions, actions)
    assert (np.asarray(play(log_probs, jax.random.key(4), values).actions) != actions).any()


def test_mean_returns_and_joint_actions_are_those_of_exact_play(game):
    horizon, batch = 6, 20_000
    maker = PolicyMaker(game, "tabular", 1.0)
    play = ExactPlay(game, maker.observations(), 0.9, horizon)

    @jax.jit
    def exact_and_played(key):
        policies = maker.initial(key)
        log_probs = [play.log_probs_in_game_order(i, policy) for i, policy in enumerate(policies)]
        played = game_rollout(game, log_probs, key, horizon=horizon, batch_size=batch)
        joint = game.joint_action(played.actions)
        return play.values(policies), play.joint_action_visitation(policies), played, joint

    values, expected_visits, played, joint = jax.tree.map(np.asarray, exact_and_played(KEY))
    assert played.values is None
    returns = np.einsum("t,tnb->nb", 0.9 ** np.arange(horizon), played.rewards)
    # 5 standard errors of the mean.
    errors = returns.std(axis=1) / np.sqrt(batch)
    assert (np.abs(returns.mean(axis=1) - values) <= 5 * errors).all()
    visits = [(0.9 ** np.arange(horizon)[:, None] * (joint == a)).sum(0) for a in range(game.num_joint_actions)]
    for visited, expected in zip(visits, expected_visits, strict=True):
        assert abs(visited.mean() - expected) <= 5 * visited.std() / np.sqrt(batch)


def test_players_act_independently_in_a_state():
    # Both toss a coin: each joint action has probability 1/4, and which player acts how is not correlated.
    game = GAMES["prisoner's dilemma"]
    fair = jnp.log(jnp.full((5, 2), 0.5))
    actions = np.asarray(game_rollout(game, [fair, fair], KEY, horizon=10, batch_size=2000).actions)
    assert abs(np.corrcoef(actions[:, 0].ravel(), actions[:, 1].ravel())[0, 1]) < 5 / np.sqrt(20_000)


def test_log_probs_are_differentiable_and_draws_are_not(game):
    def total(log_probs):
        played = game_rollout(game, log_probs, KEY, horizon=5, batch_size=7)
        return played.log_probs.sum() + played.rewards.sum(), played

    gradients, played = jax.jit(jax.grad(total, has_aux=True))(random_log_probs(game))
    for i, gradient in enumerate(gradients):
        visits = np.zeros(gradient.shape)
        np.add.at(visits, (np.asarray(played.states[:-1]), np.asarray(played.actions[:, i])), 1)
        np.testing.assert_allclose(gradient, visits)


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_double_and_single_precision_in_one_process_do_not_mix(game, order):
    for x64 in order:
        with jax.enable_x64(x64):
            played = jax.eval_shape(
                lambda key: game_rollout(game, random_log_probs(game), key, horizon=3, batch_size=4), KEY
            )
            assert played.log_probs.dtype == (np.float64 if x64 else np.float32)
            assert played.states.dtype == np.int32


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"horizon": 0}, "horizon: 0 is not allowed; it must be at least 1"),
        ({"batch_size": 0}, "batch_size: 0 is not allowed; it must be at least 1"),
        ({"log_probs": [jnp.zeros((5, 2))]}, r"log_probs: shapes \(\(5, 2\),\) .* \(\(5, 2\), \(5, 2\)\)"),
        ({"log_probs": [jnp.zeros((4, 2)), jnp.zeros((5, 2))]}, r"log_probs: shapes \(\(4, 2\), \(5, 2\)\)"),
    ],
)
def test_nonsense_is_refused_in_one_line(changes, complaint):
    given = {"log_probs": [jnp.log(jnp.full((5, 2), 0.5))] * 2, "horizon": 3, "batch_size": 2} | changes
    with pytest.raises(ValueError, match=complaint):
        game_rollout(GAMES["prisoner's dilemma"], given.pop("log_probs"), KEY, **given)
