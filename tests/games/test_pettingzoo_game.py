"""PettingZoo's parallel environments as games, against the environments stepped by hand; and games as such."""

import functools
import subprocess
import sys
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pettingzoo import ParallelEnv
from pettingzoo.test import parallel_api_test

import lookax as lx
from lookax.experiments.settings.first_order_shaping import FirstOrderShaping
from lookax.experiments.studies.first_order_shaping import FirstOrderShapingStudy
from lookax.games.adapters.by_name import game_by_name
from lookax.games.adapters.pettingzoo_game import from_pettingzoo
from lookax.imports import how_to_install
from tests.games.parallel_environments import Walkers

KEY = jax.random.key(2)
STEPS = 11


@pytest.fixture(autouse=True)
def _single_precision():
    with jax.enable_x64(False):
        yield


def played(game, key, actions):
    """Of one game: the first state, and what is seen and earned after each step."""

    def step(state, actions):
        state, rewards = game.step(KEY, state, actions)
        return state, ([game.observe(state, player) for player in range(2)], rewards)

    first = game.reset(key)
    return first, jax.lax.scan(step, first, actions)[1]


def by_hand(seed, actions, **settings):
    """The same, by the environment itself: rewards, and what both see."""
    environment, seeds = Walkers(**settings), np.random.SeedSequence(seed)

    def flat(seen):
        own = [np.zeros(2), np.zeros(12)]
        if "slow" in seen:
            own[0] = seen["slow"]
        if "fast" in seen:
            own[1] = np.concatenate([seen["fast"]["here"], np.arange(10) == seen["fast"]["time"]])
        return own

    def begun():
        return environment.reset(seed=int(seeds.spawn(1)[0].generate_state(1)[0]) % 2**31)[0]

    told, begins = [flat(begun())], []
    for slow, fast in actions:
        both = {"slow": slow, "fast": fast - 1}
        seen, rewards, *_ = environment.step({agent: both[agent] for agent in environment.agents})
        begins.append([rewards.get(agent, 0) for agent in environment.possible_agents])
        told.append(flat(begun() if not environment.agents else seen))
    return np.array(begins), [np.array(own) for own in zip(*told, strict=True)]


@pytest.mark.parametrize("settings", [{}, {"leaves_at": 2}], ids=["together", "one leaves"])
def test_games_are_the_environment_stepped_by_hand(settings):
    game = from_pettingzoo(Walkers, **settings)
    lx.check_game(game)
    assert (game.num_players, game.num_actions) == (2, (2, 3))
    # A batch of batches: each game has an environment of its own.
    keys = jax.random.split(KEY, (2, 3))
    actions = jax.random.randint(KEY, (2, 3, STEPS, 2), 0, jnp.array([2, 3]))
    together = jax.jit(jax.vmap(jax.vmap(lambda key, own: played(game, key, own))))(keys, actions)
    first, (seen, rewards) = jax.tree.map(np.asarray, together)
    assert len(np.unique(first.number)) == 6
    for lane in np.ndindex(2, 3):
        own_rewards, own_seen = by_hand(first.seed[lane], np.asarray(actions[lane]), **settings)
        np.testing.assert_allclose(rewards[lane], own_rewards, rtol=1e-6)
        for player in range(2):
            np.testing.assert_array_equal(first.observations[player][lane], own_seen[player][0].astype(np.float32))
            np.testing.assert_array_equal(seen[player][lane], own_seen[player][1:].astype(np.float32))
    # Equal keys, equal games; by other environments, which are as good.
    _, (_, again) = played(game, keys[1, 2], actions[1, 2])
    np.testing.assert_array_equal(again, rewards[1, 2])
    assert not np.array_equal(rewards[0, 0], rewards[1, 2])


def test_the_latest_step_may_be_asked_for_again_and_no_other():
    game = from_pettingzoo(Walkers, steps=8)
    first = game.reset(KEY)
    one, other = jnp.array([1, 0]), jnp.array([0, 2])
    second, rewards = game.step(KEY, first, one)
    again, same = game.step(KEY, first, one)
    np.testing.assert_array_equal(rewards, same)
    assert int(again.count) == int(second.count) == 1
    with pytest.raises(Exception, match="a state at step 0 was stepped, and the environment is at step 1; Pet"):
        jax.block_until_ready(game.step(KEY, first, other))
    third, _ = game.step(KEY, second, other)
    assert int(third.count) == 2
    with pytest.raises(Exception, match="a state at step 0 was stepped, and the environment is at step 2"):
        jax.block_until_ready(game.step(KEY, first, one))


def test_more_games_than_environments_are_told_of():
    game = from_pettingzoo(Walkers, max_environments=2, steps=9)
    states = [game.reset(key) for key in jax.random.split(KEY, 3)]
    jax.block_until_ready(game.step(KEY, states[2], jnp.array([0, 0])))
    with pytest.raises(Exception, match="max_environments: 2 is not allowed; it must be as many as are played at once"):
        jax.block_until_ready(game.step(KEY, states[0], jnp.array([0, 0])))


PPO = functools.partial(lx.ppo, self_play=False)
POLA = functools.partial(lx.pola_dice, inner_steps=1, outer_steps=1)


@pytest.mark.parametrize("make", [PPO, pytest.param(POLA, marks=pytest.mark.slow)])
def test_agents_learn_in_them(make):
    game = from_pettingzoo(Walkers, random_rewards=False, max_environments=32)
    learner = make(game, horizon=4, batch_size=8, hidden_size=4)
    train = jax.jit(lambda key: lx.train(learner, key, 2))
    _, history = train(KEY)
    assert np.isfinite(history["gradient_norm"]).all()
    # Environments of earlier games begin anew, and tell the same.
    jax.tree.map(np.testing.assert_array_equal, history, train(KEY)[1])


def test_they_are_known_by_the_names_of_modules():
    game = game_by_name("pettingzoo:tests.games.parallel_environments(steps=7, leaves_at=2)")
    assert game.source.settings == (("leaves_at", 2), ("steps", 7))
    assert game.num_actions == (2, 3)
    with pytest.raises(ValueError, match="environment: it has no possible_agents; those that come and go cannot be p"):
        from_pettingzoo("pettingzoo.test.example_envs.generated_agents_parallel_v0")
    with pytest.raises(ValueError, match=r"environment: 'pettingzoo.nothing' cannot be made: No module named"):
        from_pettingzoo("pettingzoo.nothing")
    with pytest.raises(ValueError, match=r"environment: .*Walkers.* cannot be made: .*argument 'size'"):
        from_pettingzoo(Walkers, size=3)
    with pytest.raises(ValueError, match=r"environment: .* is not allowed; it must be the name of a module"):
        from_pettingzoo(Walkers())
    for wrong in (0, True):
        with pytest.raises(ValueError, match=r"max_environments: .* is not allowed; it must be a whole number"):
            from_pettingzoo(Walkers, max_environments=wrong)


def failing(reason):
    raise reason


@pytest.mark.parametrize("kind", [AssertionError, ValueError, KeyError])
def test_what_factories_raise_is_told_in_one_line(kind):
    with pytest.raises(ValueError, match=rf"environment: .* cannot be made: {kind.__name__}$"):
        from_pettingzoo(failing, reason=kind())
    with pytest.raises(ValueError, match=r"environment: .* cannot be made: .?few") as told:
        from_pettingzoo(failing, reason=kind("few"))
    assert "\n" not in str(told.value)


class Listed(Walkers):
    def __init__(self, numbers, more):
        assert (numbers, more) == ([4], {"a": [1]})
        super().__init__()


def test_settings_may_be_lists():
    assert from_pettingzoo(Listed, numbers=[4], more={"a": [1]}).num_actions == (2, 3)


def test_fewer_environments_than_a_run_plays_at_once_are_told_of():
    def study(limit, **changes):
        game = f"pettingzoo:tests.games.parallel_environments(max_environments={limit})"
        small: dict[str, Any] = {"batch_size": 8, "games_at_once": 4, "evaluation_games": 6, "seeds": 3}
        settings = FirstOrderShaping(game=game, self_play=False, **(small | changes))
        return FirstOrderShapingStudy(settings)

    study(18).validate()
    with pytest.raises(ValueError, match=r"max_environments: 17 is not allowed; it must be at least 18: seeds"):
        study(17).validate()
    with pytest.raises(ValueError, match="max_environments: 23 is not allowed; it must be at least 24"):
        study(23, games_at_once=8).validate()


class Pushers(Walkers):
    def action_space(self, agent):
        return gymnasium.spaces.Box(-1, 1, (1,))


class Switches(Walkers):
    def action_space(self, agent):
        return gymnasium.spaces.MultiBinary(3)


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(ValueError, match="environment: actions of agent 'slow' are a Box; they must be discrete"):
        from_pettingzoo(Pushers)
    with pytest.raises(ValueError, match="environment: actions of agent 'slow' are a MultiBinary; they must be discr"):
        from_pettingzoo(Switches)


# The other way


GAMES = {
    "matrix": lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"]),
    "one-coin": lx.OneCoinGame(),
    "two-coin": lx.TwoCoinGame(),
}


@pytest.mark.parametrize("name", GAMES)
def test_games_are_parallel_environments(name, capsys):
    environment = lx.to_pettingzoo(GAMES[name], horizon=10)
    assert isinstance(environment, ParallelEnv)
    parallel_api_test(environment, num_cycles=60)
    assert "Passed Parallel API test" in capsys.readouterr().out


def test_a_parallel_environment_is_the_game_stepped_by_hand():
    game, horizon = lx.TwoCoinGame(), 5
    environment = lx.to_pettingzoo(game, horizon=horizon)
    seen, _ = environment.reset(seed=3)
    key, reset_key = jax.random.split(jax.random.key(3))
    state = game.reset(reset_key)
    generator, episodes = np.random.default_rng(0), []
    for step in range(horizon):
        for player, agent in enumerate(environment.possible_agents):
            np.testing.assert_array_equal(seen[agent], game.observe(state, player))
        actions = generator.integers(0, 5, 2)
        seen, rewards, ended, cut, _ = environment.step(dict(zip(environment.agents, actions, strict=True)))
        key, step_key = jax.random.split(key)
        state, expected = game.step(step_key, state, jnp.array(actions))
        np.testing.assert_array_equal(list(rewards.values()), expected)
        assert not any(ended.values())
        assert all(own == (step == horizon - 1) for own in cut.values())
        episodes.append(seen)
    assert environment.agents == []
    with pytest.raises(ValueError, match="step: 'before reset, or after the end' is not allowed; it must be of a game"):
        environment.step({"player_0": 0, "player_1": 0})
    # Of one seed the same, and then others.
    again, _ = environment.reset(seed=3)
    later, _ = environment.reset()
    assert environment.agents == ["player_0", "player_1"]
    assert not np.array_equal(again["player_0"], later["player_0"])
    with pytest.raises(ValueError, match="step: 'before reset, or after the end' is not allowed; it must be of a game"):
        lx.to_pettingzoo(game, horizon=3).step({"player_0": 0, "player_1": 0})
    for wrong in (0, True):
        with pytest.raises(ValueError, match=r"horizon: .* is not allowed; it must be a whole number, at least 1"):
            lx.to_pettingzoo(game, horizon=wrong)


@pytest.mark.parametrize("call", ["from_pettingzoo('x.y')", "to_pettingzoo(lx.OneCoinGame(), horizon=3)"])
def test_a_missing_extra_is_told(call):
    program = f"import sys; sys.modules['pettingzoo'] = None; import lookax as lx; lx.{call}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(f"pettingzoo is not installed; {how_to_install('pettingzoo')}")
