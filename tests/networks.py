"""Networks whose parameters NumPy draws: nothing is compiled for them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lookax.policies.recurrent import network


def drawn_network(seed, inputs, outputs, hidden_size=3, scale=0.8, **options) -> Any:
    """One whose parameters, biases too, are so large that every non-linearity matters."""
    made = jax.eval_shape(lambda: network(jax.random.key(0), inputs, outputs, hidden_size=hidden_size, **options))
    drawn = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(scale * drawn.normal(size=leaf.shape), leaf.dtype), made)
