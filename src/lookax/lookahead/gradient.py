"""The direction of a learning step, with a choice of what it is differentiated as, and how."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

Objective = Callable[..., Float[Array, ""]]
"""`objective(params)`, a scalar to be maximised; or `objective(params, input)` where steps have inputs.

It may close over anything, and derivatives flow through that too.
"""

Objectives = Objective | tuple[Objective, ...]
"""One objective for one learner's `params`; or M of them, for M learners who step at once.

With M objectives, `params` is a tuple θ = (θ₁, …, θ_M); learner m climbs Jₘ(θ₁, …, θ_M) over θₘ alone, along the
simultaneous gradient `(∂J₁/∂θ₁, …, ∂J_M/∂θ_M)`.
"""


class Surroundings(NamedTuple):
    """Whatever an objective depends on apart from its parameters, as arrays.

    The arrays that it has `closed_over`; its further `inputs`, none or one; and `others`, a stand-in for everybody's
    parameters where several learners step at once (None otherwise).
    """

    closed_over: PyTree
    inputs: tuple[PyTree, ...] = ()
    others: PyTree = None


ExplicitObjective = Callable[[Any, Any], Float[Array, ""]]
"""An objective of parameters and of everything else that it depends on."""

Direction = Callable[[PyTree, PyTree], PyTree]
"""`direction(params, surroundings)`: where a learning step goes, a pytree like `params`."""


def closure_converted(
    objectives: Objectives, params: PyTree, inputs: tuple[PyTree, ...] = ()
) -> tuple[PyTree, ExplicitObjective]:
    """The arrays that the objectives close over, and one explicit objective J(θ, surroundings) for all of them.

    Several objectives become the scalar Σₘ Jₘ(θ̂₁, …, θₘ, …, θ̂_M), with θ̂ the `others` in the surroundings: its
    gradient in θ at θ̂ = θ is the simultaneous gradient. With θ̂ an argument, one scalar serves for a vector field that
    is no scalar's gradient, and for that field's derivatives.
    """
    if not isinstance(objectives, tuple):
        closed_over, static = eqx.partition(eqx.filter_closure_convert(objectives, params, *inputs), eqx.is_array)
        return closed_over, lambda params, around: eqx.combine(around.closed_over, static)(params, *around.inputs)

    parts = [closure_converted(own, params, inputs) for own in objectives]

    def sum_of_own(params, around):
        own = [
            objective(
                (*around.others[:m], params[m], *around.others[m + 1 :]),
                Surroundings(around.closed_over[m], around.inputs),
            )
            for m, (_, objective) in enumerate(parts)
        ]
        return jnp.stack(own).sum()

    return tuple(closed_over for closed_over, _ in parts), sum_of_own


def differentiated_as(value: Direction, derivative: Direction) -> Direction:
    """The direction that goes where `value` goes and has the derivatives of `derivative`: ⊥g + g̃ − ⊥g̃.

    Its surroundings are the pair of theirs.
    """

    def climb(params, surroundings):
        goes, slopes = value(params, surroundings[0]), derivative(params, surroundings[1])
        stop = jax.lax.stop_gradient
        # g̃ − ⊥g̃ is zero, exactly, and only its derivatives are not.
        return jax.tree.map(lambda g, slope: stop(g) + (slope - stop(slope)), goes, slopes)

    return climb


def slope_pulled_back(
    objective: ExplicitObjective, params: PyTree, surroundings: PyTree, cotangent: PyTree
) -> tuple[PyTree, PyTree]:
    """vᵀ ∂g/∂θ and vᵀ ∂g/∂φ of the slope g(θ, φ) = ∇_θ J(θ, φ), for a cotangent v of it.

    Both are one directional derivative of a gradient, forward over reverse:

        vᵀ ∂g/∂(θ, φ) = ∂/∂ε ∇_{(θ, φ)} J(θ + εv, φ) at ε = 0

    (Pearlmutter 1994 for φ = θ). Integers and random keys in φ have no derivative; `None` is their cotangent.
    """
    floats, rest = eqx.partition(surroundings, eqx.is_inexact_array)

    def gradients(params: PyTree) -> tuple[PyTree, PyTree]:
        return jax.grad(lambda p, f: objective(p, eqx.combine(f, rest)), argnums=(0, 1))(params, floats)

    return jax.jvp(gradients, (params,), (cotangent,))[1]


def differentiated_forward_over_reverse(objective: ExplicitObjective, goes: Direction | None = None) -> Direction:
    """g(θ, φ) = ∇_θ J(θ, φ), whose derivative is a forward pass over the reverse pass that computes g.

    The vector-Jacobian product is then [`slope_pulled_back`][lookax.lookahead.gradient.slope_pulled_back], which stores
    no reverse pass: g's residuals are its inputs (Kemaev et al. 2025, MixFlow-MG). The result can be differentiated
    once more, in reverse.

    **Arguments:** `goes`: where to go instead of along g, while derivatives stay those of g, which is then itself never
    computed; the surroundings are then a pair, those of `goes` first.
    """

    @jax.custom_vjp
    def climb(params, surroundings):
        return _go(params, surroundings)

    def _go(params, surroundings):
        return jax.grad(objective)(params, surroundings) if goes is None else goes(params, surroundings[0])

    def forward(params, surroundings):
        # Not by `climb` itself: inside a scan, its second derivative would then mix up its arguments (jax 0.10).
        return _go(params, surroundings), (params, surroundings)

    def backward(inputs, cotangent):
        params, surroundings = inputs
        by_params, by_own = slope_pulled_back(
            objective, params, surroundings if goes is None else surroundings[1], cotangent
        )
        return by_params, by_own if goes is None else (None, by_own)

    climb.defvjp(forward, backward)
    return climb
