"""Off-policy DiCE over batches, by hand and over all games that two players can play."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.surrogates.advantages import running_sums
from lookax.surrogates.dice import dice_with_baseline
from lookax.surrogates.off_policy import (
    capped_weights,
    doubly_robust,
    effective_sample_size,
    importance_sampling,
    off_policy_dice,
    v_trace,
)
from tests.surrogates.enumeration import value_and_derivatives

DISCOUNT = 0.9
HORIZON, GAMES = 4, 6


def quick(function, *arguments):
    """Compiled without optimisation: it runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})(*arguments)


@pytest.fixture
def batch():
    return [jnp.asarray(own) for own in np.random.default_rng(0).normal(size=(4, HORIZON, GAMES))]


def test_one_game_of_two_steps_by_hand():
    # Ratios 2 and 1/4: weights 2 and 1/2. Rewards 3 and 5, values 1 and −1, γ = 0.9.
    log_ratios = np.log([[2.0], [0.25]])
    rewards, values = np.array([[3.0], [5.0]]), np.array([[1.0], [-1.0]])
    result = quick(lambda *given: off_policy_dice(*given, DISCOUNT), log_ratios, np.zeros((2, 1)), rewards, values)  # pyright: ignore[reportCallIssue]
    np.testing.assert_allclose(result, 2 * 3 + 0.9 * 0.5 * 5 + 1 * (1 - 2) + 0.9 * -1 * (1 - 0.25))


def test_doubly_robust_by_hand():
    # v₁ = V₁ + ρ₁ (r₁ − Q₁) = −1 + (5 − 2)/4 = −0.25; v₀ = V₀ + ρ₀ (r₀ + γ v₁ − Q₀) = 1 + 2 (3 − 0.225 − 4).
    log_ratios, values, action_values = np.log([2.0, 0.25]), np.array([1.0, -1.0]), np.array([4.0, 2.0])
    result = quick(doubly_robust, log_ratios, np.zeros(2), np.array([3.0, 5.0]), values, action_values, DISCOUNT)
    np.testing.assert_allclose(result, 1 + 2 * (3 - 0.9 * 0.25 - 4))


def test_two_games_self_normalised_by_hand():
    # Weights 1 and 3 at the first step, 1 and 6 at the second: normalised 1/2, 3/2 and 2/7, 12/7.
    log_ratios = np.log([[1.0, 3.0], [1.0, 2.0]])
    rewards = np.array([[10.0, 20.0], [30.0, 40.0]])
    surrogate = lambda *given: off_policy_dice(*given, DISCOUNT, self_normalised=True)  # pyright: ignore[reportCallIssue]
    result = quick(surrogate, log_ratios, np.zeros((2, 2)), rewards, np.zeros((2, 2)))
    np.testing.assert_allclose(result, (10 / 2 + 20 * 3 / 2) / 2 + 0.9 * (30 * 2 / 7 + 40 * 12 / 7) / 2)


def test_a_ceiling_by_hand():
    # Weights 1/2 and 8, cut at 2: the second counts a quarter, and so does its derivative.
    rewards = jnp.array([[10.0, 20.0]])

    def surrogate(log_ratios):
        return off_policy_dice(log_ratios[None], jnp.zeros((1, 2)), rewards, jnp.zeros((1, 2)), DISCOUNT, ceiling=2.0)

    value, slope = quick(jax.value_and_grad(surrogate), np.log([0.5, 8.0]))
    np.testing.assert_allclose(value, (0.5 * 10 + 2 * 20) / 2)
    np.testing.assert_allclose(slope, [0.5 * 10 / 2, 2 * 20 / 2])


def test_on_policy_it_is_dice_with_its_baseline(batch):
    log_probs, rewards, values, _ = batch
    off = lambda logs: off_policy_dice(logs, jax.lax.stop_gradient(logs), rewards, values, DISCOUNT)
    on = lambda logs: jax.vmap(dice_with_baseline, (1, 1, 1, None))(logs, rewards, values, DISCOUNT).mean()
    both = (value_and_derivatives(surrogate, log_probs, 2) for surrogate in (off, on))
    for mine, dice in zip(*both, strict=True):
        np.testing.assert_allclose(mine, dice, atol=1e-13)


def test_on_policy_a_ceiling_of_one_changes_nothing(batch):
    log_probs, rewards, values, _ = batch
    surrogate = lambda logs, ceiling: off_policy_dice(
        logs, jax.lax.stop_gradient(logs), rewards, values, DISCOUNT, ceiling=ceiling
    )
    slope = jax.jit(jax.grad(surrogate))
    np.testing.assert_array_equal(slope(log_probs, 1.0), slope(log_probs, jnp.inf))


def test_without_values_it_is_the_mean_of_importance_sampling_per_step(batch):
    log_probs, rewards, values, behaviour = batch

    def both(*given):
        each = jax.vmap(importance_sampling, (1, 1, 1, None))(*given, DISCOUNT)  # pyright: ignore[reportCallIssue]
        return off_policy_dice(*given, jnp.zeros_like(values), DISCOUNT), each.mean()  # pyright: ignore[reportCallIssue]

    np.testing.assert_allclose(*quick(both, log_probs, behaviour, rewards), rtol=1e-12)


def test_huge_weights_under_a_ceiling_stay_finite():
    zeros, rewards = np.zeros((3, 2)), np.ones((3, 2))
    surrogate = lambda logs: off_policy_dice(logs, *map(jnp.asarray, (zeros, rewards, zeros)), DISCOUNT, ceiling=5.0)  # pyright: ignore[reportCallIssue]
    value, slope = quick(jax.value_and_grad(surrogate), np.full((3, 2), 400.0))
    np.testing.assert_allclose(value, 5 * (1 + 0.9 + 0.81))
    assert np.isfinite(slope).all()


def test_effective_sample_size_by_hand():
    log_weights = np.log([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1e-30, 1e-30], [4.0, 1.0, 1.0, 1.0]])
    sizes = quick(effective_sample_size, np.diff(log_weights, axis=0, prepend=0), np.zeros((3, 4)))
    np.testing.assert_allclose(sizes, [4, 2, 7**2 / 19])


def test_effective_sample_size_of_a_single_surviving_game_is_one():
    log_ratios = np.array([[1000.0, 0.0, -1000.0]])
    np.testing.assert_allclose(quick(effective_sample_size, log_ratios, np.zeros((1, 3))), [1.0])


# Logarithms of weights 50, 100 and 150, beside a game with weights of 1: float32 ends at 88, and so does e to the last.
HUGE = np.array([[50.0, 0.0], [50.0, 0.0], [50.0, 0.0]])
CAPPED = np.exp(np.array([50.0, 80.0, 80.0]))


@pytest.fixture
def float32():
    with jax.enable_x64(False):
        yield


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
    log_ratios, rewards = map(jnp.asarray, np.random.default_rng(1).normal(size=(2, 3, 5)).astype(np.float32))
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
    logs = np.stack([np.linspace(-40, 40, 100), np.linspace(-40, 39.9, 100)]).astype(np.float32)
    rewards = np.random.default_rng(3).normal(size=(2, 100)).astype(np.float32)

    def uncapped(logs, rewards):
        weights = jnp.exp(running_sums(logs))
        return jnp.power(DISCOUNT, jnp.arange(2)) @ (weights * rewards + 0 * (1 - jnp.exp(logs))).mean(axis=1)

    def of_each(surrogate):
        return quick(jax.vmap(lambda logs, rewards: surrogate(logs[:, None], rewards[:, None]), 1), logs, rewards)

    nothing = jnp.zeros((2, 1))
    found = of_each(lambda logs, rewards: off_policy_dice(logs, nothing, rewards, nothing, DISCOUNT))
    np.testing.assert_array_equal(found, of_each(uncapped))


def test_capped_weights_are_counted():
    zeros = np.zeros((3, 2))
    assert quick(capped_weights, HUGE, zeros) == 2
    assert quick(capped_weights, HUGE, zeros, 5.0) == 0
    assert quick(capped_weights, np.full((1, 1), 80.0), zeros[:1, :1]) == 0
