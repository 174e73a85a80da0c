import jax.numpy as jnp
import numpy as np
import pytest

from lookax.surrogates.advantages import (
    discounted_returns,
    generalised_advantages,
    n_step_advantages,
    temporal_differences,
)

REWARDS = jnp.array([1.0, 2.0, 4.0])
VALUES = jnp.array([0.5, 1.0, -1.0, 3.0])


def test_returns_by_hand():
    np.testing.assert_allclose(discounted_returns(REWARDS, 0.5), [1 + 1 + 1, 2 + 2, 4])
    np.testing.assert_allclose(discounted_returns(REWARDS, 0.5, 8.0), [4.0, 6.0, 8.0])


def test_whole_numbers_will_do():
    np.testing.assert_allclose(discounted_returns(jnp.array([1.0, 2.0, 4.0]), 1, 2), [9, 8, 6])


def test_temporal_differences_by_hand():
    np.testing.assert_allclose(temporal_differences(REWARDS, VALUES, 0.5), [1.0, 0.5, 6.5])


def test_gae_by_hand():
    third = 6.5
    second = 0.5 + 0.5 * 0.8 * third
    first = 1.0 + 0.5 * 0.8 * second
    # Made before double precision is on: a few roundings of 1.2e-7.
    advantages = generalised_advantages(REWARDS, VALUES, 0.5, 0.8)
    np.testing.assert_allclose(advantages, [first, second, third], rtol=5e-7)


def test_gae_is_returns_less_values_at_lambda_one_and_td_errors_at_zero():
    whole = discounted_returns(REWARDS, 0.5, VALUES[-1]) - VALUES[:-1]
    np.testing.assert_allclose(generalised_advantages(REWARDS, VALUES, 0.5), whole)
    np.testing.assert_allclose(
        generalised_advantages(REWARDS, VALUES, 0.5, 0.0), temporal_differences(REWARDS, VALUES, 0.5)
    )


def test_a_discount_of_zero_ends_an_episode():
    # By hand: 1 + 0.5 · 1 − 0.5 + 0.4 · (2 − 1); 2 − 1; 4 + 0.5 · 3 + 1.
    found = generalised_advantages(REWARDS, VALUES, jnp.array([0.5, 0.0, 0.5]), 0.8)
    np.testing.assert_allclose(found, [1.4, 1.0, 6.5])


@pytest.mark.parametrize("discount", [0.5, 0.0, 1.0])
def test_n_step_advantages_by_definition(discount):
    for n in (1, 2, 3, 9):
        expected = []
        for t in range(3):
            m = min(n, 3 - t)
            reward = sum(discount**k * REWARDS[t + k] for k in range(m))
            expected.append(reward + discount**m * VALUES[t + m] - VALUES[t])
        np.testing.assert_allclose(n_step_advantages(REWARDS, VALUES, discount, n), expected)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="n: 0 is not allowed; it must be at least 1"):
        n_step_advantages(REWARDS, VALUES, 0.5, 0)
