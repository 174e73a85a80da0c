"""Baselines from the games themselves, against loops, least squares of NumPy, and all pairs of short games."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from lookax.surrogates.advantages import discounted_returns, generalised_advantages
from lookax.surrogates.baselines import RIDGE, linear_baseline, other_games_mean
from lookax.surrogates.dice import loaded_dice

DISCOUNT = 0.9
ENDS = (0, 5, 7)
RETURNS = np.random.default_rng(3).normal(size=(4, 7)) + np.arange(7)
FEATURES = np.random.default_rng(4).normal(size=(4, 3, 7)) + 2


def kinds():
    return [slice(start, end) for start, end in itertools.pairwise(ENDS)]


def test_a_games_baseline_is_the_mean_of_the_others_of_its_kind():
    ours = other_games_mean(jnp.asarray(RETURNS), ENDS)
    expected = np.empty_like(RETURNS)
    for kind in kinds():
        games = range(7)[kind]
        for game in games:
            expected[:, game] = np.mean([RETURNS[:, other] for other in games if other != game], axis=0)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_the_mean_of_no_other_game_is_zero():
    np.testing.assert_array_equal(other_games_mean(jnp.asarray(RETURNS), (0, 6, 7))[:, 6], 0)


def test_linear_baselines_are_those_of_least_squares():
    check_least_squares(FEATURES)


def test_a_feature_that_is_the_same_in_all_games_changes_nothing():
    # Correlated features, for which one step of conjugate gradients is far from enough.
    mixed = np.einsum("tfb,gf->tgb", FEATURES, [[1, 0.9, 0.9], [0.9, 1, 0.9], [0.9, 0.9, 1]])
    check_least_squares(np.concatenate([mixed[:, :2], np.ones((4, 1, 7)), mixed[:, 2:]], axis=1))


def test_without_features_it_is_the_mean_of_other_games():
    ours = linear_baseline(jnp.zeros((4, 0, 7)), jnp.asarray(RETURNS), DISCOUNT, ENDS)
    np.testing.assert_array_equal(ours, other_games_mean(jnp.asarray(RETURNS), ENDS))


def check_least_squares(given):
    ours = linear_baseline(jnp.asarray(given), jnp.asarray(RETURNS), DISCOUNT, ENDS)
    number = given.shape[1]
    # Rows of an ordinary least-squares problem: every step of every game, and one row per feature for the ridge.
    features, returns = np.empty_like(given), np.empty_like(RETURNS)
    for kind in kinds():
        features[..., kind] = given[..., kind] - given[..., kind].mean(axis=-1, keepdims=True)
        returns[..., kind] = RETURNS[..., kind] - RETURNS[..., kind].mean(axis=-1, keepdims=True)
    weights = DISCOUNT ** np.arange(4)
    rows = (features * weights[:, None, None]).transpose(0, 2, 1).reshape(-1, number)
    rows = np.concatenate([rows, RIDGE**0.5 * np.eye(number)])
    aims = np.concatenate([(returns * weights[:, None]).reshape(-1), np.zeros(number)])
    solution = np.linalg.lstsq(rows, aims)[0]
    expected = np.asarray(other_games_mean(jnp.asarray(RETURNS), ENDS)) + np.einsum("tfb,f->tb", features, solution)
    # To 1e-3 of the right-hand side, whose largest component is below 20.
    np.testing.assert_allclose(ours, expected, atol=5e-3)


def test_with_the_mean_of_other_games_first_derivatives_are_exact_over_all_pairs_of_games():
    # Two steps, two actions, a policy with logits of its own at each history; every pair of games by its probability.
    theta = jnp.asarray(np.random.default_rng(5).normal(size=(3, 2)))
    games = np.array(list(itertools.product(range(2), repeat=2)))
    first, second = games[:, 0], games[:, 1]
    at_first, at_second = np.random.default_rng(6).normal(size=(2, 4))
    paid = jnp.asarray(np.stack([at_first[first], at_second[2 * first + second]], axis=1))

    def log_probs(theta):
        logs = jax.nn.log_softmax(theta, axis=1)
        return jnp.stack([logs[0, first], logs[1 + first, second]], axis=1)

    def expected(theta):
        return jnp.exp(log_probs(theta).sum(axis=1)) @ (paid @ jnp.array([1, DISCOUNT]))

    def of_pair(theta, pair):
        taken, rewards = log_probs(theta)[pair].T, paid[pair].T
        returns = jax.vmap(lambda own: discounted_returns(own, DISCOUNT), 1, 1)(rewards)
        values = jnp.concatenate([other_games_mean(returns, (0, 2)), jnp.zeros((1, 2))])

        def of_one(taken, rewards, values):
            return loaded_dice(taken, generalised_advantages(rewards, values, DISCOUNT), DISCOUNT)

        return jax.vmap(of_one, 1)(taken, rewards, values).mean()

    pairs = jnp.asarray(list(itertools.product(range(4), repeat=2)))
    chances = jnp.exp(log_probs(theta).sum(axis=1))
    gradients = jax.jit(jax.vmap(jax.grad(of_pair), (None, 0)))(theta, pairs)
    estimated = jnp.einsum("p,pij->ij", chances[pairs].prod(axis=1), gradients)
    np.testing.assert_allclose(estimated, jax.grad(expected)(theta), atol=1e-12)
