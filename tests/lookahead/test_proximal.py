import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.lookahead.adjoints import ReverseAdjoint
from lookax.lookahead.ascent import ascend
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.proximal import ProximalPoint


def categorical_objective(rewards, beta, to_policy):
    """E_π[r] − β KL(uniform ‖ π), whose best policy is in closed form up to one number, from policy parameters."""

    def objective(params):
        log_probs = jax.nn.log_softmax(to_policy(params))
        return jnp.exp(log_probs) @ rewards + beta * log_probs.mean()

    return objective


def test_quadratic_by_hand():
    # argmax −½a(θ − φ)² − β·½(θ − θ₀)² = (aφ + βθ₀)/(a + β)
    def point(phi, reference, beta):
        return ProximalPoint().maximise(
            lambda t: -0.5 * 2 * (t - phi) ** 2 - beta * 0.5 * (t - reference) ** 2, jnp.array(5.0)
        )

    np.testing.assert_allclose(point(1.0, 3.0, 2.0), 2.0, atol=1e-8)
    gradient = jax.grad(point, argnums=(0, 1, 2))(1.0, 3.0, 2.0)
    np.testing.assert_allclose(gradient, [2 / 4, 2 / 4, 2 * (3 - 1) / 16], atol=1e-7)


PARAMETERISATIONS = {
    "free logits": (lambda p: jnp.concatenate([jnp.zeros(1), p]), 4),
    "shift-invariant logits": (lambda p: p, 5),
    "over-parameterised network": (lambda p: jnp.tanh(p[:60].reshape(5, 12) @ p[60:72]), 72),
}


@pytest.mark.parametrize("name", PARAMETERISATIONS)
def test_policy_and_its_derivative_do_not_depend_on_the_parameterisation(name):
    to_policy, size = PARAMETERISATIONS[name]
    rewards, beta = jnp.array([1.0, 0.2, -0.3, 0.5, 0.1]), 2.0
    start = 0.3 * jax.random.normal(jax.random.key(0), (size,))

    def policy(rewards):
        # Closer than this, rounding of programs that are not optimised can keep BFGS from ever stopping.
        end = ProximalPoint(1e-7).maximise(categorical_objective(rewards, beta, to_policy), start)
        return jax.nn.softmax(to_policy(end))

    # Stationary where π_a (r_a − c) = −β (1/5 − π_a) for one c that makes π sum to one, found here by bisection.
    def closed_form(rewards):
        low, high = rewards.max() - beta, rewards.max() + beta
        c = rewards.max()
        for _ in range(200):
            c = (low + high) / 2
            total = np.sum(beta / 5 / (beta - rewards + c))
            low, high = (c, high) if total > 1 else (low, c)
        return beta / 5 / (beta - rewards + c)

    expected = closed_form(np.asarray(rewards))
    np.testing.assert_allclose(policy(rewards), expected, atol=1e-8)
    step = 1e-6
    slopes = [
        (closed_form(np.asarray(rewards) + step * row) - closed_form(np.asarray(rewards) - step * row)) / (2 * step)
        for row in np.eye(5)
    ]
    np.testing.assert_allclose(jax.jacrev(policy)(rewards), np.array(slopes).T, atol=1e-6)


def test_implicit_gradient_equals_that_of_a_long_unrolled_ascent():
    to_policy, size = PARAMETERISATIONS["shift-invariant logits"]
    start = 0.3 * jax.random.normal(jax.random.key(0), (size,))

    def outer(rewards, solve):
        end = solve(categorical_objective(rewards, 2.0, to_policy), start)
        return jnp.sum(jnp.sin(3 * jax.nn.softmax(end)))

    def long_ascent(objective, params):
        return Lookahead(optax.sgd(0.5), 2000, ReverseAdjoint()).maximise(objective, params)

    rewards = jnp.array([1.0, 0.2, -0.3, 0.5, 0.1])
    implicit = jax.grad(outer)(rewards, lambda f, p: ProximalPoint(1e-12).maximise(f, p))
    np.testing.assert_allclose(implicit, jax.grad(outer)(rewards, long_ascent), atol=1e-7)


def test_flat_directions_count_as_long_as_they_are_no_noise():
    # −½ Σ cᵢ (θᵢ − φᵢ)² has its point at φ, however flat it is along one of them.
    curvatures = jnp.array([1.0, 1e-3])

    def point(phi):
        return ProximalPoint(1e-9).maximise(lambda t: -0.5 * jnp.sum(curvatures * (t - phi) ** 2), jnp.zeros(2))

    np.testing.assert_allclose(jax.jit(jax.jacrev(point))(jnp.array([0.3, -0.2])), np.eye(2), atol=1e-9)


def test_several_learners_each_solve_their_own_problem():
    objectives = (lambda p: -((p[0] - p[1]) ** 2), lambda p: -((p[1] - 2 * p[0]) ** 2))
    np.testing.assert_allclose(
        ProximalPoint().maximise(objectives, (jnp.array(1.0), jnp.array(5.0))), [5, 2], atol=1e-7
    )


def test_ascent_stops_by_its_rule_or_at_its_limit():
    def run(start, max_steps):
        return ascend(
            lambda t: -0.5 * t**2,
            start,
            optimiser=optax.sgd(0.5),
            stop=lambda before, after: jnp.abs(after - before) < 0.1,
            max_steps=max_steps,
        )

    params, steps, stopped = run(jnp.array(1.0), 100)
    # 1, ½, ¼, ⅛, 1/16: the fourth step is the first to move less than 0.1.
    assert (params, steps, stopped) == (0.0625, 4, True)
    params, steps, stopped = run(jnp.array(1.0), 2)
    assert (params, steps, stopped) == (0.25, 2, False)


def test_lanes_that_have_stopped_stay_where_they_are():
    def run(start):
        return ascend(
            lambda t: -0.5 * t**2,
            start,
            optimiser=optax.sgd(0.5),
            stop=lambda before, after: jnp.abs(after - before) < 0.1,
            max_steps=100,
        )

    starts = jnp.array([1.0, 0.1, 64.0])
    together = jax.vmap(run)(starts)
    alone = [run(start) for start in starts]
    np.testing.assert_array_equal(together.params, [a.params for a in alone])
    np.testing.assert_array_equal(together.steps, [4, 1, 10])
