"""Categorical distributions, given by the logarithms of their probabilities."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def kl_divergence(log_p: Float[Array, "..."], log_q: Float[Array, "..."], axis: int = -1) -> Float[Array, "..."]:
    """KL(p ‖ q) = Σₐ p(a) (log p(a) − log q(a)), the sum along an axis.

    **Arguments:**

    - `log_p`, `log_q`: log-probabilities, as of `jax.nn.log_softmax`, of one shape.
    - `axis`: that of the outcomes a.
    """
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=axis)


def entropy(log_p: Float[Array, "..."], axis: int = -1) -> Float[Array, "..."]:
    """−Σₐ p(a) log p(a), the sum along an axis."""
    return -jnp.sum(jnp.exp(log_p) * log_p, axis=axis)
