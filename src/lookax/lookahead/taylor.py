"""Looking ahead to first order: an objective's tangent plane instead of its value at the step's end."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree


def taylor(function: Callable[[PyTree], Float[Array, ""]], point: PyTree, displaced: PyTree) -> Float[Array, ""]:
    """f(x) + ⟨∇f(x), x′ − x⟩, differentiable in everything, x′ included.

    With f my return as a function of the opponent's parameters x, and x′ = x + η∇ₓ(the opponent's return), this is
    LOLA's objective (Foerster et al. 2018, eq. 4.1); its gradient in my parameters is

        ∇ᵢJᵢ + η ∇ᵢ(∇ⱼJᵢ · ∇ⱼJⱼ).

    **Arguments:** the `function` f, to a scalar; the `point` x, a pytree; the `displaced` point x′, a pytree like x.
    """
    value, change = jax.jvp(function, (point,), (jax.tree.map(jnp.subtract, displaced, point),))
    return value + change
