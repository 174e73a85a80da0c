"""The magic box of DiCE."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def magic_box(log_probs: Float[Array, "..."]) -> Float[Array, "..."]:
    """□(ℓ) = exp(ℓ − ⊥ℓ): 1, with the derivatives of a likelihood ratio (Foerster et al. 2018, DiCE, eq. 5)."""
    return jnp.exp(log_probs - jax.lax.stop_gradient(log_probs))
