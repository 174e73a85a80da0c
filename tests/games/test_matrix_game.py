import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs

KEY = jax.random.key(0)


@pytest.mark.parametrize("shape", [(2,), (1, 2), (2, 2, 1), (3, 2, 2)])
def test_payoffs_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match="payoffs: shape"):
        MatrixGame(jnp.zeros(shape))


def test_play_pays_and_remembers():
    game = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
    state = game.reset(KEY)
    assert state == 4
    state, rewards = game.step(KEY, state, jnp.array([1, 0]))
    assert state == 2
    np.testing.assert_array_equal(rewards, [-3, 0])


def test_play_is_jittable_and_vmappable():
    game = MatrixGame(contribution_payoffs(1.5, 3), memory_length=2)
    actions = jax.random.bernoulli(KEY, shape=(7, 3)).astype(int)
    states, rewards = jax.jit(jax.vmap(game.step, (None, None, 0)))(KEY, game.reset(KEY), actions)
    np.testing.assert_array_equal(game.histories.actions[states, -1], actions)
    np.testing.assert_allclose(rewards, 0.5 * actions.sum(1, keepdims=True) - actions)


def test_joint_action_probabilities_of_unequal_action_sets():
    game = MatrixGame(jnp.zeros((2, 2, 3)))
    mine = jax.nn.log_softmax(jax.random.normal(KEY, (game.num_states, 2)))
    theirs = jax.nn.log_softmax(jax.random.normal(jax.random.key(1), (game.num_states, 3)))
    joint = game.joint_action_probabilities([mine, theirs])
    np.testing.assert_allclose(joint[3, 1 * 3 + 2], jnp.exp(mine[3, 1] + theirs[3, 2]))
    np.testing.assert_allclose(joint.sum(1), 1)
    np.testing.assert_allclose(game.transition_matrix(joint).sum(1), 1)


def test_payoffs_are_in_double_precision_though_they_were_in_single_before():
    payoffs = np.array(contribution_payoffs(1.3))
    with jax.enable_x64(False):
        program = jax.jit(lambda x: (x * MatrixGame(payoffs).payoffs).sum())
        assert program(1.0).dtype == np.float32
    with jax.enable_x64(True):
        assert MatrixGame(payoffs).payoffs.dtype == np.float64
