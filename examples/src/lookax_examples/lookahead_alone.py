"""A learning step that is differentiated, in a training loop of one's own: the gradient in Adam's step size."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

import lookax as lx

model = eqx.nn.MLP(2, 1, 8, 1, key=jax.random.key(0))
inputs = jax.random.normal(jax.random.key(1), (6, 32, 2))
batches, held_out = inputs[:5], inputs[5]


def loss(model, batch):
    return jnp.mean((jax.vmap(model)(batch)[:, 0] - batch.prod(axis=1)) ** 2)


for adjoint in (lx.ReverseAdjoint(), lx.CheckpointAdjoint(), lx.ForwardOverReverseAdjoint()):

    @jax.jit
    @jax.value_and_grad
    def after_learning(rate, adjoint=adjoint):
        lookahead = lx.Lookahead(lx.Optimiser(optax.adam, learning_rate=rate), steps=5, adjoint=adjoint)
        return loss(lookahead.minimise(loss, model, inputs=batches), held_out)

    print(type(adjoint).__name__, *after_learning(0.01))
