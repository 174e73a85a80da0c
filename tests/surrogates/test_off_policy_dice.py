"""Off-policy DiCE over batches, by hand and over all games that two players can play."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.surrogates.dice import dice_with_baseline
from lookax.surrogates.off_policy import effective_sample_size, importance_sampling, off_policy_dice
from tests.surrogates.enumeration import derivatives

DISCOUNT = 0.9
HORIZON, GAMES = 4, 6


@pytest.fixture
def batch():
    keys = jax.random.split(jax.random.key(0), 4)
    return [jax.random.normal(key, (HORIZON, GAMES)) for key in keys]


def test_one_game_of_two_steps_by_hand():
    # Ratios 2 and 1/4: weights 2 and 1/2. Rewards 3 and 5, values 1 and −1, γ = 0.9.
    log_ratios = jnp.log(jnp.array([[2.0], [0.25]]))
    rewards, values = jnp.array([[3.0], [5.0]]), jnp.array([[1.0], [-1.0]])
    result = off_policy_dice(log_ratios, jnp.zeros((2, 1)), rewards, values, DISCOUNT)
    np.testing.assert_allclose(result, 2 * 3 + 0.9 * 0.5 * 5 + 1 * (1 - 2) + 0.9 * -1 * (1 - 0.25))


def test_two_games_self_normalised_by_hand():
    # Weights 1 and 3 at the first step, 1 and 6 at the second: normalised 1/2, 3/2 and 2/7, 12/7.
    log_ratios = jnp.log(jnp.array([[1.0, 3.0], [1.0, 2.0]]))
    rewards = jnp.array([[10.0, 20.0], [30.0, 40.0]])
    zeros = jnp.zeros((2, 2))
    result = off_policy_dice(log_ratios, zeros, rewards, zeros, DISCOUNT, self_normalised=True)
    np.testing.assert_allclose(result, (10 / 2 + 20 * 3 / 2) / 2 + 0.9 * (30 * 2 / 7 + 40 * 12 / 7) / 2)


def test_a_ceiling_by_hand():
    # Weights 1/2 and 8, cut at 2: the second counts a quarter, and so does its derivative.
    rewards = jnp.array([[10.0, 20.0]])

    def surrogate(log_ratios):
        return off_policy_dice(log_ratios[None], jnp.zeros((1, 2)), rewards, jnp.zeros((1, 2)), DISCOUNT, ceiling=2.0)

    log_ratios = jnp.log(jnp.array([0.5, 8.0]))
    np.testing.assert_allclose(surrogate(log_ratios), (0.5 * 10 + 2 * 20) / 2)
    np.testing.assert_allclose(jax.grad(surrogate)(log_ratios), [0.5 * 10 / 2, 2 * 20 / 2])


def test_on_policy_it_is_dice_with_its_baseline(batch):
    log_probs, rewards, values, _ = batch
    off = lambda logs: off_policy_dice(logs, jax.lax.stop_gradient(logs), rewards, values, DISCOUNT)
    on = lambda logs: jax.vmap(dice_with_baseline, (1, 1, 1, None))(logs, rewards, values, DISCOUNT).mean()
    for mine, dice in zip(derivatives(off, log_probs, 2), derivatives(on, log_probs, 2), strict=True):
        np.testing.assert_allclose(mine, dice, atol=1e-13)
    np.testing.assert_allclose(off(log_probs), on(log_probs), atol=1e-13)


def test_on_policy_a_ceiling_of_one_changes_nothing(batch):
    log_probs, rewards, values, _ = batch
    surrogate = lambda logs, ceiling: off_policy_dice(
        logs, jax.lax.stop_gradient(logs), rewards, values, DISCOUNT, ceiling=ceiling
    )
    np.testing.assert_array_equal(jax.grad(surrogate)(log_probs, 1.0), jax.grad(surrogate)(log_probs, jnp.inf))


def test_without_values_it_is_the_mean_of_importance_sampling_per_step(batch):
    log_probs, rewards, values, behaviour = batch
    each = jax.vmap(importance_sampling, (1, 1, 1, None))(log_probs, behaviour, rewards, DISCOUNT)
    result = off_policy_dice(log_probs, behaviour, rewards, jnp.zeros_like(values), DISCOUNT)
    np.testing.assert_allclose(result, each.mean(), rtol=1e-12)


def test_huge_weights_under_a_ceiling_stay_finite():
    log_ratios = jnp.full((3, 2), 400.0)
    zeros = jnp.zeros((3, 2))
    rewards = jnp.ones((3, 2))
    surrogate = lambda logs: off_policy_dice(logs, zeros, rewards, zeros, DISCOUNT, ceiling=5.0)
    np.testing.assert_allclose(surrogate(log_ratios), 5 * (1 + 0.9 + 0.81))
    assert np.isfinite(jax.grad(surrogate)(log_ratios)).all()


def test_effective_sample_size_by_hand():
    log_weights = jnp.log(jnp.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1e-30, 1e-30], [4.0, 1.0, 1.0, 1.0]]))
    log_ratios = jnp.diff(log_weights, axis=0, prepend=0)
    sizes = effective_sample_size(log_ratios, jnp.zeros_like(log_ratios))
    np.testing.assert_allclose(sizes, [4, 2, 7**2 / 19])


def test_effective_sample_size_of_a_single_surviving_game_is_one():
    log_ratios = jnp.array([[1000.0, 0.0, -1000.0]])
    np.testing.assert_allclose(effective_sample_size(log_ratios, jnp.zeros((1, 3))), [1.0])
