"""The gradient of an objective, with a choice of how that gradient is itself differentiated."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

Objective = Callable[[PyTree], Float[Array, ""]]
"""`objective(params)`, a scalar to be maximised. It may close over anything, and derivatives flow through that too."""

Objectives = Objective | tuple[Objective, ...]
"""One objective for one learner's `params`; or M of them, for M learners who step at once.

With M objectives, `params` is a tuple θ = (θ₁, …, θ_M); learner m climbs Jₘ(θ₁, …, θ_M) over θₘ alone, along the
simultaneous gradient `(∂J₁/∂θ₁, …, ∂J_M/∂θ_M)`.
"""

ExplicitObjective = Callable[[PyTree, PyTree], Float[Array, ""]]
"""`objective(params, closed_over)`, with everything that it depends on an argument."""

Direction = Callable[[PyTree, PyTree], PyTree]
"""`direction(params, closed_over)`: where a learning step goes, a pytree like `params`."""


def closure_converted(objectives: Objectives, params: PyTree) -> tuple[PyTree, ExplicitObjective]:
    """The arrays that the objectives close over, and one explicit objective J(θ, closed over) for all of them.

    Several objectives become the scalar Σₘ Jₘ(θ̂₁, …, θₘ, …, θ̂_M), with θ̂ a stand-in for θ that `direction` fills
    with θ itself: its gradient in θ at θ̂ = θ is the simultaneous gradient. With θ̂ an argument, one scalar serves for a
    vector field that is no scalar's gradient, and for that field's derivatives.
    """
    if not isinstance(objectives, tuple):
        closed_over, static = eqx.partition(eqx.filter_closure_convert(objectives, params), eqx.is_array)
        return closed_over, lambda params, arrays: eqx.combine(arrays, static)(params)

    parts = [closure_converted(own, params) for own in objectives]

    def sum_of_own(params, closed_over):
        arrays, others = closed_over
        own = [
            objective((*others[:m], params[m], *others[m + 1 :]), arrays[m]) for m, (_, objective) in enumerate(parts)
        ]
        return jnp.stack(own).sum()

    return tuple(closed_over for closed_over, _ in parts), sum_of_own


def direction(objective: ExplicitObjective, simultaneous: bool, forward_over_reverse: bool) -> Direction:
    """g(θ, φ) = ∇_θ J(θ, φ), φ being what J closes over.

    **Arguments:**

    - `objective`: from `closure_converted`.
    - `simultaneous`: whether it stands for several learners.
    - `forward_over_reverse`: take the derivative of g by a forward pass over the reverse pass that computes g. The
      vector-Jacobian product with a cotangent v is then one directional derivative of a gradient,

        vᵀ ∂g/∂(θ, φ) = ∂/∂ε ∇_{(θ, φ)} J(θ + εv, φ) at ε = 0,

      which stores no reverse pass: g's residuals are its inputs. (Kemaev et al. 2025, MixFlow-MG; for φ = θ it is the
      Hessian-vector product of Pearlmutter 1994.) The result can be differentiated once more, in reverse.
    """
    climb = jax.grad(objective)
    if forward_over_reverse:
        climb = _with_forward_over_reverse(objective)
    if simultaneous:
        return lambda params, closed_over: climb(params, (closed_over, params))
    return climb


def _with_forward_over_reverse(objective: ExplicitObjective) -> Direction:
    @jax.custom_vjp
    def climb(params, closed_over):
        return jax.grad(objective)(params, closed_over)

    def forward(params, closed_over):
        # Not by `climb` itself: inside a scan, its second derivative would then mix up its arguments (jax 0.10).
        return jax.grad(objective)(params, closed_over), (params, closed_over)

    def backward(inputs, cotangent):
        params, closed_over = inputs
        # Integers and random keys have no derivative; None is their cotangent.
        floats, rest = eqx.partition(closed_over, eqx.is_inexact_array)

        def gradients(params):
            return jax.grad(lambda p, f: objective(p, eqx.combine(f, rest)), argnums=(0, 1))(params, floats)

        return jax.jvp(gradients, (params,), (cotangent,))[1]

    climb.defvjp(forward, backward)
    return climb
