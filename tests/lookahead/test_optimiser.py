"""Optimisers as pytrees, and modules as parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser, as_optimiser


def test_it_does_what_optax_does():
    ours = Optimiser(optax.sgd, learning_rate=0.1, momentum=0.9, nesterov=True)
    theirs = optax.sgd(0.1, momentum=0.9, nesterov=True)
    params = jnp.array([1.0, -2.0])
    ends = []
    for own in (ours, theirs):
        state, last = own.init(params), params
        for gradient in (jnp.array([0.3, 0.1]), jnp.array([-1.0, 2.0])):
            updates, state = own.update(gradient, state, last)
            last = optax.apply_updates(last, updates)
        ends.append(np.asarray(last))
    np.testing.assert_array_equal(*ends)
    assert sorted(jax.tree.leaves(ours)) == [0.1, 0.9]


def test_lookaheads_of_several_rates_are_lanes():
    lookaheads = Lookahead(Optimiser(optax.sgd, learning_rate=jnp.array([0.1, 0.2])), 2)
    ends = jax.vmap(lambda own: own.maximise(lambda theta: -0.5 * theta**2, 3.0))(lookaheads)
    np.testing.assert_allclose(ends, [3 * 0.9**2, 3 * 0.8**2])


def test_one_of_optax_is_the_same_whenever_it_is_wrapped():
    sgd = optax.sgd(0.1)
    assert jax.tree.structure(as_optimiser(sgd)) == jax.tree.structure(as_optimiser(sgd))
    assert jax.tree.structure(as_optimiser(sgd)) != jax.tree.structure(as_optimiser(optax.sgd(0.1)))


@pytest.mark.parametrize("minimise", [True, False])
def test_modules_are_parameters_as_they_are(minimise):
    network = eqx.nn.MLP(2, 1, 3, 1, key=jax.random.key(0))
    lookahead, x = Lookahead(Optimiser(optax.sgd, learning_rate=0.1), 4), jnp.array([0.3, -0.7])

    def loss(network):
        return jnp.sum((network(x) - 1) ** 2)

    @eqx.filter_jit
    def learned(network):
        if minimise:
            return lookahead.minimise(loss, network)
        return lookahead.maximise(lambda network: -loss(network), network)

    @eqx.filter_jit
    def by_hand(network):
        for _ in range(4):
            network = eqx.apply_updates(network, jax.tree.map(lambda leaf: -0.1 * leaf, eqx.filter_grad(loss)(network)))
        return network

    for one, other in zip(
        *(jax.tree.leaves(eqx.filter(own, eqx.is_array)) for own in (learned(network), by_hand(network))), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)
