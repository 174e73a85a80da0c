"""Lookaheads whose data is sampled anew before each step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.lookahead import Lookahead

RATE = 0.1
FULL = [adjoint for adjoint in ADJOINTS if adjoint != "none"]


def sample(params, carry, key):
    """Data that depends on where the step starts, and on how many there have been."""
    return params**2 + carry + jax.random.normal(key), carry + 1


def by_hand(params, phi, keys):
    """J(θ, d) = −½ φ (θ − d)²: θₖ₊₁ = θₖ − η φ (θₖ − dₖ), and its derivatives with dₖ constant."""
    by_params, by_phi, carry = 1.0, 0.0, 2.0
    for key in keys:
        data = params**2 + carry + float(jax.random.normal(key))
        by_params, by_phi = (1 - RATE * phi) * by_params, (1 - RATE * phi) * by_phi - RATE * (params - data)
        params, carry = params - RATE * phi * (params - data), carry + 1
    return params, carry, by_params, by_phi


@pytest.mark.parametrize("adjoint", FULL)
def test_steps_are_those_by_hand_and_data_is_constant(adjoint):
    keys = jax.random.split(jax.random.key(0), 3)

    def end(params, phi):
        def objective(params, data):
            return -0.5 * phi * (params - data) ** 2

        lookahead = Lookahead(optax.sgd(RATE), len(keys), ADJOINTS[adjoint])
        return lookahead.maximise_sampled(objective, params, sample, jnp.array(2.0), keys)

    (value, carry), (by_params, by_phi) = jax.jit(jax.value_and_grad(end, argnums=(0, 1), has_aux=True))(0.5, 0.7)
    expected = by_hand(0.5, 0.7, keys)
    np.testing.assert_allclose((value, carry, by_params, by_phi), expected, rtol=1e-12)


@pytest.mark.parametrize("adjoint", FULL)
def test_what_a_sampler_closes_over_is_constant(adjoint):
    def end(mine):
        def of_mine(params, carry, key):
            return mine * params + jax.random.normal(key), carry

        lookahead = Lookahead(optax.sgd(RATE), 2, ADJOINTS[adjoint])
        keys = jax.random.split(jax.random.key(1), 2)
        last, _ = lookahead.maximise_sampled(
            lambda params, data: -0.5 * (params - data) ** 2, jnp.array(1.0), of_mine, None, keys
        )
        return last

    assert jax.jit(jax.grad(end))(0.3) == 0


@pytest.mark.parametrize("steps", [0, 1])
def test_what_goes_on_is_constant(steps):
    def end(carry):
        lookahead = Lookahead(optax.sgd(RATE), steps)
        keys = jax.random.split(jax.random.key(1), steps)
        return lookahead.maximise_sampled(
            lambda params, data: -0.5 * (params - data) ** 2, jnp.array(1.0), sample, carry, keys
        )[1]

    assert jax.jit(jax.grad(end))(0.3) == 0


def test_a_step_may_be_differentiated_as_another_of_the_same_data():
    # Along −(θ − d), differentiated as −½φ(θ − d)²: the slope is 1 − ηφ in θ and −η(θ − d) in φ.
    keys = jax.random.split(jax.random.key(0), 1)

    def end(params, phi):
        return Lookahead(optax.sgd(RATE), 1).maximise_sampled(
            lambda params, data: -0.5 * (params - data) ** 2,
            params,
            sample,
            jnp.array(2.0),
            keys,
            curvature=lambda params, data: -0.5 * phi * (params - data) ** 2,
        )[0]

    data = 0.25 + 2 + float(jax.random.normal(keys[0]))
    value, (by_params, by_phi) = jax.jit(jax.value_and_grad(end, argnums=(0, 1)))(0.5, 0.7)
    np.testing.assert_allclose((value, by_params), (0.5 - RATE * (0.5 - data), 1 - RATE * 0.7), rtol=1e-12)
    np.testing.assert_allclose(by_phi, -RATE * (0.5 - data), rtol=1e-12)


def test_samplers_need_no_derivatives():
    def end(mine):
        def played(params, carry, key):
            del key
            form = jax.ShapeDtypeStruct((), params.dtype)
            return jax.pure_callback(lambda data: np.asarray(data), form, mine * params), carry

        keys = jax.random.split(jax.random.key(1), 2)
        lookahead = Lookahead(optax.sgd(RATE), 2)
        return lookahead.maximise_sampled(
            lambda params, data: -0.5 * mine * (params - data) ** 2, jnp.array(1.0), played, None, keys
        )[0]

    assert np.isfinite(jax.jit(jax.grad(end))(0.3))
