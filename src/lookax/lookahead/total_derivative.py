"""The total derivative of an objective by my parameters: directly, and through what the others learn."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree


class Ahead(NamedTuple):
    """Where others will have learned to, and how that depends on me.

    **Attributes:**

    - `params`: their parameters θ after their steps.
    - `pull_back`: g ↦ (∂θ/∂φ)ᵀ g, φ being mine; `None` where θ does not depend on φ.
    """

    params: PyTree
    pull_back: Callable[[PyTree], PyTree] | None


def ahead(look_ahead: Callable[[Any], tuple[PyTree, PyTree]], mine: PyTree) -> tuple[Ahead, PyTree]:
    """θ(φ) and its derivative at my φ, by a lookahead `look_ahead(φ) → θ, aux`; and what is auxiliary."""
    theirs, pull_back, aux = eqx.filter_vjp(look_ahead, mine, has_aux=True)
    return Ahead(theirs, lambda cotangent: pull_back(cotangent)[0]), aux


def total_gradient(objective: Callable[[Any, Any], Float[Array, ""]], mine: PyTree, theirs: Ahead) -> PyTree:
    """dF(φ, θ(φ))/dφ = ∂F/∂φ + (∂θ/∂φ)ᵀ ∂F/∂θ, at my φ and the θ(φ) that was found ahead.

    **Arguments:**

    - `objective`: F(φ, θ).
    - `mine`: φ.
    - `theirs`: θ(φ) and its derivative.
    """
    if theirs.pull_back is None:
        return eqx.filter_grad(lambda mine: objective(mine, theirs.params))(mine)
    by_mine, by_theirs = eqx.filter_grad(lambda both: objective(*both))((mine, theirs.params))
    return jax.tree.map(jnp.add, by_mine, theirs.pull_back(by_theirs))
