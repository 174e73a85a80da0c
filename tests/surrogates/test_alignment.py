"""Advantages that take into account what opponents learn, against sums as they are defined."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.surrogates.alignment import aligned_advantages, opponent_log_prob, past_sums
from lookax.surrogates.dice import loaded_dice

RNG = np.random.default_rng(3)
HORIZON, ACTIONS, DISCOUNT = 5, 3, 0.8
close = lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_past_sums_leave_out_the_present_step():
    terms = RNG.normal(size=HORIZON)
    by_hand = [sum(DISCOUNT ** (t - k) * terms[k] for k in range(t)) for t in range(HORIZON)]
    close(past_sums(jnp.asarray(terms), DISCOUNT), by_hand)


def test_aligned_advantages_by_hand():
    mine, others = RNG.normal(size=HORIZON), RNG.normal(size=(HORIZON, 2))
    by_hand = [
        mine[t] + 0.3 * DISCOUNT * sum(DISCOUNT ** (t - k) * mine[k] for k in range(t)) * (others[t, 0] + others[t, 1])
        for t in range(HORIZON)
    ]
    close(aligned_advantages(jnp.asarray(mine), jnp.asarray(others), DISCOUNT, 0.3), by_hand)


def test_without_weight_they_are_my_own():
    mine = jnp.asarray(RNG.normal(size=HORIZON))
    close(aligned_advantages(mine, jnp.ones((HORIZON, 1)), DISCOUNT, 0.0), mine)


def drawn():
    actions = jax.nn.one_hot(RNG.integers(ACTIONS, size=HORIZON), ACTIONS, dtype=float)
    return (
        *(jnp.asarray(RNG.normal(size=HORIZON)) for _ in range(3)),
        jnp.asarray(RNG.normal(size=(HORIZON, ACTIONS))),
        actions,
    )


@pytest.mark.parametrize("stop_normaliser", [False, True])
@pytest.mark.parametrize("present_reward", [False, True])
def test_an_opponents_log_probability_and_its_derivatives_by_hand(stop_normaliser, present_reward):
    log_probs, returns, values, action_values, actions = drawn()
    decay = 0.7

    def ours(log_probs):
        options = {"decay": decay, "stop_normaliser": stop_normaliser, "present_reward": present_reward}
        return opponent_log_prob(log_probs, returns, values, action_values, actions, DISCOUNT, **options)

    replaced = np.where(actions == 1, returns[:, None], action_values)
    policy = np.exp(replaced) / np.exp(replaced).sum(axis=1, keepdims=True)
    taken = (policy * np.asarray(actions)).sum(axis=1)
    close(ours(log_probs), np.log(taken))
    # d log π̂(bₜ)/d log π(aₖ) = (1 − π̂(bₜ)) (γλ)^{k−t} (G_k − V_k), without the first factor if the normaliser stops.
    first = 0 if present_reward else 1
    by_hand = np.zeros((HORIZON, HORIZON))
    for t in range(HORIZON):
        for k in range(t + first, HORIZON):
            weight = 1 if stop_normaliser else 1 - taken[t]
            by_hand[t, k] = weight * (DISCOUNT * decay) ** (k - t) * (returns[k] - values[k])
    close(jax.jacobian(ours)(log_probs), by_hand)


def test_the_first_return_has_the_derivatives_of_loaded_dice():
    log_probs, returns, values, action_values, actions = drawn()

    def first_return(log_probs):
        options = {"stop_normaliser": True, "present_reward": True}
        return opponent_log_prob(log_probs, returns, values, action_values, actions, DISCOUNT, **options)[0]

    theirs = jax.grad(lambda log_probs: loaded_dice(log_probs, returns - values, DISCOUNT))(log_probs)
    close(jax.grad(first_return)(log_probs), theirs)


def test_what_is_given_is_constant_to_derivatives():
    log_probs, returns, values, action_values, actions = drawn()

    def total(returns, values, action_values):
        return opponent_log_prob(log_probs, returns, values, action_values, actions, DISCOUNT).sum()

    for derivative in jax.grad(total, (0, 1, 2))(returns, values, action_values):
        assert not derivative.any()
