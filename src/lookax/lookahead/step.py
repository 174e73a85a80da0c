"""One optimiser step up an objective."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from lookax.lookahead.optimiser import AnyOptimiser


def ascent_step(gradient: PyTree, params: PyTree, state: PyTree, optimiser: AnyOptimiser) -> tuple[PyTree, PyTree]:
    """One optimiser step up an objective: the parameters and the optimiser's state after it.

    **Arguments:**

    - `gradient`: of the objective, by the floating-point arrays among the parameters. Optimisers of optax descend; they
      are given its negative.
    - `params`, `state`: the parameters, a pytree, and the optimiser's state before the step.
    - `optimiser`: of optax, or an [`Optimiser`][lookax.lookahead.optimiser.Optimiser].
    """
    learned, fixed = eqx.partition(params, eqx.is_inexact_array)
    updates, state = optimiser.update(jax.tree.map(jnp.negative, gradient), state, learned)
    return eqx.combine(optax.apply_updates(learned, updates), fixed), state
