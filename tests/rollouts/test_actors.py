"""Games of players with hidden states: how they are drawn, and how they are differentiated afterwards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.policies.actor import OneByOne, TremblingActor, actors_of
from lookax.policies.strategies import strategy
from lookax.rollouts.games import actor_rollout, observed_by, replayed
from tests.networks import drawn_network

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
COINS = OneCoinGame()
KEY = jax.random.key(5)


def two_networks(game):
    size = jax.eval_shape(lambda: game.observe(game.reset(KEY), 0)).shape[0]
    # Far from the start of learning, where all is nearly linear and every action about as likely.
    return tuple(drawn_network(seed, size, game.num_actions[0], scale=0.6) for seed in (0, 1))


def rollout(game, players, *, key=KEY, horizon=4, batch_size=5, tremble=None):
    def play(players, key):
        actors = actors_of(game, players)
        if tremble is not None:
            actors = tuple(TremblingActor(actor, tremble) for actor in actors)
        return actor_rollout(game, actors, key, horizon=horizon, batch_size=batch_size)

    return jax.jit(play)(players, key)


def test_actions_are_drawn_with_the_actors_probabilities():
    # Of two networks that remember, in all 16 sequences of two joint actions: χ² of 15 degrees of freedom exceeds 44.3
    # once in 10 000 seeds.
    number, players = 20_000, two_networks(GAME)
    games = rollout(GAME, players, horizon=2, batch_size=number)

    @jax.jit
    def log_chances(games):
        log_probs = [jax.nn.log_softmax(own, axis=1)[:-1] for own in games.outputs]
        return sum(
            jnp.take_along_axis(own, games.actions[:, i, None], axis=1)[:, 0].sum(axis=0)
            for i, own in enumerate(log_probs)
        )

    taken = np.asarray(log_chances(games))
    sequences = np.asarray(games.actions).reshape(4, -1).T @ np.array([8, 4, 2, 1])
    chances = np.zeros(16)
    chances[sequences] = np.exp(taken)
    np.testing.assert_allclose(chances.sum(), 1, atol=1e-12)  # All of them occur, and their chances are all there is.
    counts = np.bincount(sequences, minlength=16)
    assert ((counts - number * chances) ** 2 / (number * chances)).sum() < 44.3
    assert chances.max() > 3 * chances.min()


@pytest.mark.parametrize("game", [GAME, COINS, TwoCoinGame()], ids=["dilemma", "one coin", "two coins"])
def test_what_is_recorded_belongs_together(game):
    players = two_networks(game)
    games = rollout(game, players)
    assert games.actions.shape == games.rewards.shape == (4, 2, 5)
    assert {leaf.shape[0] for leaf in jax.tree.leaves(games.states)} == {5}
    assert {leaf.shape[-1] for leaf in jax.tree.leaves(games.states)} == {5}
    assert [own.shape for own in games.hidden_states] == [(5, 3, 5)] * 2
    np.testing.assert_allclose(games.weights, 1 / 5)
    # What somebody who looks on remembers is what the players did.
    for actor, *own in zip(actors_of(game, players), games.hidden_states, games.outputs, strict=True):
        for seen, recorded in zip(jax.jit(observed_by)(actor, games), own, strict=True):
            np.testing.assert_allclose(seen, recorded, rtol=1e-12, atol=1e-14)
    # States and rewards are the game's, but for what it draws.
    step = jax.jit(jax.vmap(jax.vmap(game.step, (None, -1, -1), -1), (None, 0, 0)))
    before, after = (
        jax.tree.map(lambda leaf, part=part: leaf[part], games.states) for part in (slice(-1), slice(1, 5))
    )
    states, rewards = step(KEY, before, games.actions)
    np.testing.assert_allclose(rewards, games.rewards)
    players_after = (states, after) if game is GAME else (states.players, after.players)
    np.testing.assert_array_equal(*players_after)


def test_a_key_is_a_batch_of_games_and_another_key_another():
    players = two_networks(COINS)
    play = jax.jit(lambda key: actor_rollout(COINS, actors_of(COINS, players), key, horizon=4, batch_size=5))
    one, again, other = (play(jax.random.key(seed)) for seed in (0, 0, 1))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.actions != other.actions).any()
    assert (one.states.players[0] != other.states.players[0]).any()
    # Games of a batch differ, too.
    assert len(np.unique(np.asarray(one.actions).reshape(-1, 5), axis=1).T) == 5


@pytest.mark.parametrize("tit_for_tat", [0, 1])
def test_strategies_play_by_hand_in_both_seats(tit_for_tat):
    names = ["always-defect"] * 2
    names[tit_for_tat] = "tit-for-tat"
    games = rollout(GAME, [strategy(name, GAME, i) for i, name in enumerate(names)], batch_size=2)
    expected = np.zeros((4, 2, 2))
    expected[0, tit_for_tat] = 1
    np.testing.assert_array_equal(games.actions, expected)
    # Temptation 0, punishment −2, sucker's −3: once exploited, then mutual defection.
    np.testing.assert_array_equal(games.rewards[:, tit_for_tat, 0], [-3, -2, -2, -2])
    np.testing.assert_array_equal(games.rewards[:, 1 - tit_for_tat, 0], [0, -2, -2, -2])
    first = 1 if tit_for_tat else 2
    np.testing.assert_array_equal(games.states[:, 0], [4, first, 0, 0, 0])


def test_hands_tremble_as_often_as_they_are_said_to():
    # Of 20 000 actions of each a share ε/2 = 0.15 cooperates; four standard errors are 4 √(0.15 · 0.85/20 000).
    defectors = [strategy("always-defect", GAME, i) for i in range(2)]
    games = rollout(GAME, defectors, batch_size=5000, tremble=0.3)
    np.testing.assert_allclose(games.actions.mean(axis=(0, 2)), 0.15, atol=0.0101)


def test_trembling_by_hand():
    actor = actors_of(COINS, two_networks(COINS))[0]
    memory = np.random.default_rng(5).normal(size=(3, 5))

    @jax.jit
    def both(memory):
        return jax.nn.softmax(actor.act(memory), axis=0), jnp.exp(TremblingActor(actor, 0.2).act(memory))

    steady, trembling = map(np.asarray, both(memory))
    np.testing.assert_allclose(trembling, 0.8 * steady + 0.05, rtol=1e-12)
    # Certain actions, too, with derivatives that are finite.
    fixed = OneByOne(strategy("always-cooperate", GAME, 0))

    @jax.jit
    def certain(seen):
        return jnp.exp(TremblingActor(fixed, 0.2).act(fixed.update_hidden_state(fixed.initial_hidden_state(2), seen)))

    trembling = certain(rollout_seen(2))
    np.testing.assert_allclose(trembling, [[0.1, 0.1], [0.9, 0.9]], rtol=1e-12)


def rollout_seen(batch_size):
    games = rollout(GAME, [strategy("random", GAME, i) for i in range(2)], batch_size=batch_size)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[0], games.seen)


def put_out(actor, games, again):
    """What the first player puts out: once more, or in a pass of its own."""
    if again:
        return replayed(actor, games.seen, games.hidden_states[0], games.outputs[0])
    return observed_by(actor, games)[1]


@pytest.mark.parametrize("game", [pytest.param(GAME, marks=pytest.mark.slow), COINS], ids=["dilemma", "one coin"])
def test_derivatives_of_replayed_games_are_those_of_watched_ones(game):
    games, mine = rollout(game, two_networks(game)), two_networks(game)[0]
    flat, unravel = ravel_pytree(mine)
    drawn = np.random.default_rng(5)
    direction, weights = (jnp.asarray(drawn.normal(size=own.shape)) for own in (flat, games.weights))

    def objective(flat, again):
        actor = unravel(flat).actor(game, 0)
        return jnp.sin(put_out(actor, games, again)).sum(axis=(0, 1)) @ weights

    def derivatives(flat, again):
        slope = jax.grad(objective)
        forward = jax.jvp(lambda flat: slope(flat, again), (flat,), (direction,))[1]
        backward = jax.grad(lambda flat: slope(flat, again) @ direction)(flat)
        return objective(flat, again), slope(flat, again), forward, backward

    ours, plain = (jax.jit(derivatives, static_argnums=1)(flat, again) for again in (True, False))
    for own, expected in zip(ours, plain, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ours[2], ours[3], rtol=1e-9, atol=1e-10)
    assert np.abs(ours[2]).max() > 0.01


@pytest.mark.slow
def test_third_derivatives_of_replayed_games_are_right_too():
    games, mine = rollout(GAME, two_networks(GAME), horizon=2), two_networks(GAME)[0]

    def along(scale, again):
        moved = jax.tree.map(lambda leaf: leaf * (1 + scale), mine)
        return jnp.sum(put_out(moved.actor(GAME, 0), games, again) ** 2)

    third = jax.jit(jax.grad(jax.grad(jax.grad(along))), static_argnums=1)
    np.testing.assert_allclose(third(0.0, True), third(0.0, False), rtol=1e-9)


def test_what_a_fixed_strategy_remembers_has_no_derivatives_and_is_what_it_is_said_to_be():
    players = (two_networks(GAME)[0], strategy("tit-for-tat", GAME, 1))
    games, actor = rollout(GAME, players), actors_of(GAME, players)[1]
    for given in (games.outputs[1], jnp.zeros_like(games.outputs[1])):
        again = jax.jit(replayed)(actor, games.seen, games.hidden_states[1], given)
        np.testing.assert_array_equal(again, given)


def test_what_is_passed_is_constant():
    games, mine = rollout(GAME, two_networks(GAME)), two_networks(GAME)[0]
    actor = mine.actor(GAME, 0)

    def objective(hidden_states, outputs):
        return jnp.sum(replayed(actor, games.seen, hidden_states, outputs) ** 2)

    for slope in jax.jit(jax.grad(objective, argnums=(0, 1)))(games.hidden_states[0], games.outputs[0]):
        np.testing.assert_array_equal(slope, 0)
