"""Maximising an objective by as many optimiser steps as it takes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from lookax.lookahead.objectives import Objective
from lookax.lookahead.optimiser import AnyOptimiser
from lookax.lookahead.step import ascent_step


class Ascent(NamedTuple):
    """Where [`ascend`][lookax.lookahead.ascent.ascend] ended.

    **Attributes:**

    - `params`: the parameters.
    - `steps`: the number of steps taken.
    - `stopped`: whether the rule stopped it, rather than the limit.
    """

    params: PyTree
    steps: Int[Array, ""]
    stopped: Bool[Array, ""]


def ascend(
    objective: Objective,
    params: PyTree,
    *,
    optimiser: AnyOptimiser,
    stop: Callable[[PyTree, PyTree], Bool[Array, ""]],
    max_steps: int,
) -> Ascent:
    """Maximises an objective by optimiser steps until `stop(θₖ, θₖ₊₁)`. Not differentiable.

    Under `jax.vmap` every lane stops on its own: one that has stopped stays exactly where it is while others go on.

    **Arguments:**

    - `objective`: J(θ).
    - `params`: θ₀.
    - `optimiser`: starts from a fresh state.
    - `stop`: given the parameters before and after a step, whether it was the last.
    - `max_steps`: the limit.
    """

    def unfinished(carry):
        _, _, steps, stopped = carry
        return (steps < max_steps) & ~stopped

    def step(carry):
        params, state, steps, _ = carry
        improved, state = ascent_step(jax.grad(objective)(params), params, state, optimiser)
        return improved, state, steps + 1, stop(params, improved)

    start = (params, optimiser.init(params), jnp.array(0), jnp.array(False))
    params, _, steps, stopped = jax.lax.while_loop(unfinished, step, start)
    return Ascent(params, steps, stopped)
