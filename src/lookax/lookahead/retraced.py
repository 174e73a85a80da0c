"""Back through learning steps that were taken already, none of which is taken again.

Who acts while learning has taken the steps

    gₖ = ∇_θ J(θₖ, φₖ),    (θₖ₊₁, sₖ₊₁) = optimiser(θₖ, sₖ, gₖ)

before it knows what they are to be judged by. Of an objective of (θ_K, s_K) with derivatives (θ̄_K, s̄_K), one step's are

    ḡ, θ̄ₖ, s̄ₖ = (θ̄ₖ₊₁, s̄ₖ₊₁) pulled back through the optimiser,    then    θ̄ₖ += ḡᵀ ∂g/∂θ,    φ̄ₖ = ḡᵀ ∂g/∂φ,

the last two by one pass, forward over reverse. What it takes is what [`taken`][lookax.lookahead.retraced.taken] kept of
every step: θₖ, sₖ and gₖ.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from lookax.lookahead.ascent import ascent_step
from lookax.lookahead.gradient import ExplicitObjective, slope_pulled_back


class Taken(NamedTuple):
    """A step: the parameters θₖ and the optimiser's state sₖ before it, and the slope gₖ that it took."""

    params: PyTree
    state: PyTree
    slope: PyTree


def taken(
    objective: ExplicitObjective,
    params: PyTree,
    state: PyTree,
    surroundings: PyTree,
    optimiser: optax.GradientTransformation,
) -> tuple[tuple[PyTree, PyTree], Taken]:
    """One step of an optimiser up J(θ, φ), with φ the `surroundings`: (θₖ₊₁, sₖ₊₁), and what to keep of it."""
    slope = jax.grad(objective)(params, surroundings)
    return ascent_step(slope, params, state, optimiser), Taken(params, state, slope)


def retraced(
    objective: ExplicitObjective,
    step: Taken,
    surroundings: PyTree,
    optimiser: optax.GradientTransformation,
    cotangents: tuple[PyTree, PyTree],
) -> tuple[tuple[PyTree, PyTree], PyTree]:
    """Derivatives by what was before a step and by its surroundings, from those by what came after it.

    **Arguments:** `cotangents` (θ̄ₖ₊₁, s̄ₖ₊₁), the latter of floating-point arrays alone (`None` for others).

    **Returns:** (θ̄ₖ, s̄ₖ) and φ̄ₖ, likewise.
    """
    floats, rest = eqx.partition(step.state, eqx.is_inexact_array)

    def apply(params: PyTree, floats: PyTree, slope: PyTree) -> tuple[PyTree, PyTree]:
        params, state = ascent_step(slope, params, eqx.combine(floats, rest), optimiser)
        return params, eqx.filter(state, eqx.is_inexact_array)

    by_params, by_state, by_slope = jax.vjp(apply, step.params, floats, step.slope)[1](cotangents)
    through_slope, by_surroundings = slope_pulled_back(objective, step.params, surroundings, by_slope)
    return (jax.tree.map(jnp.add, by_params, through_slope), by_state), by_surroundings
