"""Differentiating learning steps that were taken already, without taking one again.

A learner that acts while it learns has taken the steps

    gₖ = ∇_θ J(θₖ, φₖ),    (θₖ₊₁, sₖ₊₁) = optimiser(θₖ, sₖ, gₖ)

before its outer objective F(θ_K) is known. Given the derivatives (θ̄ₖ₊₁, s̄ₖ₊₁) of F by what came after a step, those by
what came before it are

    ḡ, θ̄ₖ, s̄ₖ = (θ̄ₖ₊₁, s̄ₖ₊₁) pulled back through the optimiser,    then    θ̄ₖ += ḡᵀ ∂g/∂θ,    φ̄ₖ = ḡᵀ ∂g/∂φ,

the last two by one Hessian-vector product. It takes what was [recorded][lookax.lookahead.recorded.recorded_step] of
every step: θₖ, sₖ and gₖ.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from lookax.lookahead.adjoints import hessian_vector_product
from lookax.lookahead.objectives import ExplicitObjective
from lookax.lookahead.optimiser import AnyOptimiser
from lookax.lookahead.step import ascent_step


class StepRecord(NamedTuple):
    """A step that was taken, or several with a leading axis `[K, …]`.

    **Attributes:**

    - `params`, `state`: the parameters θₖ and the optimiser's state sₖ before it.
    - `gradient`: the gradient gₖ that it was taken along.
    """

    params: PyTree
    state: PyTree
    gradient: PyTree


def recorded_step(
    objective: ExplicitObjective, params: PyTree, state: PyTree, context: PyTree, optimiser: AnyOptimiser
) -> tuple[tuple[PyTree, PyTree], StepRecord]:
    """One step up J(θ, φ), φ being the `context`: (θₖ₊₁, sₖ₊₁), and what to keep of it.

    **Arguments:**

    - `objective`: J(θ, φ), maximised.
    - `params`, `state`: the parameters θₖ and the optimiser's state sₖ.
    - `context`: φ, a pytree.
    - `optimiser`: of optax, or an [`Optimiser`][lookax.lookahead.optimiser.Optimiser].
    """
    gradient = jax.grad(objective)(params, context)
    return ascent_step(gradient, params, state, optimiser), StepRecord(params, state, gradient)


def pull_back(
    objective: ExplicitObjective,
    steps: StepRecord,
    shared: PyTree,
    data: PyTree,
    optimiser: AnyOptimiser,
    by_params: PyTree,
) -> PyTree:
    """dF/dφ of recorded steps, of which step k was taken up J(θₖ, (φ, dataₖ)).

    **Arguments:**

    - `objective`: J.
    - `steps`: the K steps, with a leading axis.
    - `shared`: φ.
    - `data`: of each step, with a leading axis of K; constant.
    - `optimiser`: that of the steps.
    - `by_params`: dF/dθ_K.
    """
    start = jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]), eqx.filter(steps.state, eqx.is_inexact_array))

    def back(after: tuple[tuple[PyTree, PyTree], PyTree], made: tuple[StepRecord, PyTree]):
        cotangents, total = after
        step, data = made
        cotangents, (by_shared, _) = step_vjp(objective, step, (shared, data), optimiser, cotangents)
        return (cotangents, jax.tree.map(jnp.add, total, by_shared)), None

    # A loop, not K copies of it: what a step needs is then needed by one step at a time.
    first = (by_params, start), jax.tree.map(jnp.zeros_like, shared)
    (_, total), _ = jax.lax.scan(back, first, (steps, data), reverse=True)
    return total


def step_vjp(
    objective: ExplicitObjective,
    step: StepRecord,
    context: PyTree,
    optimiser: AnyOptimiser,
    cotangents: tuple[PyTree, PyTree],
) -> tuple[tuple[PyTree, PyTree], PyTree]:
    """Derivatives by what was before a step and by its context, from those by what came after it.

    **Arguments:**

    - `cotangents`: (θ̄ₖ₊₁, s̄ₖ₊₁), the latter of floating-point arrays alone (`None` for others).

    **Returns:** (θ̄ₖ, s̄ₖ) and φ̄ₖ, likewise.
    """
    floats, rest = eqx.partition(step.state, eqx.is_inexact_array)

    def apply(params: PyTree, floats: PyTree, gradient: PyTree) -> tuple[PyTree, PyTree]:
        params, state = ascent_step(gradient, params, eqx.combine(floats, rest), optimiser)
        return params, eqx.filter(state, eqx.is_inexact_array)

    by_params, by_state, by_gradient = jax.vjp(apply, step.params, floats, step.gradient)[1](cotangents)
    through_gradient, by_context = hessian_vector_product(objective, step.params, context, by_gradient)
    return (jax.tree.map(jnp.add, by_params, through_gradient), by_state), by_context
