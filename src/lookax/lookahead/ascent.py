"""Climbing an objective: one optimiser step, and as many as it takes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int, PyTree

from lookax.lookahead.gradient import Objective


def ascent_step(
    slope: PyTree, params: PyTree, state: PyTree, optimiser: optax.GradientTransformation
) -> tuple[PyTree, PyTree]:
    """One optimiser step up an objective with gradient `slope`: the parameters and the optimiser's state after it.

    Optimisers of optax descend; they are given the negative gradient.
    """
    updates, state = optimiser.update(jax.tree.map(jnp.negative, slope), state, params)
    return optax.apply_updates(params, updates), state


class Ascent(NamedTuple):
    """Where [`ascend`][lookax.lookahead.ascent.ascend] ended.

    `params`; the number of `steps` taken; `stopped`: whether its own rule stopped it, rather than the limit.
    """

    params: PyTree
    steps: Int[Array, ""]
    stopped: Bool[Array, ""]


def ascend(
    objective: Objective,
    params: PyTree,
    *,
    optimiser: optax.GradientTransformation,
    stop: Callable[[PyTree, PyTree], Bool[Array, ""]],
    max_steps: int,
) -> Ascent:
    """Climbs an objective by optimiser steps until `stop(θₖ, θₖ₊₁)`. Not differentiable.

    Under `jax.vmap` every lane stops on its own: one that has stopped stays exactly where it is while others go on.

    **Arguments:**

    - `optimiser`: an optax optimiser; starts from fresh state.
    - `stop`: given the parameters before and after a step, whether it was the last.
    - `max_steps`: give up after as many.
    """

    def going(carry):
        _, _, steps, stopped = carry
        return (steps < max_steps) & ~stopped

    def step(carry):
        params, state, steps, _ = carry
        improved, state = ascent_step(jax.grad(objective)(params), params, state, optimiser)
        return improved, state, steps + 1, stop(params, improved)

    start = (params, optimiser.init(params), jnp.array(0), jnp.array(False))
    params, _, steps, stopped = jax.lax.while_loop(going, step, start)
    return Ascent(params, steps, stopped)
