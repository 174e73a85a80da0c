"""Expected derivatives of every surrogate, over all trajectories of a tiny MDP, against exact derivatives."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.exact_mdp import action_values, expected_return, policy_transitions, state_values
from lookax.surrogates.advantages import generalised_advantages
from lookax.surrogates.dice import dice, dice_with_baseline, loaded_dice
from lookax.surrogates.off_policy import doubly_robust, importance_sampling, v_trace, v_trace_targets
from lookax.surrogates.on_policy import lvc, score_function
from tests.surrogates.enumeration import (
    DISCOUNT,
    HORIZON,
    all_trajectories,
    derivatives,
    probabilities,
    tiny_mdp,
    value_and_derivatives,
)

# Sums of 648 products in double precision; measured errors are below 1e-14.
TOLERANCE = 1e-10


def log_softmax(theta):
    return jax.nn.log_softmax(theta.reshape(3, 2))


@functools.cache
def setting():
    return tiny_mdp(), jax.random.normal(jax.random.key(7), (6,))


@pytest.fixture
def mdp():
    return setting()[0]


@pytest.fixture
def theta():
    return setting()[1]


@functools.cache
def exact_derivatives():
    """Of the return, of orders 0 to 3, by one program for all tests."""
    mdp, theta = setting()
    return value_and_derivatives(lambda theta: expected_return(mdp, log_softmax(theta), DISCOUNT, HORIZON), theta, 3)


def exact_values(mdp, log_probs):
    """V by steps that are left, [T+1, S]: row t is of time t."""
    rows = [state_values(mdp, log_probs, DISCOUNT, HORIZON - t) for t in range(HORIZON)]
    return jnp.stack([*rows, jnp.zeros(3)])


def baseline(mdp, theta, kind):
    if kind == "exact":
        return jax.jit(lambda theta: exact_values(mdp, log_softmax(theta)))(theta)
    if kind == "none":
        return jnp.asarray(np.zeros((HORIZON + 1, 3)))
    values = np.random.default_rng(1).normal(size=(HORIZON + 1, 3))
    values[-1] = 0
    return jnp.asarray(values)


def expectation(mdp, behaviour, surrogate):
    """θ ↦ E_μ[surrogate(θ, trajectory)], trajectories weighted by their probability under the fixed μ."""
    every = all_trajectories(mdp)

    def expected(theta):
        weights = probabilities(mdp, every, log_softmax(behaviour))
        return weights @ jax.vmap(lambda states, actions: surrogate(theta, states, actions))(*every)

    return expected


def played(theta, states, actions):
    return log_softmax(theta)[states[:-1], actions]


def advantages(mdp, values, states, actions):
    along = values[jnp.arange(HORIZON + 1), states]
    return generalised_advantages(mdp.rewards[states[:-1], actions], along, DISCOUNT)


def assert_same(ours, exact):
    for mine, theirs in zip(ours, exact, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=TOLERANCE)


def test_probabilities_of_all_trajectories_add_up_to_one(mdp, theta):
    every = all_trajectories(mdp)
    weights = np.asarray(jax.jit(lambda theta: probabilities(mdp, every, log_softmax(theta)))(theta))
    np.testing.assert_allclose(weights.sum(), 1, atol=1e-12)
    returns = DISCOUNT ** np.arange(HORIZON) @ np.asarray(mdp.rewards)[every.states[:, :-1], every.actions].T
    np.testing.assert_allclose(weights @ returns, exact_derivatives()[0], atol=1e-12)


def test_dice_has_the_return_and_all_its_derivatives(mdp, theta):
    def surrogate(theta, states, actions):
        return dice(played(theta, states, actions), mdp.rewards[states[:-1], actions], DISCOUNT)

    value, *ours = value_and_derivatives(expectation(mdp, theta, surrogate), theta, 3)
    np.testing.assert_allclose(value, exact_derivatives()[0], atol=1e-12)
    assert_same(ours, exact_derivatives()[1:])


@pytest.mark.parametrize("kind", ["exact", "arbitrary"])
def test_dice_with_a_baseline_has_all_derivatives(kind, mdp, theta):
    values = baseline(mdp, theta, kind)

    def surrogate(theta, states, actions):
        along = values[jnp.arange(HORIZON), states[:-1]]
        return dice_with_baseline(played(theta, states, actions), mdp.rewards[states[:-1], actions], along, DISCOUNT)

    expected = expectation(mdp, theta, surrogate)
    assert_same(derivatives(expected, theta, 3), exact_derivatives()[1:])


@pytest.mark.parametrize("kind", ["exact", "arbitrary", "none"])
def test_loaded_dice_has_all_derivatives_with_any_baseline(kind, mdp, theta):
    values = baseline(mdp, theta, kind)

    def surrogate(theta, states, actions):
        return loaded_dice(played(theta, states, actions), advantages(mdp, values, states, actions), DISCOUNT)

    expected = expectation(mdp, theta, surrogate)
    assert_same(derivatives(expected, theta, 3), exact_derivatives()[1:])


def test_loaded_dice_that_forgets_is_right_to_first_order_only(mdp, theta):
    values = baseline(mdp, theta, "arbitrary")

    def forgetful(decay):
        def surrogate(theta, states, actions):
            weights = advantages(mdp, values, states, actions)
            return loaded_dice(played(theta, states, actions), weights, DISCOUNT, decay)

        return derivatives(expectation(mdp, theta, surrogate), theta, 2)

    first, second = exact_derivatives()[1:3]
    errors = []
    for decay in (1.0, 0.7, 0.3, 0.0):
        ours = forgetful(decay)
        np.testing.assert_allclose(ours[0], first, atol=TOLERANCE)
        errors.append(np.abs(ours[1] - second).max())
    assert errors[0] < TOLERANCE
    assert errors[0] < errors[1] < errors[2] < errors[3]

    def without_past(theta, states, actions):
        return lvc(played(theta, states, actions), advantages(mdp, values, states, actions), DISCOUNT)

    for mine, theirs in zip(forgetful(0.0), derivatives(expectation(mdp, theta, without_past), theta, 2), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=TOLERANCE)


def lvc_error(mdp, theta):
    """Σₜ Σₛ (∇d ∇vᵀ + ∇v ∇dᵀ), with d = γᵗ Pr(sₜ = s) and ∇v = Σₐ ∇π(a|s) Qₜ(s, a), as in the docstring."""

    def occupancies(theta):
        transitions = policy_transitions(mdp, log_softmax(theta))
        rows = [mdp.start]
        for _ in range(HORIZON - 1):
            rows.append(DISCOUNT * rows[-1] @ transitions)
        return jnp.stack(rows)

    log_probs = log_softmax(theta)
    qs = jnp.stack([action_values(mdp, log_probs, DISCOUNT, HORIZON - t) for t in range(HORIZON)])
    occupancy_slopes = jax.jacobian(occupancies)(theta)
    value_slopes = jax.jacobian(lambda theta: jnp.einsum("sa,tsa->ts", jnp.exp(log_softmax(theta)), qs))(theta)
    half = jnp.einsum("tsi,tsj->ij", occupancy_slopes, value_slopes)
    return half + half.T


@functools.cache
def hessian_error_of_lvc():
    mdp, theta = setting()
    return np.asarray(jax.jit(lambda theta: lvc_error(mdp, theta))(theta))


@pytest.mark.parametrize("kind", ["exact", "arbitrary"])
def test_lvc_is_right_to_first_order_and_wrong_as_its_docstring_says_to_second(kind, mdp, theta):
    values = baseline(mdp, theta, kind)

    def surrogate(theta, states, actions):
        return lvc(played(theta, states, actions), advantages(mdp, values, states, actions), DISCOUNT)

    slope, hessian = derivatives(expectation(mdp, theta, surrogate), theta, 2)
    exact_slope, exact_hessian = exact_derivatives()[1:3]
    np.testing.assert_allclose(slope, exact_slope, atol=TOLERANCE)
    np.testing.assert_allclose(exact_hessian - hessian, hessian_error_of_lvc(), atol=TOLERANCE)
    assert np.abs(exact_hessian - hessian).max() > 1e-3


@pytest.mark.parametrize("kind", ["exact", "arbitrary"])
def test_score_function_is_right_to_first_order_and_wrong_as_its_docstring_says_to_second(kind, mdp, theta):
    values = baseline(mdp, theta, kind)

    def surrogate(theta, states, actions):
        return score_function(played(theta, states, actions), advantages(mdp, values, states, actions), DISCOUNT)

    def squared_scores(theta, states, actions):
        scores = jax.jacobian(lambda theta: played(theta, states, actions))(theta)
        weights = DISCOUNT ** jnp.arange(HORIZON) * advantages(mdp, values, states, actions)
        return jnp.einsum("t,ti,tj->ij", weights, scores, scores)

    every = all_trajectories(mdp)

    @jax.jit
    def mean_of_squares(theta):
        own = jax.vmap(lambda states, actions: squared_scores(theta, states, actions))(*every)
        return jnp.tensordot(probabilities(mdp, every, log_softmax(theta)), own, 1)

    mean_square = np.asarray(mean_of_squares(theta))
    slope, hessian = derivatives(expectation(mdp, theta, surrogate), theta, 2)
    exact_slope, exact_hessian = exact_derivatives()[1:3]
    np.testing.assert_allclose(slope, exact_slope, atol=TOLERANCE)
    np.testing.assert_allclose(exact_hessian - hessian, hessian_error_of_lvc() + mean_square, atol=TOLERANCE)
    if kind == "exact":  # nothing of the Hessian is left
        np.testing.assert_allclose(hessian, 0, atol=TOLERANCE)
        assert np.abs(exact_hessian).max() > 1e-2


@pytest.mark.parametrize("name", ["per-step", "trajectory", "doubly robust", "V-trace"])
@pytest.mark.parametrize("on_policy", [False, True])
def test_off_policy_surrogates_have_return_and_all_derivatives_whoever_played(name, on_policy, mdp, theta):
    behaviour = theta if on_policy else jnp.asarray(np.random.default_rng(3).normal(size=6))
    values = baseline(mdp, theta, "arbitrary")
    guess = jnp.asarray(np.random.default_rng(4).normal(size=(3, 2)))

    def surrogate(theta, states, actions):
        logs = (played(theta, states, actions), played(behaviour, states, actions))
        rewards = mdp.rewards[states[:-1], actions]
        if name == "doubly robust":
            guessed_values = jnp.sum(jnp.exp(log_softmax(theta)) * guess, axis=1)
            return doubly_robust(*logs, rewards, guessed_values[states[:-1]], guess[states[:-1], actions], DISCOUNT)
        if name == "V-trace":
            return v_trace(*logs, rewards, values[jnp.arange(HORIZON + 1), states], DISCOUNT)
        return importance_sampling(*logs, rewards, DISCOUNT, name)

    assert_same(value_and_derivatives(expectation(mdp, behaviour, surrogate), theta, 3), exact_derivatives())


def test_per_step_importance_sampling_on_policy_is_dice(theta, mdp):
    states, actions = (each[100] for each in all_trajectories(mdp))
    rewards = jnp.asarray(np.asarray(mdp.rewards)[states[:-1], actions])

    def off_policy(theta):
        logs = played(theta, states, actions)
        return importance_sampling(logs, jax.lax.stop_gradient(logs), rewards, DISCOUNT)

    ours = derivatives(off_policy, theta, 2)
    same = derivatives(lambda theta: dice(played(theta, states, actions), rewards, DISCOUNT), theta, 2)
    for mine, theirs in zip(ours, same, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-14)


def test_v_trace_truncates():
    ratios, rewards, values = jnp.array([2.0, 0.5]), jnp.array([1.0, 3.0]), jnp.array([0.3, 0.7, 0.2])
    differences = [1.0 + 0.9 * 0.7 - 0.3, 3.0 + 0.9 * 0.2 - 0.7]
    second = 0.7 + 0.5 * differences[1]
    first = 0.3 + 1.5 * differences[0] + 0.9 * 1.2 * 0.5 * differences[1]

    @jax.jit
    def of(ratios):
        logs, zeros = jnp.log(ratios), jnp.zeros(2)
        truncated = jax.grad(lambda logs: v_trace(logs, zeros, rewards, values, 0.9, 1.5, 1.2))(logs)
        targets = v_trace_targets(ratios, rewards, values, 0.9, 1.5, 1.2)
        return targets, v_trace(logs, zeros, rewards, values, 0.9), truncated

    targets, untruncated, truncated = of(ratios)
    np.testing.assert_allclose(targets, [first, second], rtol=1e-12)
    whole = 0.3 + 2.0 * differences[0] + 0.9 * 2.0 * 0.5 * differences[1]
    np.testing.assert_allclose(untruncated, whole, rtol=1e-12)
    assert truncated[0] == 0


def test_ceilings_of_one_leave_on_policy_derivatives_whole():
    logs, rewards, values = jnp.log(jnp.array([0.5, 0.3])), jnp.array([1.0, 3.0]), jnp.array([0.3, 0.7, 0.2])

    def target(logs, ceiling):
        return v_trace(logs, jax.lax.stop_gradient(logs), rewards, values, 0.9, ceiling, ceiling)

    np.testing.assert_allclose(jax.grad(target)(logs, 1.0), jax.grad(target)(logs, jnp.inf))


def test_unknown_ratios_are_refused():
    unchecked = inspect.unwrap(importance_sampling)  # users run without the tests' type checker
    with pytest.raises(ValueError, match="ratios: 'both' is not allowed; it must be one of per-step, trajectory"):
        unchecked(jnp.zeros(2), jnp.zeros(2), jnp.zeros(2), 0.9, "both")
