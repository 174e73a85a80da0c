import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.policies.player import Player


def test_networks_act_on_observations_as_they_do_in_games():
    game = lx.OneCoinGame()
    size = len(game.observe(game.reset(jax.random.key(0)), 0))
    network = lx.network(jax.random.key(1), size, 4, hidden_size=3)
    games = jax.jit(lambda key: lx.match(game, [network, network], key, horizon=4, batch_size=1))(jax.random.key(2))
    player, hidden_state = Player(network), Player(network).initial_hidden_state()
    for t in range(5):
        state = jax.tree.map(lambda leaf, t=t: leaf[t, ..., 0], games.states)
        hidden_state, logits = player.logits(hidden_state, game.observe(state, 0))
        np.testing.assert_allclose(logits, games.outputs[0][t, :, 0], rtol=1e-6)


def test_tables_have_no_hidden_state():
    game = lx.MatrixGame([[-2, 0], [-3, -1]])
    maker = lx.PolicyMaker(game)
    policy = maker.initial(jax.random.key(0))[0]
    player = Player(policy)
    assert player.initial_hidden_state() is None
    observation = maker.observations()[0][2]
    np.testing.assert_array_equal(player.logits(None, observation)[1], policy(observation))


def test_actions_are_drawn_by_their_probabilities():
    player = Player(lambda observation: jnp.log(jnp.array([0.25, 0.75])))
    keys = jax.random.split(jax.random.key(0), 4000)
    actions = jax.vmap(lambda key: player.act(key, None, jnp.zeros(1))[1])(keys)
    # Three standard errors of a share of 4000.
    np.testing.assert_allclose(actions.mean(), 0.75, atol=3 * (0.25 * 0.75 / 4000) ** 0.5)


def test_fixed_strategies_are_refused():
    with pytest.raises(ValueError, match="a MatrixStrategy acts on more than observations"):
        Player(lx.strategy("tit-for-tat", lx.MatrixGame([[-2, 0], [-3, -1]]), 0))
