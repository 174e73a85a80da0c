"""Gradient steps that can be differentiated through.

    θ₀ = params,    θₖ₊₁ = θₖ + u(∇_θ J(θₖ; φ)),    k = 0 … K − 1,

with u the update of an optax optimiser and φ whatever the objective J or the optimiser closes over. `adjoint` chooses
how θ_K is differentiated; all but `"none"` give the same derivatives and differ in time and memory:

| adjoint | dθ_K/d(θ₀, φ) by | memory |
|---|---|---|
| `"reverse"` | reverse mode over reverse mode | every intermediate of every step |
| `"checkpointed"` | the same, each step recomputed on the way back | K iterates, one step's intermediates |
| `"forward-over-reverse"` | a Hessian-vector product per step, forward over reverse | K iterates, K optimiser updates |
| `"forward"` | tangents carried along: one per number of θ₀ and φ that is differentiated | those tangents |
| `"none"` | gradients count as constants (first-order MAML, Finn et al. 2017): with SGD, the identity in θ₀ | nothing |

`"forward"` pays where φ is a few numbers (hyperparameters). The results of `"forward-over-reverse"` and `"forward"` can
only be differentiated in reverse.

Steps may differ: `inputs` has one entry for each, a random key or a batch of data, say. And a step may be taken along
one gradient and differentiated as if it had been another, its `curvature`:

    θₖ₊₁ = θₖ + u(⊥∇J(θₖ) + ∇J̃(θₖ) − ⊥∇J̃(θₖ)),    ⊥: constant to derivatives,

which tells apart what an estimate's value and what its derivative contribute to a meta-gradient's error.
"""

from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from lookax.errors import BadInputError, check, check_at_least
from lookax.lookahead.ascent import ascent_step
from lookax.lookahead.gradient import (
    Direction,
    Objectives,
    Surroundings,
    closure_converted,
    differentiated_as,
    differentiated_forward_over_reverse,
)

Adjoint = Literal["reverse", "checkpointed", "forward-over-reverse", "forward", "none"]


def unrolled(
    objectives: Objectives,
    params: PyTree,
    *,
    optimiser: optax.GradientTransformation,
    steps: int,
    adjoint: Adjoint = "forward-over-reverse",
    inputs: PyTree = None,
    curvature: Objectives | None = None,
    state: PyTree = None,
) -> PyTree:
    """θ_K after `steps` steps up the objective, differentiable in θ₀ and in what objective and optimiser close over.

    **Arguments:**

    - `objectives`: J(θ), maximised; or a tuple of Jₘ(θ₁, …, θ_M) for M learners who step at once, each up its own.
    - `params`: θ₀, a pytree of floating-point arrays (a tuple of M for M learners).
    - `optimiser`: an optax optimiser (of descent, as all are: it is given −∇J).
    - `steps`: K ≥ 0.
    - `adjoint`: how to differentiate; see the module's docstring.
    - `inputs`: a pytree of arrays `[K, …]`; step k's objective is then J(θ, inputs[k]). Differentiable.
    - `curvature`: J̃ (one for each of the M learners); derivatives of a step are taken as if it had gone along ∇J̃. It
      is given the same inputs. J itself unless given. Where ∇J̃ is not finite the result is not, or (forward over
      reverse) its derivatives are not.
    - `state`: the optimiser's, to go on from; fresh unless given. Differentiable.

    **Raises:** `ValueError` for a negative number of steps, an unknown adjoint, inputs that are not one per step, or
    objectives, parameters and curvature of different numbers of learners.
    """
    return _unroll(objectives, params, optimiser, steps, adjoint, inputs, curvature, state, lambda last, _: last)


def iterates(
    objectives: Objectives,
    params: PyTree,
    *,
    optimiser: optax.GradientTransformation,
    steps: int,
    adjoint: Adjoint = "forward-over-reverse",
    inputs: PyTree = None,
    curvature: Objectives | None = None,
    state: PyTree = None,
) -> PyTree:
    """θ₁, …, θ_K of the same steps, stacked: `[K, …]`. Arguments and errors as of `unrolled`."""
    return _unroll(objectives, params, optimiser, steps, adjoint, inputs, curvature, state, lambda _, path: path)


def _unroll(objectives, params, optimiser, steps, adjoint, inputs, curvature, state, wanted):
    check_at_least("steps", steps, 0)
    check(adjoint in get_args(Adjoint), "adjoint", adjoint, f"one of {', '.join(get_args(Adjoint))}")
    _check_learners(objectives, curvature, params)
    if any(jnp.shape(leaf)[:1] != (steps,) for leaf in jax.tree.leaves(inputs)):
        raise BadInputError(f"inputs: their first axis must be over the {steps} steps")
    params = jax.tree.map(jnp.asarray, params)
    if steps == 0:
        return wanted(params, jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape), leaf.dtype), params))
    closed_over, climb = _direction(objectives, curvature, params, inputs, adjoint)
    # Optimisers close over their hyperparameters; as arrays, these can be differentiated like everything else.
    init = eqx.filter_closure_convert(optimiser.init, params)
    update = eqx.filter_closure_convert(optimiser.update, params, init(params), params)
    hyperparameters, functions = eqx.partition((init, update), eqx.is_array)

    def run(params, state, inputs, closed_over, hyperparameters):
        converted = optax.GradientTransformation(*eqx.combine(hyperparameters, functions))

        def step(carry, step_input):
            params, state = carry
            slope = climb(params, closed_over, step_input)
            if adjoint == "none":
                slope = jax.lax.stop_gradient(slope)
            params, state = ascent_step(slope, params, state, converted)
            return (params, state), params

        step = jax.checkpoint(step, prevent_cse=False) if adjoint == "checkpointed" else step
        first = converted.init(params) if state is None else state
        (last, _), path = jax.lax.scan(step, (params, first), inputs, length=steps)
        return wanted(last, path)

    everything = (params, state, inputs, closed_over, hyperparameters)
    return _by_forward_mode(run)(everything) if adjoint == "forward" else run(*everything)


def _check_learners(objectives, curvature, params):
    if not isinstance(objectives, tuple):
        if isinstance(curvature, tuple):
            raise BadInputError("curvature: it must be one objective, as there is one to climb")
        return
    given = {"params": params} if curvature is None else {"params": params, "curvature": curvature}
    for name, value in given.items():
        if not isinstance(value, tuple) or len(value) != len(objectives):
            raise BadInputError(f"{name}: it must be a tuple of {len(objectives)}, one for each of the objectives")


def _direction(objectives, curvature, params, inputs, adjoint):
    """What the objectives close over, and the direction of one step from parameters, that, and the step's input."""
    first_input = () if inputs is None else (jax.tree.map(lambda leaf: leaf[0], inputs),)
    several = isinstance(objectives, tuple)
    closed_over, objective = closure_converted(objectives, params, first_input)
    if adjoint == "none":
        curvature = None  # there are no derivatives to take from elsewhere
    curved_over, curved = (None, None) if curvature is None else closure_converted(curvature, params, first_input)
    direction: Direction
    if adjoint == "forward-over-reverse":
        goes = None if curved is None else jax.grad(objective)
        direction = differentiated_forward_over_reverse(curved or objective, goes)
    elif curved is None:
        direction = jax.grad(objective)
    else:
        direction = differentiated_as(jax.grad(objective), jax.grad(curved))

    def climb(params, closed_over, step_input):
        closed_over, curved_over = closed_over
        own_inputs = () if inputs is None else (step_input,)
        others = params if several else None
        around = Surroundings(closed_over, own_inputs, others)
        if curved is None:
            return direction(params, around)
        return direction(params, (around, Surroundings(curved_over, own_inputs, others)))

    return (closed_over, curved_over), climb


def _by_forward_mode(run):
    """`run`, with a vector-Jacobian product that multiplies by a Jacobian carried forward along the run.

    Only inputs that are being differentiated get tangents: a gradient in a few hyperparameters stays cheap however many
    parameters the learner has.
    """

    @eqx.filter_custom_vjp
    def forward_run(inputs):
        return run(*inputs)

    @forward_run.def_fwd
    def _(perturbed, inputs):
        flat, combine = _flat(inputs, perturbed)

        def flat_run(flat):
            result = run(*combine(flat))
            return ravel_pytree(result)[0], result

        jacobian, result = jax.jacfwd(flat_run, has_aux=True)(flat)
        return result, jacobian

    @forward_run.def_bwd
    def _(jacobian, cotangent, perturbed, inputs):
        _, combine = _flat(inputs, perturbed)
        return eqx.filter(combine(ravel_pytree(cotangent)[0] @ jacobian), perturbed)

    return forward_run


def _flat(inputs, perturbed):
    """The perturbed leaves of `inputs` as one vector, and the way back to all of them."""
    moving, fixed = eqx.partition(inputs, perturbed)
    flat, unravel = ravel_pytree(moving)
    return flat, lambda flat: eqx.combine(unravel(flat), fixed)
