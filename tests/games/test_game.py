import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame, action_one_hot
from lookax.games.payoffs import contribution_payoffs

KEY = jax.random.key(0)
GAMES = {
    "matrix": MatrixGame(contribution_payoffs(1.5, 3), memory_length=2),
    "one-coin": OneCoinGame(),
    "two-coin": TwoCoinGame(egocentric=True),
}


@pytest.mark.parametrize("name", GAMES)
def test_every_game_is_one(name):
    game = GAMES[name]
    assert isinstance(game, Game)
    state = game.reset(KEY)
    following, rewards = game.step(KEY, state, jnp.zeros(game.num_players, int))
    assert rewards.shape == (game.num_players,)
    # What lax.scan asks of a carry.
    assert [(x.shape, x.dtype) for x in jax.tree.leaves(following)] == [
        (x.shape, x.dtype) for x in jax.tree.leaves(state)
    ]
    assert game.observe(state, 1).dtype == game.observe(following, 0).dtype == float


def test_an_observation_of_a_matrix_game_is_a_row_of_the_table():
    game = GAMES["matrix"]
    for state in (0, 37, game.num_states - 1):
        np.testing.assert_array_equal(game.observe(jnp.array(state), 1), action_one_hot(game, 1)[state])
