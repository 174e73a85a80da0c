"""Games of lookax as JaxMARL's environments: stepped by hand, and there and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.errors import check_whole
from lookax.games.adapters.as_jaxmarl import to_jaxmarl
from lookax.games.adapters.jaxmarl_game import from_jaxmarl, imported

KEY = jax.random.key(4)


@pytest.fixture(autouse=True)
def _single_precision():
    with jax.enable_x64(False):
        yield


def test_an_environment_is_the_game_stepped_by_hand():
    game, horizon = lx.OneCoinGame(view="own"), 3
    environment = to_jaxmarl(game, horizon=horizon)
    assert isinstance(environment, imported().environments.MultiAgentEnv)
    assert environment.agents == ["agent_0", "agent_1"]
    assert environment.action_space("agent_1").n == 4
    assert environment.observation_space("agent_0").shape == (36,)
    actions = jax.random.randint(KEY, (2 * horizon, 2), 0, 4)
    seen, state = environment.reset(KEY)
    own = game.reset(KEY)
    for step, (key, chosen) in enumerate(zip(jax.random.split(KEY, 2 * horizon), actions, strict=True)):
        for player, agent in enumerate(environment.agents):
            np.testing.assert_array_equal(seen[agent], game.observe(own, player))
        seen, state, rewards, dones, _ = environment.step(
            key, state, dict(zip(environment.agents, chosen, strict=True))
        )
        # JaxMARL's own step splits the key, and begins anew with the second half where it is done.
        step_key, reset_key = jax.random.split(key)
        own, earned = game.step(step_key, own, chosen)
        np.testing.assert_array_equal([rewards[agent] for agent in environment.agents], earned)
        over = step % horizon == horizon - 1
        assert {name: bool(done) for name, done in dones.items()} == {"agent_0": over, "agent_1": over, "__all__": over}
        own = game.reset(reset_key) if over else own
    assert int(state.step) == 0
    assert all(bool(own.all()) for own in environment.get_avail_actions(state).values())


def test_a_game_there_and_back_is_the_game():
    game, horizon = lx.MatrixGame(lx.TWO_PLAYER_GAMES["stag-hunt"]), 50
    back = from_jaxmarl(to_jaxmarl(game, horizon=horizon))
    lx.check_game(back)
    actions = jax.random.randint(KEY, (horizon - 1, 2), 0, 2)

    def played(game):
        def step(state, actions):
            state, rewards = game.step(KEY, state, actions)
            return state, (rewards, game.observe(state, 1))

        return jax.jit(lambda: jax.lax.scan(step, game.reset(KEY), actions)[1])()

    jax.tree.map(np.testing.assert_array_equal, played(game), played(back))
    assert jnp.abs(played(back)[0]).sum() > 0


@pytest.mark.parametrize("wrong", [0, 2.5, True, "a", float("nan")])
def test_whole_numbers_are_no_others(wrong):
    # Of those whose type is told, as people without a checker of types give them.
    with pytest.raises(ValueError, match=r"^horizon: .* is not allowed; it must be a whole number, at least 1$"):
        check_whole("horizon", wrong, 1)


@pytest.mark.parametrize("horizon", [0, True])
def test_a_horizon_is_a_whole_number(horizon):
    with pytest.raises(ValueError, match=r"horizon: .* is not allowed; it must be a whole number, at least 1"):
        lx.to_jaxmarl(lx.OneCoinGame(), horizon=horizon)
