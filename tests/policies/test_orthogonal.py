"""Orthogonal weights: their distribution, and what they are made with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.policies.convolutional import SMALL, actor_critic
from lookax.policies.mlp import dense
from lookax.policies.orthogonal import orthogonal
from lookax.policies.recurrent import network

KEY = jax.random.key(6)


def test_the_shorter_side_is_orthonormal_times_the_gain():
    shapes = [(1, 1), (3, 8), (8, 3), (24, 24)]
    drawn = jax.jit(lambda: [orthogonal(KEY, *shape, gain=2.0) for shape in shapes])()
    for shape, matrix in zip(shapes, drawn, strict=True):
        assert matrix.shape == shape
        short = np.asarray(matrix if shape[0] <= shape[1] else matrix.T)
        # Double precision; the iteration's last step squares an error that was small.
        np.testing.assert_allclose(short @ short.T, 4 * np.eye(min(shape)), atol=1e-12)


def test_draws_are_uniform_over_orthogonal_matrices():
    number, size = 4000, 4
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: orthogonal(key, size, size)))(jax.random.split(KEY, number)))
    traces = np.trace(drawn, axis1=1, axis2=2)
    # Haar's measure on O(n), n ≥ 4, has E tr Q = 0, E (tr Q)² = 1, E (tr Q)⁴ = 3 (Diaconis & Shahshahani 1994), and
    # both determinants alike. Tolerances are four standard errors: of deviations 1, √2 and 1.
    error = 4 / np.sqrt(number)
    assert abs(traces.mean()) < error
    assert abs((traces**2).mean() - 1) < np.sqrt(2) * error
    assert abs(np.sign(np.linalg.det(drawn)).mean()) < error
    # Each entry is a coordinate of a uniform unit vector: of mean 0 and variance 1/n.
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=error / np.sqrt(size))
    np.testing.assert_allclose(drawn.var(axis=0), 1 / size, atol=error / size)


@pytest.mark.parametrize(
    "fresh",
    [
        lambda key: dense(key, 4, 3, "orthogonal"),
        lambda key: network(key, 4, 3, hidden_size=3),
        lambda key: actor_critic(key, (10, 10, 4), 3, convolutions=SMALL, hidden_size=8),
    ],
    ids=["dense", "gru", "convolutional"],
)
def test_lanes_of_fresh_networks_call_no_lapack(fresh):
    # Calls of LAPACK are custom calls. Several at once in the lanes of `jax.vmap` never return on CPUs.
    lanes = jax.jit(jax.vmap(lambda key: jax.tree.leaves(fresh(key))))
    assert "custom_call" not in lanes.lower(jax.random.split(KEY, 2)).as_text()
    assert "custom_call" in jax.jit(lambda x: jnp.linalg.qr(x)).lower(jnp.eye(2)).as_text()
