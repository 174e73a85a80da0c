import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.exact_mdp import (
    action_values,
    expected_return,
    mdp_visitation,
    policy_log_probs,
    policy_transitions,
    state_values,
)
from lookax.games.tabular_mdp import TabularMDP, cumulative, draw, random_mdp
from lookax.policies.tabular import SoftmaxTabularPolicy
from lookax.rollouts.tabular import rollout

DISCOUNT = 0.8


@functools.cache
def mdp_and_log_probs():
    logits = np.random.default_rng(1).normal(size=(4, 3))
    return random_mdp(jax.random.key(0), 4, 3), jnp.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


@pytest.fixture
def mdp():
    return mdp_and_log_probs()[0]


@pytest.fixture
def log_probs():
    return mdp_and_log_probs()[1]


def test_two_states_by_hand():
    # Action 0 stays, action 1 goes to the other state; state 0 pays 1. π(stay) is 1/4 in state 0 and 1/2 in state 1.
    mdp = TabularMDP([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], [[1.0, 1.0], [0.0, 0.0]])
    log_probs = jnp.log(jnp.array([[0.25, 0.75], [0.5, 0.5]]))
    # V₀ = 1 + γ(V₀/4 + 3V₁/4), V₁ = γ(V₁ + V₀)/2, γ = ½: V₁ = V₀/3, V₀ (1 − 1/8 − 1/8) = 1.
    np.testing.assert_allclose(state_values(mdp, log_probs, 0.5), [4 / 3, 4 / 9])
    np.testing.assert_allclose(action_values(mdp, log_probs, 0.5), [[5 / 3, 11 / 9], [2 / 9, 2 / 3]])
    # Two steps: V₀ = 1 + ¼·½, V₁ = ½·½.
    np.testing.assert_allclose(state_values(mdp, log_probs, 0.5, 2), [1.125, 0.25])
    np.testing.assert_allclose(action_values(mdp, log_probs, 0.5, 1), [[1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(expected_return(mdp, log_probs, 0.5), 4 / 3)


@pytest.mark.parametrize("horizon", [None, 1, 5])
def test_values_agree_with_visits_and_bellman(mdp, log_probs, horizon):
    functions = mdp_visitation, expected_return, state_values, action_values
    of_all = jax.jit(lambda *given: [function(*given, DISCOUNT, horizon) for function in functions])  # pyright: ignore[reportCallIssue]
    visits, value, values, qs = map(np.asarray, of_all(mdp, log_probs))
    rewards = np.sum(np.exp(log_probs) * mdp.rewards, axis=1)
    np.testing.assert_allclose(value, visits @ rewards)
    np.testing.assert_allclose(np.sum(np.exp(log_probs) * qs, axis=1), values)


def test_a_long_horizon_approaches_the_infinite_one(mdp, log_probs):
    both = jax.jit(lambda *given: (state_values(*given, DISCOUNT, 200), state_values(*given, DISCOUNT)))  # pyright: ignore[reportCallIssue]
    np.testing.assert_allclose(*both(mdp, log_probs), rtol=1e-12)


def test_values_are_differentiable_in_policy_rewards_and_transitions(mdp, log_probs):
    direction = np.random.default_rng(2).normal(size=(4, 3))

    @jax.jit
    @jax.value_and_grad
    def along(step):
        moved = mdp.with_rewards(mdp.rewards + step * direction**2)
        return expected_return(moved, jax.nn.log_softmax(log_probs + step * direction), DISCOUNT)

    up, down = (float(along(step)[0]) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(along(0.0)[1], (up - down) / 2e-5, rtol=1e-8)


def test_a_random_mdp_is_one(mdp):
    np.testing.assert_allclose(mdp.transitions.sum(-1), 1, rtol=1e-12)
    assert ((mdp.rewards >= 0) & (mdp.rewards < 1)).all()
    np.testing.assert_array_equal(mdp.start, [1, 0, 0, 0])
    sparse = random_mdp(jax.random.key(3), 20, 5, 0.001)
    # The largest of 20 Dirichlet(0.001) shares is below 0.9 with a probability of about 0.004 per row (simulated).
    assert (sparse.transitions.max(-1) > 0.9).mean() > 0.9
    with jax.enable_x64(False):
        single = random_mdp(jax.random.key(3), 20, 5, 0.001)
        assert single.transitions.dtype == jnp.float32
        np.testing.assert_allclose(single.transitions.sum(-1), 1, atol=1e-6)


def test_random_mdps_can_be_made_and_solved_in_lanes():
    def value(key, concentration):
        mdp = random_mdp(key, 4, 3, concentration)
        return state_values(mdp, policy_log_probs(mdp, SoftmaxTabularPolicy(jnp.zeros((4, 3)))), DISCOUNT)

    keys = jax.random.split(jax.random.key(4), 3)
    together = jax.jit(jax.vmap(value, (0, None)))(keys, 0.5)
    np.testing.assert_allclose(np.asarray(together)[2], jax.jit(value)(keys[2], 0.5), rtol=1e-12)


def test_draws_have_their_probabilities():
    probabilities = jnp.array([0.0, 0.25, 0.0, 0.75, 0.0])
    distribution = cumulative(probabilities)
    uniforms = jnp.array([0.0, 0.2499, 0.25, 0.9999999])
    np.testing.assert_array_equal(draw(distribution, uniforms), [1, 1, 3, 3])


def test_steps_follow_the_tables(mdp):
    keys = jax.random.split(jax.random.key(5), 4000)
    successors, rewards = jax.jit(jax.vmap(lambda key: mdp.step(key, jnp.array(2), jnp.array(1))))(keys)
    np.testing.assert_allclose(rewards, mdp.rewards[2, 1])
    shares = np.bincount(successors, minlength=4) / 4000
    # 5 standard errors of a share of 4000.
    np.testing.assert_allclose(shares, mdp.transitions[2, 1], atol=5 * 0.5 / np.sqrt(4000))
    elsewhere = TabularMDP(mdp.transitions, mdp.rewards, jnp.array([0.0, 0.0, 1.0, 0.0]))
    assert elsewhere.reset(jax.random.key(0)) == 2


def test_rollouts_visit_and_earn_what_is_expected(mdp, log_probs):
    batch, horizon = 20_000, 6
    played = jax.jit(rollout, static_argnames=("horizon", "batch_size"))(
        mdp, log_probs, jax.random.key(6), horizon=horizon, batch_size=batch
    )
    assert played.states.shape == (horizon + 1, batch)
    np.testing.assert_array_equal(played.rewards, np.asarray(mdp.rewards)[played.states[:-1], played.actions])
    np.testing.assert_array_equal(played.log_probs, np.asarray(log_probs)[played.states[:-1], played.actions])
    returns = DISCOUNT ** np.arange(horizon) @ played.rewards
    # 5 standard errors of the mean.
    np.testing.assert_allclose(
        returns.mean(), expected_return(mdp, log_probs, DISCOUNT, horizon), atol=5 * returns.std() / np.sqrt(batch)
    )
    transitions = policy_transitions(mdp, log_probs)
    occupied = mdp.start
    for states in played.states:
        shares = np.bincount(states, minlength=4) / batch
        np.testing.assert_allclose(shares, occupied, atol=5 * 0.5 / np.sqrt(batch))
        occupied = occupied @ transitions
    pairs = np.bincount(played.actions[3] * 4 + played.states[3], minlength=12).reshape(3, 4)
    np.testing.assert_allclose(pairs / pairs.sum(0), jnp.exp(log_probs).T, atol=5 * 0.5 / np.sqrt(pairs.sum(0).min()))


def test_what_was_recorded_is_differentiable(mdp, log_probs):
    def total(log_probs, rewards):
        played = rollout(mdp.with_rewards(rewards), log_probs, jax.random.key(8), horizon=5, batch_size=7)
        return played.log_probs.sum() + played.rewards.sum(), played

    slopes = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))
    (by_log_probs, by_rewards), played = slopes(log_probs, mdp.rewards)
    visits = np.zeros((4, 3))
    np.add.at(visits, (np.asarray(played.states[:-1]), np.asarray(played.actions)), 1)
    np.testing.assert_allclose(by_log_probs, visits)
    np.testing.assert_allclose(by_rewards, visits)


UNIFORM = np.full((2, 3, 2), 0.5)
ONE = TabularMDP(np.full((2, 2, 2), 0.5), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: TabularMDP(np.ones((2, 3, 4)) / 4, np.zeros((2, 3))), r"transitions: shape \(2, 3, 4\)"),
        (lambda: TabularMDP(UNIFORM, np.zeros((3, 2))), r"rewards: shape \(3, 2\) .* \(S, A\), .* \(2, 3\)"),
        (lambda: TabularMDP(UNIFORM, np.zeros((2, 3)), np.ones(3) / 3), r"start: shape \(3,\) .* \(2,\)"),
        (lambda: TabularMDP(UNIFORM * 1.01, np.zeros((2, 3))), r"transitions: row \(0, 0\) .* add up to 1"),
        (
            lambda: TabularMDP(np.array([[[1.5, -0.5]], [[0.5, 0.5]]]), np.zeros((2, 1))),
            r"transitions: row \(0, 0\) of transitions, \[ 1.5 -0.5\], is not allowed",
        ),
        (lambda: TabularMDP(UNIFORM * np.nan, np.zeros((2, 3))), "add up to 1"),
        (lambda: TabularMDP(UNIFORM, np.zeros((2, 3)), np.array([0.5, 0.4])), r"start: start, \[0.5 0.4\]"),
        (lambda: TabularMDP(UNIFORM, np.full((2, 3), np.inf)), "rewards: they must be finite"),
        (lambda: random_mdp(jax.random.key(0), 0, 3), "num_states: 0 is not allowed; it must be at least 1"),
        (lambda: random_mdp(jax.random.key(0), 3, 0), "num_actions: 0"),
        (lambda: random_mdp(jax.random.key(0), 3, 2, 0.0), "concentration: 0.0 is not allowed"),
        (lambda: state_values(ONE, jnp.zeros((2, 3)), 0.9), r"log_probs: shape \(2, 3\) .* which is \(2, 2\)"),
        (lambda: policy_log_probs(ONE, SoftmaxTabularPolicy(jnp.zeros((2, 3)))), r"log_probs: shape \(2, 3\)"),
        (
            lambda: rollout(ONE, jnp.zeros((3, 2)), jax.random.key(0), horizon=3, batch_size=2),
            r"log_probs: shape \(3, 2\)",
        ),
        (lambda: state_values(ONE, jnp.zeros((2, 2)), 1.0), "discount: 1.0"),
        (lambda: state_values(ONE, jnp.zeros((2, 2)), 0.9, 0), "horizon: 0"),
        (
            lambda: rollout(ONE, jnp.zeros((2, 2)), jax.random.key(0), horizon=3, batch_size=0),
            "batch_size: 0 is not allowed; it must be at least 1",
        ),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_one_line(make, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        make()
    assert "\n" not in str(error.value)
