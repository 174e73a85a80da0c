"""LOLA and POLA in a game with payoffs of one's own, for three learning rates at once."""

import jax
import jax.numpy as jnp

import lookax as lx

game = lx.MatrixGame([[2, 3], [0, 5]])
rates = jnp.array([0.1, 0.3, 1.0])
for make in (lx.lola, lx.pola):
    train = lambda rate, make=make: lx.train(make(game, learning_rate=rate), jax.random.key(0), 30)
    state, history = jax.jit(jax.vmap(train))(rates)
    print(make.__name__, history["returns"][:, -1])
