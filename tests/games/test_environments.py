"""Games that one agent plays, in batches: what all of them tell, and MinAtar against gymnax."""

import dataclasses
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.arcade.atari import Atari
from lookax.games.arcade.environment import Environment
from lookax.games.arcade.minatar import GAMES, MinAtar
from lookax.imports import how_to_install

gymnax = pytest.importorskip("gymnax")

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
    assert steps.rewards.shape == steps.continues.shape == steps.played.shape == steps.ended.shape == (4, 3)


def test_minatar_returns_are_sums_of_rewards_of_an_episode():
    _, _, steps = played(MinAtar("breakout"), jax.random.randint(KEY, (120, 4), 0, 3))
    assert int(steps.ended.sum()) > 4
    assert float(steps.rewards.sum()) > 0
    for player in range(4):
        total = 0.0
        for t in range(120):
            total += float(steps.rewards[t, player])
            assert bool(steps.continues[t, player]) != bool(steps.ended[t, player])
            if steps.ended[t, player]:
                assert float(steps.returns[t, player]) == total
                total = 0.0


LIMITS = {"asterix": 1000, "breakout": 1000, "freeway": 2500, "seaquest": 1000, "space-invaders": 1000}
"""How many steps a game of MinAtar lasts at most."""


@pytest.mark.parametrize("game", GAMES)
def test_minatar_is_what_gymnax_gives_and_a_cut_is_seen(game):
    environment = MinAtar(game)
    own, rules = gymnax.make(GAMES[game])
    assert rules.max_steps_in_episode == LIMITS[game]
    # Of two games the second is three steps before its limit; nobody dies in the first three.
    actions = jnp.zeros((6, 2), int)

    def both(key):
        state, _ = environment.reset(key, 2)
        time = state.game.time.at[1].set(LIMITS[game] - 3)
        state = dataclasses.replace(state, game=state.game.replace(time=time))

        def step(carried, both):
            state, theirs = carried
            key, actions = both
            state, told = environment.step(key, state, actions)
            _, theirs, rewards, over, cut, info = jax.vmap(own.step, (0, 0, 0, None))(
                jax.random.split(key, 2), theirs, actions, rules
            )
            return (state, theirs), (told, rewards, over, cut, info["final_observation"])

        return jax.lax.scan(step, (state, state.game), (jax.random.split(key, 6), actions))[1]

    quickly = {"xla_backend_optimization_level": 0}
    told, rewards, over, cut, seen = jax.tree.map(np.asarray, jax.jit(both, compiler_options=quickly)(KEY))
    # gymnax resets within the step of a cut, here the next one is spent on that.
    np.testing.assert_array_equal(cut[:3] & ~over[:3], [[False, False], [False, False], [False, True]])
    np.testing.assert_array_equal(told.observations[:3], seen[:3])
    np.testing.assert_array_equal(told.rewards[:3], rewards[:3])
    np.testing.assert_array_equal(told.ended[:, 1], [False, False, True, False, False, False])
    np.testing.assert_array_equal(told.played[:, 1], [True, True, True, False, True, True])
    np.testing.assert_array_equal(told.continues[:, 1], told.played[:, 1])
    assert told.returns[2, 1] == rewards[:3, 1].sum()
    assert told.rewards[3, 1] == 0
    assert told.played[:, 0].all()


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
    missing = f"import sys; sys.modules['{module}'] = None"
    told = f"{missing}; from lookax.games.arcade.{extra} import {game}; {game}('breakout')"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert how_to_install(extra) in done.stderr.splitlines()[-1]
