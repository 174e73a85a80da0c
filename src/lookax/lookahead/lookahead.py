"""K steps of an optimiser up an objective, which can be differentiated through.

    θ₀ = params,    θₖ₊₁ = θₖ + u(∇_θ J(θₖ; φ)),    k = 0 … K − 1,

with u the update of an optax optimiser and φ whatever the objective J or the optimiser closes over. How θ_K is
differentiated is the adjoint's choice: see [`lookax.lookahead.adjoints`][].

Steps may differ: with `inputs` step k's objective is J(θ, inputs[k]), a batch of data, say. Or data is sampled anew
before each step, from where the step starts: see
[`maximise_sampled`][lookax.lookahead.lookahead.Lookahead.maximise_sampled].

A step may be taken along one gradient and differentiated as if it had been another, its `curvature`:

    θₖ₊₁ = θₖ + u(⊥∇J(θₖ) + ∇J̃(θₖ) − ⊥∇J̃(θₖ)),    ⊥: constant to derivatives,

which tells apart what an estimate's value and what its derivative contribute to a meta-gradient's error.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from lookax.errors import BadInputError, check_at_least
from lookax.lookahead.adjoints import Adjoint, ForwardOverReverseAdjoint
from lookax.lookahead.objectives import Context, Objectives, closure_convert
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step

Sample = Callable[[Any, Any, Any], tuple[PyTree, PyTree]]
"""`data, carry = sample(params, carry, input)`: what a step's objective is estimated from, and what goes on."""


class Lookahead(eqx.Module):
    """K steps of this optimiser, differentiated this way.

    **Attributes:**

    - `optimiser`: an [`Optimiser`][lookax.lookahead.optimiser.Optimiser], or one of optax; it is given −∇J, as all of
      them descend. Its state starts afresh at each call, unless one is given.
    - `steps`: K ≥ 0.
    - `adjoint`: how the steps are differentiated.

    ```python
    lookahead = lx.Lookahead(optax.sgd(0.1), steps=3)


    def after_learning(target):
        return lookahead.maximise(lambda theta: -((theta - target) ** 2), jnp.array(0.0))


    print(jax.grad(after_learning)(1.0))  # 1 − 0.8³: through all three steps
    ```

    **Raises:** `ValueError` for a negative number of steps.
    """

    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    steps: int = eqx.field(static=True, default=1)
    adjoint: Adjoint = ForwardOverReverseAdjoint()

    def __check_init__(self):
        check_at_least("steps", self.steps, 0)

    def maximise(
        self,
        objectives: Objectives,
        params: PyTree,
        *,
        inputs: PyTree = None,
        curvature: Objectives | None = None,
        state: PyTree = None,
    ) -> PyTree:
        """θ_K, differentiable in θ₀ and in whatever objective and optimiser close over.

        **Arguments:**

        - `objectives`: J(θ), maximised; or a tuple of Jₘ(θ₁, …, θ_M) for M learners who step at once, each up its own.
        - `params`: θ₀ (a tuple of M for M learners): a pytree, an Equinox module for instance, whose floating-point
          arrays are learned; the rest stays as it is.
        - `inputs`: a pytree of arrays `[K, …]`; step k's objective is then J(θ, inputs[k]). Differentiable.
        - `curvature`: J̃ (one for each of the M learners); derivatives of a step are taken as if it had gone along ∇J̃.
          It is given the same inputs. J itself unless given. Where ∇J̃ is not finite the result is not, or (forward
          over reverse) its derivatives are not.
        - `state`: the optimiser's, to go on from; fresh unless given. Differentiable.

        **Raises:** `ValueError` for inputs that are not one per step, or objectives, parameters and curvature of
        different numbers of learners.
        """
        return self._run(objectives, params, inputs, None, None, curvature, state, _last)[0]

    def minimise(self, losses: Objectives, params: PyTree, *, inputs: PyTree = None, state: PyTree = None) -> PyTree:
        """θ_K of steps down a loss; errors as of `maximise`.

        **Arguments:** `losses`, minimised: one, or a tuple of M; `params`, `inputs` and `state` as of `maximise`.
        """
        return self.maximise(_negative(losses), params, inputs=inputs, state=state)

    def iterates(
        self,
        objectives: Objectives,
        params: PyTree,
        *,
        inputs: PyTree = None,
        curvature: Objectives | None = None,
        state: PyTree = None,
    ) -> PyTree:
        """θ₁, …, θ_K of the same steps, stacked: `[K, …]`. Errors as of `maximise`.

        **Arguments:** `objectives`, `params`, `inputs`, `curvature` and `state` as of `maximise`.
        """
        return self._run(objectives, params, inputs, None, None, curvature, state, _path)[0]

    def maximise_sampled(
        self,
        objectives: Objectives,
        params: PyTree,
        sample: Sample,
        carry: PyTree,
        inputs: PyTree,
        *,
        curvature: Objectives | None = None,
    ) -> tuple[PyTree, PyTree]:
        """θ_K of steps up objectives that are estimated from data, sampled anew before each step.

            dataₖ, carryₖ₊₁ = ⊥sample(θₖ, carryₖ, inputs[k]),    θₖ₊₁ = θₖ + u(∇_θ J(θₖ, dataₖ; φ))

        Data and carry are constant to derivatives.

        **Arguments:**

        - `objectives`, `params`, `curvature`: as of `maximise`; objective and curvature are given θ and the data.
        - `sample`: plays, or draws from a buffer.
        - `carry`: what it goes on with from step to step, a pytree of arrays: a buffer, a critic.
        - `inputs`: random keys `[K]`, say.

        **Returns:** θ_K and carry_K.
        """
        return self._run(objectives, params, inputs, sample, carry, curvature, None, _last)

    def _run(
        self,
        objectives: Objectives,
        params: PyTree,
        inputs: PyTree,
        sample: Sample | None,
        carry: PyTree,
        curvature: Objectives | None,
        state: PyTree,
        wanted: Callable[[PyTree, PyTree], PyTree],
    ) -> tuple[PyTree, PyTree]:
        """What is wanted of θ_K and of θ₁, …, θ_K; and the last carry."""
        _check_learners(objectives, curvature, params)
        if any(jnp.shape(leaf)[:1] != (self.steps,) for leaf in jax.tree.leaves(inputs)):
            raise BadInputError(f"inputs: their first axis must be over the {self.steps} steps")
        params, fixed = eqx.partition(_with_numbers_as_arrays(params), eqx.is_inexact_array)
        carry = jax.lax.stop_gradient(jax.tree.map(jnp.asarray, carry))
        if self.steps == 0:
            empty = jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape), leaf.dtype), params)
            return eqx.combine(wanted(params, empty), fixed), carry
        objectives, curvature = _of_arrays(objectives, fixed), _of_arrays(curvature, fixed)
        # Forms alone: keys among the inputs are not to be used twice.
        data = eqx.filter_eval_shape(lambda inputs: jax.tree.map(lambda leaf: leaf[0], inputs), inputs)
        draw: Any = None
        if sample is not None:
            draw = eqx.filter_closure_convert(
                lambda params, carry, given: sample(eqx.combine(params, fixed), carry, given), params, carry, data
            )
            data = eqx.filter_eval_shape(draw, params, carry, data)[0]
        example = () if sample is None and inputs is None else (data,)
        closed_over, objective = closure_convert(objectives, params, example)
        curved_over, curved = (None, None) if curvature is None else closure_convert(curvature, params, example)
        gradient = self.adjoint.gradient(objective, curved)
        # Optimisers close over their hyperparameters, samplers over players: as arrays, they are arguments of the loop.
        init = eqx.filter_closure_convert(self.optimiser.init, params)
        update = eqx.filter_closure_convert(self.optimiser.update, params, init(params), params)
        arrays, functions = eqx.partition((init, update), eqx.is_array)
        draw_arrays, draw_function = eqx.partition(draw, eqx.is_array)
        several = isinstance(objectives, tuple)

        def run(everything: PyTree) -> tuple[PyTree, PyTree]:
            params, state, carry, inputs, closed_over, curved_over, arrays, draw_arrays = everything
            init, update = eqx.combine(arrays, functions)
            draw = eqx.combine(draw_arrays, draw_function)
            optimiser = optax.GradientTransformation(init, update)

            def step(loop: tuple[PyTree, PyTree, PyTree], step_input: PyTree):
                params, state, carry = loop
                data = step_input
                if sample is not None:
                    data, carry = jax.lax.stop_gradient(draw(*jax.lax.stop_gradient((params, carry, step_input))))
                given, others = (data,) if example else (), params if several else None
                curved_context = None if curved is None else Context(curved_over, given, others)
                direction = gradient(params, (Context(closed_over, given, others), curved_context))
                params, state = ascent_step(direction, params, state, optimiser)
                return (params, state, carry), params

            start = params, init(params) if state is None else state, carry
            (last, _, carry), path = jax.lax.scan(self.adjoint.step(step), start, inputs, length=self.steps)
            return wanted(last, path), carry

        draw_arrays = jax.lax.stop_gradient(draw_arrays)
        everything = params, state, carry, inputs, closed_over, curved_over, arrays, draw_arrays
        result, carry = self.adjoint.run(run)(everything)
        return eqx.combine(result, fixed), carry


def _last(last: PyTree, path: PyTree) -> PyTree:
    del path
    return last


def _path(last: PyTree, path: PyTree) -> PyTree:
    del last
    return path


def _with_numbers_as_arrays(params: PyTree) -> PyTree:
    """Parameters that are numbers, or a tuple of them, as arrays; numbers within modules are none."""
    if isinstance(params, tuple) and not hasattr(params, "_fields"):
        return tuple(map(_with_numbers_as_arrays, params))
    return jnp.asarray(params) if isinstance(params, float) else params


def _check_learners(objectives: Objectives, curvature: Objectives | None, params: PyTree) -> None:
    if not isinstance(objectives, tuple):
        if isinstance(curvature, tuple):
            raise BadInputError("curvature: it must be one objective, as there is one to maximise")
        return
    given = {"params": params} if curvature is None else {"params": params, "curvature": curvature}
    for name, value in given.items():
        if not isinstance(value, tuple) or len(value) != len(objectives):
            raise BadInputError(f"{name}: it must be a tuple of {len(objectives)}, one for each of the objectives")


def _of_arrays(objectives: Any, fixed: PyTree) -> Any:
    """The same objectives of the arrays in their parameters, which are put back among what is fixed."""
    if objectives is None or not jax.tree.leaves(fixed):
        return objectives
    if isinstance(objectives, tuple):
        return tuple(_of_arrays(each, fixed) for each in objectives)
    return lambda params, *data: objectives(eqx.combine(params, fixed), *data)


def _negative(losses: Objectives) -> Objectives:
    if isinstance(losses, tuple):
        return tuple(lambda *given, loss=loss: -loss(*given) for loss in losses)
    return lambda *given: -losses(*given)
