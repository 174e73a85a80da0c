import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.policies.mlp import Dense, MLPPolicy, PreconditionedMLPPolicy, dense, mlp_policy

KEY = jax.random.key(0)


@pytest.mark.parametrize(("activation", "hidden"), [("tanh", np.tanh([1.5, -2.0])), ("leaky-relu", [1.5, -0.02])])
def test_output_by_hand(activation, hidden):
    layers = (
        Dense(jnp.array([[1.0, 0.5], [0.0, -4.0]]), jnp.array([0.0, 2.0])),
        Dense(jnp.array([[2.0, 3.0]]), jnp.array([-1.0])),
    )
    logits = MLPPolicy(layers, activation)(jnp.array([1.0, 1.0]))
    np.testing.assert_allclose(logits, [0, 2 * hidden[0] + 3 * hidden[1] - 1])


def test_preconditioning_scales_all_states_and_mutual_defection_more():
    network = mlp_policy(KEY, 6, 2, (4,))
    policy = PreconditionedMLPPolicy(network, (0, 3))
    mutual_defection, defected_on = jnp.array([1.0, 0, 0, 1, 0, 0]), jnp.array([0.0, 1, 0, 1, 0, 0])
    np.testing.assert_allclose(policy(mutual_defection), 3 * network(mutual_defection))
    np.testing.assert_allclose(policy(defected_on), 0.1 * network(defected_on))


def test_pytorch_initialisation_is_uniform_in_one_over_root_inputs():
    layer = dense(KEY, 25, 400, "pytorch")
    for values in (layer.weight, layer.bias):
        assert np.abs(values).max() <= 0.2
        # Uniform in ±0.2 has standard deviation 0.2/√3; 400 draws are good to 3 % (one standard error).
        np.testing.assert_allclose(values.std(), 0.2 / np.sqrt(3), rtol=0.1)


def test_glorot_bounds():
    layer = dense(KEY, 10, 40, "glorot")
    bound = np.sqrt(6 / 50)
    assert 0.95 * bound < np.abs(layer.weight).max() <= bound
    np.testing.assert_array_equal(layer.bias, 0)


def test_orthogonal_weights():
    layer = dense(KEY, 8, 8, "orthogonal")
    np.testing.assert_allclose(layer.weight @ layer.weight.T, np.eye(8), atol=1e-12)


def test_sizes():
    policy = mlp_policy(KEY, 6, 3, (5, 4), "leaky-relu", "orthogonal")
    assert [layer.weight.shape for layer in policy.layers] == [(5, 6), (4, 5), (2, 4)]
    assert policy(jnp.ones(6)).shape == (3,)
