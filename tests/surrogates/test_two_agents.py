"""Surrogates of two agents in the iterated prisoner's dilemma, over all sequences of joint actions."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.policies.factory import PolicyMaker
from lookax.policies.tabular import TabularPolicy
from lookax.surrogates.advantages import generalised_advantages
from lookax.surrogates.dice import dice, dice_with_baseline, loaded_dice
from lookax.surrogates.off_policy import off_policy_dice, self_normalised_dice
from tests.surrogates.enumeration import derivatives, value_and_derivatives

HORIZON = 3
DISCOUNT = 0.96
TOLERANCE = 1e-10


@functools.cache
def play(horizon=HORIZON):
    maker = PolicyMaker(MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"]), "tabular")
    return ExactPlay(maker.game, maker.observations(), DISCOUNT, horizon)


def policies(both):
    """Of one vector with the logits of player 1, then player 2."""
    return tuple(TabularPolicy(own) for own in both.reshape(2, 5, 1))


def all_sequences(game, horizon=HORIZON):
    """Joint actions [n, T] and the states in which they are taken [n, T]."""
    joint = np.array(list(itertools.product(range(4), repeat=horizon)))
    successors = np.asarray(game.histories.successors)
    states = np.full(joint.shape, game.histories.start)
    for t in range(1, horizon):
        states[:, t] = successors[states[:, t - 1], joint[:, t - 1]]
    return states, joint


def joint_log_probs(exact_play, both):
    """Of joint actions: the sum over the two players, [S, J]."""
    return exact_play.game.joint_log_probs(
        [exact_play.log_probs_in_game_order(i, p) for i, p in enumerate(policies(both))]
    )


BOTH = np.random.default_rng(5).normal(size=10)
VALUES = np.random.default_rng(2).normal(size=5)


@functools.cache
def exact_derivatives(horizon, orders):
    """Of both players' returns, of orders 0 to `orders`, by one program."""

    def returns(both):
        return play(horizon).values(policies(both))

    nested = [returns, jax.jacrev(returns)]
    for _ in range(orders - 1):
        nested.append(jax.jacfwd(nested[-1]))
    return [np.asarray(each) for each in jax.jit(lambda both: [own(both) for own in nested])(BOTH)]


@pytest.mark.parametrize("player", [0, 1])
@pytest.mark.parametrize("name", ["DiCE", "DiCE with baseline", "Loaded DiCE"])
def test_expected_derivatives_in_both_players_parameters_are_exact(name, player):
    exact_play = play()
    game = exact_play.game
    states, joint = all_sequences(game)
    rewards = np.asarray(game.payoffs)[player].reshape(-1)[joint]
    both, values = jnp.asarray(BOTH), jnp.asarray(VALUES)

    def log_probs(both):
        return joint_log_probs(exact_play, both)

    weights = np.exp(np.asarray(jax.jit(log_probs)(both))[states, joint].sum(axis=1))
    np.testing.assert_allclose(weights.sum(), 1, atol=1e-12)

    def expected(both):
        def surrogate(states, joint, rewards):
            logs, along = log_probs(both)[states, joint], values[states]
            if name == "DiCE":
                return dice(logs, rewards, DISCOUNT)
            if name == "DiCE with baseline":
                return dice_with_baseline(logs, rewards, along, DISCOUNT)
            advantages = generalised_advantages(rewards, jnp.append(along, 0.0), DISCOUNT)
            return loaded_dice(logs, advantages, DISCOUNT)

        return weights @ jax.vmap(surrogate)(states, joint, rewards)

    exact = [each[player] for each in exact_derivatives(HORIZON, 3)[1:]]
    ours = derivatives(expected, both, 3)
    for mine, theirs in zip(ours, exact, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=TOLERANCE)
    mixed = exact[1][:5, 5:]
    assert np.abs(mixed).max() > 1e-2  # what opponent shaping lives on


def test_off_policy_dice_with_a_baseline_is_right_whoever_played():
    exact_play = play(horizon=2)
    states, joint = all_sequences(exact_play.game, 2)
    rewards = np.asarray(exact_play.game.payoffs)[0].reshape(-1)[joint]
    values = VALUES[states]
    both, others = jnp.asarray(BOTH), jnp.asarray(np.random.default_rng(6).normal(size=10))
    behaviour = np.asarray(jax.jit(lambda others: joint_log_probs(exact_play, others))(others))[states, joint]
    chances = np.exp(behaviour.sum(axis=1))

    def expected(both):
        def surrogate(states, joint, behaviour, rewards, values):
            logs = joint_log_probs(exact_play, both)[states, joint]
            logs, behaviour, rewards, values = (array[:, None] for array in (logs, behaviour, rewards, values))
            return off_policy_dice(logs, behaviour, rewards, values, DISCOUNT)

        return chances @ jax.vmap(surrogate)(states, joint, behaviour, rewards, values)

    exact = [each[0] for each in exact_derivatives(2, 2)]
    for mine, theirs in zip(value_and_derivatives(expected, both, 2), exact, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=TOLERANCE)


def test_self_normalised_dice_is_short_by_one_game_of_the_batch_and_by_no_more():
    # Over all batches of two games of two steps: the gradient's expectation is 1 − 1/2 of the exact one.
    exact_play = play(horizon=2)
    states, joint = all_sequences(exact_play.game, 2)
    rewards = np.asarray(exact_play.game.payoffs)[1].reshape(-1)[joint]
    both = jnp.asarray(BOTH)
    pairs = np.array(list(itertools.product(range(len(joint)), repeat=2)))

    def expected(both):
        chances = jnp.exp(joint_log_probs(exact_play, both)[states, joint].sum(axis=1))

        def surrogate(pair):
            logs = joint_log_probs(exact_play, both)[states[pair], joint[pair]].T
            return self_normalised_dice(logs, rewards[pair].T, DISCOUNT)

        each = jax.vmap(surrogate)(jnp.asarray(pairs))
        return jax.lax.stop_gradient(chances)[pairs].prod(axis=1) @ each

    states, joint, rewards = map(jnp.asarray, (states, joint, rewards))
    value, slope = jax.jit(jax.value_and_grad(expected))(both)
    exact = [each[1] for each in exact_derivatives(2, 2)]
    np.testing.assert_allclose(slope, exact[1] / 2, atol=TOLERANCE)
    np.testing.assert_allclose(value, exact[0], atol=TOLERANCE)
