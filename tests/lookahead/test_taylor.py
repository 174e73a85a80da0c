import jax
import jax.numpy as jnp
import numpy as np

from lookax.lookahead.taylor import taylor


def test_tangent_plane_by_hand():
    value = taylor(lambda x: x["a"] ** 2 * x["b"], {"a": 3.0, "b": 2.0}, {"a": 3.5, "b": 1.0})
    np.testing.assert_allclose(value, 18 + 12 * 0.5 + 9 * -1)


def test_gradient_flows_through_the_displacement():
    # f(x) = φx at x = 1, displaced to 1 + φ²: φ + φ·φ², whose derivative is 1 + 3φ².
    gradient = jax.grad(lambda phi: taylor(lambda x: phi * x, 1.0, 1.0 + phi**2))(2.0)
    np.testing.assert_allclose(gradient, 13)


def test_error_is_of_second_order():
    f = lambda x: jnp.sum(jnp.sin(x))
    x, d = jnp.array([0.3, 1.0]), jnp.array([1.0, -2.0])
    errors = [f(x + h * d) - taylor(f, x, x + h * d) for h in (1e-2, 1e-3)]
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.02)
