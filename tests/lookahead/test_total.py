"""Total derivatives, by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from lookax.lookahead.total_derivative import Ahead, ahead, total_gradient


def test_both_ways_are_added():
    # θ(φ) = φ³ and F = φθ² = φ⁷: directly θ², through θ 2φθ · 3φ².
    theirs, aux = ahead(lambda mine: (mine**3, "besides"), jnp.array(0.7))
    assert aux == "besides"
    gradient = total_gradient(lambda mine, theirs: mine * theirs**2, jnp.array(0.7), theirs)
    np.testing.assert_allclose(gradient, 7 * 0.7**6, rtol=1e-12)


def test_who_does_not_depend_on_me_counts_directly_alone():
    gradient = total_gradient(lambda mine, theirs: mine * theirs**2, jnp.array(0.7), Ahead(jnp.array(2.0), None))
    np.testing.assert_allclose(gradient, 4.0)


def test_what_is_no_float_stays_out():
    mine = {"weight": jnp.array(2.0), "count": jnp.array(3), "name": jax.nn.relu}
    theirs, _ = ahead(lambda mine: ({"weight": mine["weight"] ** 2, "count": mine["count"]}, None), mine)
    gradient = total_gradient(lambda mine, theirs: mine["weight"] * theirs["weight"], mine, theirs)
    np.testing.assert_allclose(gradient["weight"], 3 * 2.0**2)
    assert gradient["count"] is None
    assert gradient["name"] is None
