"""Off-policy DiCE over batches, by hand and over all games that two players can play."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.surrogates.dice import dice_with_baseline
from lookax.surrogates.off_policy import (
    capped_weights,
    doubly_robust,
    effective_sample_size,
    importance_sampling,
    off_policy_dice,
    v_trace,
)
from lookax.surrogates.returns import running_sums
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


# Logarithms of weights 50, 100 and 150, beside a game with weights of 1: float32 ends at 88, and so does e to the last.
HUGE = np.array([[50.0, 0.0], [50.0, 0.0], [50.0, 0.0]])
CAPPED = np.exp(np.array([50.0, 80.0, 80.0]))


@pytest.fixture
def float32():
    with jax.enable_x64(False):
        yield


def quick(function, *arguments):
    """Compiled without optimisation: it runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})(*arguments)


@pytest.mark.usefixtures("float32")
def test_weights_beyond_float32_are_capped():
    zeros, ones = jnp.zeros((3, 2)), jnp.ones((3, 2))
    zero, one = zeros[:, 0], ones[:, 0]

    def of_everything(log_ratios):
        own = log_ratios[:, 0]
        off_policy = lambda logs: off_policy_dice(logs, zeros, ones, zeros, DISCOUNT)
        per_step = lambda logs: importance_sampling(logs, zero, one, DISCOUNT)
        robust = lambda logs: doubly_robust(logs, zero, one, zero, zero, DISCOUNT)
        values_and_slopes = [
            jax.value_and_grad(surrogate)(logs)
            for surrogate, logs in ((off_policy, log_ratios), (per_step, own), (robust, own))
        ]
        return *values_and_slopes, importance_sampling(own, zero, one, DISCOUNT, "trajectory")

    (value, slope), per_step, robust, whole = quick(of_everything, jnp.asarray(HUGE, float))
    discounted = CAPPED * DISCOUNT ** np.arange(3)
    later = discounted[::-1].cumsum()[::-1]
    # The relative error of an exponential is that of rounding 80 in float32, 4e-6.
    np.testing.assert_allclose(value, (discounted.sum() + 1 + 0.9 + 0.81) / 2, rtol=1e-5)
    np.testing.assert_allclose(slope[:, 0], later / 2, rtol=1e-5)
    for value, slope in (per_step, robust):
        np.testing.assert_allclose(value, discounted.sum(), rtol=1e-5)
        np.testing.assert_allclose(slope, later, rtol=1e-5)
    np.testing.assert_allclose(whole, CAPPED[-1] * 2.71, rtol=1e-5)


@pytest.mark.usefixtures("float32")
def test_single_ratios_beyond_float32_are_capped_too():
    zeros, ones = jnp.zeros((1, 1)), jnp.ones((1, 1))
    surrogate = lambda logs: off_policy_dice(logs, zeros, 3 * ones, ones, DISCOUNT)
    traced = lambda logs: v_trace(logs[0], zeros[0], ones[0], jnp.zeros(2), DISCOUNT)
    found = quick(lambda logs: (surrogate(logs), jax.grad(surrogate)(logs), jax.grad(traced)(logs)), 100 * ones)
    for one, other in zip(found, (2 * np.exp(80.0), 2 * np.exp(80.0), np.exp(80.0)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.usefixtures("float32")
def test_self_normalised_weights_do_not_depend_on_a_common_factor():
    log_ratios, rewards = jax.random.normal(jax.random.key(1), (2, 3, 5))
    zeros = jnp.zeros((3, 5))
    surrogate = lambda logs: off_policy_dice(logs, zeros, rewards, zeros, DISCOUNT, self_normalised=True)
    factors = jnp.array([0.0, 20.0, 100.0, 1000.0])
    values, slopes = quick(
        jax.vmap(lambda factor: jax.value_and_grad(surrogate)(log_ratios.at[0].add(factor))), factors
    )
    for value, slope, factor in zip(values, slopes, factors, strict=True):
        # Logarithms of the size of the factor are rounded to 6e-8 of it.
        np.testing.assert_allclose(value, values[0], rtol=0, atol=1e-6 * factor)
        np.testing.assert_allclose(slope, slopes[0], rtol=0, atol=1e-6 * factor)
    assert np.abs(slopes[0]).max() > 0.1


@pytest.mark.usefixtures("float32")
def test_weights_below_the_cap_are_the_same_to_the_last_bit():
    # Logarithms of weights from −80 to 79.9.
    logs = jnp.stack([jnp.linspace(-40, 40, 100), jnp.linspace(-40, 39.9, 100)])
    rewards = jax.random.normal(jax.random.key(3), (2, 100))

    def uncapped(logs, rewards):
        weights = jnp.exp(running_sums(logs))
        return jnp.power(DISCOUNT, jnp.arange(2)) @ (weights * rewards + 0 * (1 - jnp.exp(logs))).mean(axis=1)

    def of_each(surrogate):
        return jax.vmap(lambda logs, rewards: surrogate(logs[:, None], rewards[:, None]), 1)(logs, rewards)

    nothing = jnp.zeros((2, 1))
    found = of_each(lambda logs, rewards: off_policy_dice(logs, nothing, rewards, nothing, DISCOUNT))
    np.testing.assert_array_equal(found, of_each(uncapped))


def test_capped_weights_are_counted():
    zeros = jnp.zeros((3, 2))
    assert capped_weights(jnp.asarray(HUGE), zeros) == 2
    assert capped_weights(jnp.asarray(HUGE), zeros, 5.0) == 0
    assert capped_weights(jnp.full((1, 1), 80.0), zeros[:1, :1]) == 0
