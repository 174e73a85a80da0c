"""How learning steps are differentiated.

| adjoint | dθ_K/d(θ₀, φ) by | memory |
|---|---|---|
| `ReverseAdjoint` | reverse mode over reverse mode | every intermediate of every step |
| `CheckpointAdjoint` | the same, each step recomputed on the way back | K iterates, one step's intermediates |
| `ForwardOverReverseAdjoint` | a Hessian-vector product per step | K iterates, K optimiser updates |
| `ForwardAdjoint` | tangents carried along: one per number of θ₀ and φ that is differentiated | those tangents |
| `FirstOrderAdjoint` | gradients count as constants: with SGD, the identity in θ₀ | nothing |

All but the last give the same derivatives. `ForwardAdjoint` pays where φ is a few numbers (hyperparameters).
What `ForwardOverReverseAdjoint` and `ForwardAdjoint` give can only be differentiated in reverse.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from lookax.lookahead.objectives import ExplicitObjective

Contexts = tuple[Any, Any]
"""The context of the objective, and that of what its steps are differentiated as (`None` for the objective itself)."""

GradientFunction = Callable[[PyTree, Contexts], PyTree]
"""`gradient(params, contexts)`: where a learning step goes, a pytree like `params`."""


class Adjoint(eqx.Module):
    """How learning steps are differentiated: the derivative of a step's gradient, and of the loop over steps."""

    @abc.abstractmethod
    def gradient(self, objective: ExplicitObjective, curvature: ExplicitObjective | None) -> GradientFunction:
        """∇_θ J(θ, φ), whose derivatives are those of ∇_θ J̃ where a `curvature` J̃ is given."""

    def step(self, step: Callable) -> Callable:
        """The body of the loop over steps, `step(carry, x) → carry, y`."""
        return step

    def run(self, run: Callable) -> Callable:
        """The whole loop, `run(everything) → result, aux`, as a function of everything that it depends on.

        Derivatives are those of the result; what is auxiliary is constant.
        """
        return run


class ReverseAdjoint(Adjoint):
    """Reverse mode through everything."""

    def gradient(self, objective: ExplicitObjective, curvature: ExplicitObjective | None) -> GradientFunction:
        """⊥∇J + ∇J̃ − ⊥∇J̃ (⊥: constant to derivatives)."""

        def gradient(params: PyTree, contexts: Contexts) -> PyTree:
            value = jax.grad(objective)(params, contexts[0])
            if curvature is None:
                return value
            stop = jax.lax.stop_gradient
            # ∇J̃ − ⊥∇J̃ is zero, exactly, and only its derivatives are not.
            curved = jax.grad(curvature)(params, contexts[1])
            return jax.tree.map(lambda g, c: stop(g) + (c - stop(c)), value, curved)

        return gradient


class CheckpointAdjoint(ReverseAdjoint):
    """Reverse mode that recomputes each step on the way back."""

    def step(self, step: Callable) -> Callable:
        """The body, rematerialised."""
        return jax.checkpoint(step, prevent_cse=False)


class ForwardOverReverseAdjoint(Adjoint):
    """A step's vector-Jacobian product by a forward pass over the reverse pass that computes its gradient.

    That is [`hessian_vector_product`][lookax.lookahead.adjoints.hessian_vector_product], which stores no reverse pass:
    the gradient's residuals are its inputs (Kemaev et al. 2025, MixFlow-MG). The result can be differentiated once
    more, in reverse. With a curvature ∇J̃ is never computed, only its derivatives are.
    """

    def gradient(self, objective: ExplicitObjective, curvature: ExplicitObjective | None) -> GradientFunction:
        """∇J, with a derivative rule of its own."""

        @jax.custom_vjp
        def gradient(params: PyTree, contexts: Contexts) -> PyTree:
            return jax.grad(objective)(params, contexts[0])

        def forward(params: PyTree, contexts: Contexts) -> tuple[PyTree, tuple[PyTree, Contexts]]:
            # Not by `gradient` itself: inside a scan, its second derivative would then mix up its arguments (jax 0.10).
            return jax.grad(objective)(params, contexts[0]), (params, contexts)

        def backward(inputs: tuple[PyTree, Contexts], cotangent: PyTree) -> tuple[PyTree, Any]:
            params, contexts = inputs
            if curvature is None:
                by_params, by_context = hessian_vector_product(objective, params, contexts[0], cotangent)
                return by_params, (by_context, None)
            by_params, by_context = hessian_vector_product(curvature, params, contexts[1], cotangent)
            return by_params, (None, by_context)

        gradient.defvjp(forward, backward)
        return gradient


class ForwardAdjoint(ReverseAdjoint):
    """A Jacobian carried forward along the steps, which the vector-Jacobian product then multiplies by.

    Only inputs that are differentiated get tangents: a gradient in a few hyperparameters stays cheap however many
    parameters the learner has.
    """

    def run(self, run: Callable) -> Callable:
        """The loop, with a derivative rule of its own."""

        @eqx.filter_custom_vjp
        def forward_run(inputs: PyTree) -> tuple[PyTree, PyTree]:
            return run(inputs)

        @forward_run.def_fwd
        def _(perturbed: PyTree, inputs: PyTree) -> tuple[tuple[PyTree, PyTree], Any]:
            flat, combine = _flat(inputs, perturbed)

            def flat_run(flat: Any) -> tuple[Any, tuple[PyTree, PyTree]]:
                result, aux = run(combine(flat))
                return ravel_pytree(result)[0], (result, aux)

            jacobian, results = jax.jacfwd(flat_run, has_aux=True)(flat)
            return results, jacobian

        @forward_run.def_bwd
        def _(jacobian: Any, cotangents: tuple[PyTree, PyTree], perturbed: PyTree, inputs: PyTree) -> PyTree:
            _, combine = _flat(inputs, perturbed)
            return eqx.filter(combine(ravel_pytree(cotangents[0])[0] @ jacobian), perturbed)

        return forward_run


class FirstOrderAdjoint(Adjoint):
    """Gradients count as constants (first-order MAML, Finn et al. 2017); a curvature is then of no use."""

    def gradient(self, objective: ExplicitObjective, curvature: ExplicitObjective | None) -> GradientFunction:
        """⊥∇J."""
        del curvature
        return lambda params, contexts: jax.lax.stop_gradient(jax.grad(objective)(params, contexts[0]))


def hessian_vector_product(
    objective: ExplicitObjective, params: PyTree, context: PyTree, vector: PyTree
) -> tuple[PyTree, PyTree]:
    """vᵀ ∂g/∂θ and vᵀ ∂g/∂φ of the gradient g(θ, φ) = ∇_θ J(θ, φ), for a cotangent v of it.

    Both are one directional derivative of a gradient, forward over reverse:

        vᵀ ∂g/∂(θ, φ) = ∂/∂ε ∇_{(θ, φ)} J(θ + εv, φ) at ε = 0

    (Pearlmutter 1994 for φ = θ). Integers and random keys in φ have no derivative; `None` is their cotangent.

    **Arguments:** the `objective` J(θ, φ); the `params` θ; the `context` φ, a pytree; the `vector` v, a pytree like θ.
    """
    floats, rest = eqx.partition(context, eqx.is_inexact_array)

    def gradients(params: PyTree) -> tuple[PyTree, PyTree]:
        return jax.grad(lambda p, f: objective(p, eqx.combine(f, rest)), argnums=(0, 1))(params, floats)

    return jax.jvp(gradients, (params,), (vector,))[1]


def _flat(inputs: PyTree, perturbed: PyTree) -> tuple[Any, Callable[[Any], PyTree]]:
    """The perturbed leaves of `inputs` as one vector, and the way back to all of them."""
    moving, fixed = eqx.partition(inputs, perturbed)
    flat, unravel = ravel_pytree(moving)
    return flat, lambda flat: eqx.combine(unravel(flat), fixed)
