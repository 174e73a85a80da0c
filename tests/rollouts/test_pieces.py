"""Batches in pieces, and pieces on several devices."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.policies.actor import actors_of
from lookax.rollouts.games import actor_rollout, replayed
from lookax.rollouts.microbatches import FIT_A_CACHE, Play, in_microbatches, mean_over_games
from tests.networks import drawn_network

ROOT = Path(__file__).parents[2]
GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
KEY = jax.random.key(1)
HORIZON, BATCH = 4, 12


def networks():
    return drawn_network(0, 6, 2), drawn_network(1, 6, 2)


@functools.partial(jax.jit, static_argnums=2)
def rolled_out(players, key, batch_size):
    return actor_rollout(GAME, actors_of(GAME, players), key, horizon=HORIZON, batch_size=batch_size)


def cut(games, num_microbatches):
    """The same games in another number of pieces, as one device has them."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.stack(np.split(np.asarray(leaf), num_microbatches, axis=-1))[None]), games
    )


def objective(mine, pieces):
    def of_microbatch(mine, games):
        actor = mine.actor(GAME, 0)
        logits = replayed(actor, games.seen, games.hidden_states[0], games.outputs[0])
        log_probs = jax.nn.log_softmax(logits, axis=1)
        # Weights of a piece's games, which add up to 1 in each.
        return jnp.cos(3 * log_probs[:, 1]).sum(axis=0) @ (games.weights / games.weights.sum())

    return mean_over_games(of_microbatch, mine, pieces)


def test_derivatives_do_not_depend_on_the_pieces():
    players = networks()
    games = rolled_out(players, KEY, BATCH)
    direction = jax.tree.map(lambda leaf: jnp.asarray(np.ones(leaf.shape)), players[0])

    def derivatives(pieces):
        slope = jax.grad(lambda mine: objective(mine, pieces))
        return objective(players[0], pieces), *jax.jvp(slope, (players[0],), (direction,))

    expected = jax.jit(derivatives)(cut(games, 1))
    for own, whole in zip(jax.tree.leaves(jax.jit(derivatives)(cut(games, 3))), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(own, whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("at_once", [None, 1, 4, 12])
def test_play_is_a_batch_in_pieces(at_once):
    play, players = Play(game=GAME, horizon=HORIZON, batch_size=BATCH, at_once=at_once), networks()
    games = jax.jit(lambda key: play(actors_of(GAME, players), key))(KEY)
    size = at_once or 12
    assert games.actions.shape == (1, BATCH // size, HORIZON, 2, size)
    np.testing.assert_allclose(games.weights, 1 / size)
    # Each piece is a rollout of its own.
    for piece, key in enumerate(jax.random.split(KEY, BATCH // size)):
        own = rolled_out(players, key, size)
        np.testing.assert_array_equal(games.actions[0, piece], own.actions)
        if piece == 1:
            break


def test_pieces_are_as_large_as_fits_and_divides():
    batches = (1, 200, 256, 300, 500, 512, 1000, 2000, 4000, 4096)
    sizes = {batch: batch // Play(game=GAME, horizon=1, batch_size=batch).num_microbatches for batch in batches}
    fitting = {1: 1, 200: 200, 256: 256, 300: 150, 500: 250, 512: 256, 1000: 250, 2000: 250, 4000: 250, 4096: 256}
    assert sizes == fitting
    assert max(sizes.values()) <= FIT_A_CACHE


def test_a_batch_without_such_divisors_is_not_cut_into_pieces_of_a_few_games():
    # 257 and 2003 are prime numbers. 2 · 257 and 31 · 263 have divisors of few games (1, 2 and 1, 31), and larger ones
    # than fit; 32 · 263 has just enough.
    sizes = {
        batch: batch // Play(game=GAME, horizon=1, batch_size=batch).num_microbatches
        for batch in (257, 2003, 514, 8153, 8416)
    }
    assert sizes == {257: 257, 2003: 2003, 514: 257, 8153: 263, 8416: 32}


def test_nothing_but_params_is_differentiated():
    pieces = jnp.arange(6.0).reshape(1, 2, 3)
    by_both = jax.grad(lambda p, x: mean_over_games(lambda p, own: p * own.sum(), p, x), argnums=(0, 1))(2.0, pieces)
    np.testing.assert_allclose(by_both[0], 7.5)
    np.testing.assert_array_equal(by_both[1], 0)
    constant = jax.grad(lambda p: in_microbatches(lambda p, own: p * own, p, pieces).sum())(2.0)
    np.testing.assert_array_equal(constant, 0)


@pytest.mark.parametrize(
    ("horizon", "batch_size", "at_once", "complaint"),
    [
        (0, 4, None, "horizon: 0 is not allowed; it must be at least 1"),
        (3, 0, None, "batch_size: 0 is not allowed; it must be at least 1"),
        (3, 4, 0, "at_once: 0 is not allowed; it must be a divisor of the batch size, 4"),
        (3, 4, 3, "at_once: 3 is not allowed; it must be a divisor of the batch size, 4"),
        (3, 4, 8, "at_once: 8 is not allowed; it must be a divisor of the batch size, 4"),
        (3, 4, -2, "at_once: -2 is not allowed; it must be a divisor of the batch size, 4"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(horizon, batch_size, at_once, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        Play(game=GAME, horizon=horizon, batch_size=batch_size, at_once=at_once)


ON_DEVICES = """
import contextlib, json
import jax, optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.policies.recurrent import network
from lookax.rollouts.sharding import games_over
from lookax.rollouts.microbatches import Play

key = jax.random.key(0)
keys = jax.random.split(key, 4)
game = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
sgd = optax.sgd(0.1)
learner = POLADiCEUpdate(
    Play(game, 5, 32, 4), SampledObjectives(0.9), sgd, sgd, sgd, sgd, 2, inner_beta=0.5, outer_beta=0.5
)
agents = [
    Agent(network(keys[2 * i], 6, 2, hidden_size=4), network(keys[2 * i + 1], 6, 1, hidden_size=4)) for i in range(2)
]
told = {}
for number in (1, 4):
    sharding = NamedSharding(Mesh(jax.devices()[:number], ("games",)), PartitionSpec("games"))
    with games_over(sharding) as sizes:
        gradient = jax.jit(lambda *agents: learner.gradient(key, 0, *agents, agents[0].policy))
        slope, watched = gradient(*agents)
        actions = watched.games.actions
        shape = actions.reshape(-1, *actions.shape[2:])
    told[number] = {
        "slope": ravel_pytree(slope)[0].tolist(),
        "actions": shape.tolist(),
        "axes": actions.shape[:2],
        "devices": len(actions.sharding.device_set),
        "dealt": len(sizes) > 0,
    }
print(json.dumps(told))
"""


@pytest.mark.slow
def test_games_are_the_same_on_any_number_of_devices_and_gradients_within_rounding():
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "4", "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", ON_DEVICES]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for number in (1, 4):
        own = told[str(number)]
        assert own["axes"] == [number, 8 // number]
        assert own["devices"] == number
        assert own["dealt"] == (number > 1)
        # The outer games are of the opponent after its steps: were these not the same, some action would be another.
        np.testing.assert_array_equal(own["actions"], told["1"]["actions"])
        # Means over 32 games in another order; a few units in the last place of the largest entries.
        np.testing.assert_allclose(own["slope"], told["1"]["slope"], rtol=1e-4, atol=1e-6)
    assert np.abs(told["1"]["slope"]).max() > 0.1
