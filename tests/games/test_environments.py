"""Games that one agent plays, in batches: Atari against the emulator's own count, MinAtar step by step."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.atari import Atari
from lookax.games.environment import Environment
from lookax.games.minatar import GAMES, MinAtar

KEY = jax.random.key(3)


@pytest.fixture(autouse=True)
def _single_precision():
    with jax.enable_x64(False):
        yield


def played(environment, actions, key=KEY, reset_key=KEY):
    """All steps of given actions `[T, B]`, stacked, and the last state."""

    def step(state, actions_and_key):
        return environment.step(actions_and_key[1], state, actions_and_key[0])

    def run(actions):
        state, first = environment.reset(reset_key, actions.shape[1])
        state, steps = jax.lax.scan(step, state, (actions, jax.random.split(key, len(actions))))
        return state, first, steps

    return jax.jit(run)(actions)


@pytest.mark.parametrize("environment", [Atari("pong"), MinAtar("breakout")], ids=["atari", "minatar"])
def test_they_are_environments_of_shapes_that_they_tell(environment):
    assert isinstance(environment, Environment)
    actions = jnp.arange(12).reshape(4, 3) % environment.num_actions
    _, first, steps = played(environment, actions)
    assert first.shape == (3, *environment.frame)
    assert steps.observations.shape == (4, 3, *environment.frame)
    assert steps.rewards.shape == steps.going_on.shape == steps.played.shape == steps.ended.shape == (4, 3)


def test_atari_is_what_the_emulator_gives():
    # Breakout and doing nothing but fire: five lives are lost one by one, and games end.
    games = Atari("breakout")
    actions = jnp.ones((260, 3), int)
    _, first, steps = played(games, actions)
    seed = int(jax.random.randint(KEY, (), 0, 2**30))
    emulators = games.emulators(3)
    frames, info = emulators.reset(seed=int(np.random.SeedSequence((seed, 0)).generate_state(1)[0]) % 2**30)
    np.testing.assert_array_equal(first, np.moveaxis(frames, 1, -1))
    returns, ages, finished = np.zeros(3), info["episode_frame_number"], 0
    for t in range(len(actions)):
        frames, rewards, terminated, truncated, info = emulators.step(np.ones(3, np.int64))
        begins = info["episode_frame_number"] < ages
        ages = info["episode_frame_number"]
        over = (terminated & (info["lives"] == 0)) | truncated
        returns = np.where(begins, 0, returns) + rewards
        finished += begins.sum()
        np.testing.assert_array_equal(steps.observations[t], np.moveaxis(frames, 1, -1))
        np.testing.assert_array_equal(steps.rewards[t], np.clip(rewards, -1, 1))
        np.testing.assert_array_equal(steps.played[t], ~begins)
        np.testing.assert_array_equal(steps.going_on[t], ~begins & ~terminated & ~truncated)
        np.testing.assert_array_equal(steps.ended[t], over)
        np.testing.assert_array_equal(steps.returns[t], np.where(over, returns, 0))
    # Lives are lost five times as often as games end, and whoever ends begins again.
    ends = int(steps.ended.sum())
    assert finished <= ends <= finished + 3
    assert finished >= 3
    assert int((steps.played & ~steps.going_on).sum()) > 4 * finished


def test_atari_goes_on_with_new_emulators_where_there_are_none():
    games = Atari("pong")
    state, _ = games.reset(KEY, 2)
    state, _ = games.step(KEY, state, jnp.zeros(2, int))
    [ahead, step], [again, _] = (games.step(KEY, state, jnp.ones(2, int)) for _ in range(2))
    assert bool(step.played.all())
    # The second time, the emulators had gone on: others begin, and the step is spent on that.
    assert int(ahead.count) == int(again.count) == 2
    again, step = games.step(KEY, state, jnp.ones(2, int))
    assert not bool(step.played.any())
    assert not bool(step.going_on.any())
    np.testing.assert_array_equal(again.returns, 0)
    _, step = games.step(KEY, again, jnp.ones(2, int))
    assert bool(step.played.all())


def test_atari_in_lanes_is_each_game_alone():
    games = Atari("pong")
    keys = jax.random.split(KEY, 2)
    actions = jnp.tile(jnp.array([[2], [3], [2]]), (1, 2))
    together = jax.jit(jax.vmap(lambda key: played(games, actions, reset_key=key)[2].observations))(keys)
    alone = [played(games, actions, reset_key=key)[2].observations for key in keys]
    np.testing.assert_array_equal(together, np.stack(alone))
    assert (np.asarray(alone[0]) != np.asarray(alone[1])).any()


def test_long_atari_games_are_cut_and_that_ends_them():
    _, _, steps = played(Atari("pong", max_frames=400), jnp.zeros((105, 2), int))
    assert (np.asarray(steps.ended).sum(axis=0) == 1).all()
    [end] = np.flatnonzero(steps.ended[:, 0])
    assert not bool(steps.going_on[end, 0])
    assert [bool(played) for played in steps.played[end : end + 3, 0]] == [True, False, True]


def test_minatar_returns_are_sums_of_rewards_of_an_episode():
    _, _, steps = played(MinAtar("breakout"), jax.random.randint(KEY, (120, 4), 0, 3))
    assert int(steps.ended.sum()) > 4
    assert float(steps.rewards.sum()) > 0
    for player in range(4):
        total = 0.0
        for t in range(120):
            total += float(steps.rewards[t, player])
            assert bool(steps.going_on[t, player]) != bool(steps.ended[t, player])
            if steps.ended[t, player]:
                assert float(steps.returns[t, player]) == total
                total = 0.0


@pytest.mark.parametrize("game", GAMES)
def test_every_minatar_game_can_be_played(game):
    environment = MinAtar(game)
    _, first, steps = played(environment, jnp.zeros((2, 2), int))
    assert first.shape[1:3] == (10, 10)
    assert np.isfinite(steps.rewards).all()


def test_unknown_games_are_told_with_near_names():
    with pytest.raises(ValueError, match="game: 'pongg' is not known; did you mean pong"):
        Atari("pongg")
    with pytest.raises(ValueError, match=r"game: 'pong' is not known; .*there are asterix, breakout"):
        MinAtar("pong")


@pytest.mark.parametrize(
    ("module", "game", "extra"),
    [("ale_py", "Atari", "atari"), ("gymnasium", "Atari", "atari"), ("gymnax", "MinAtar", "minatar")],
)
def test_a_missing_extra_is_told(module, game, extra):
    told = f"import sys; sys.modules['{module}'] = None; from lookax.games.{extra} import {game}; {game}('breakout')"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert f"pip install 'lookax[{extra}]'" in done.stderr.splitlines()[-1]
