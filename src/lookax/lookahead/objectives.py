"""Objectives of learning steps, with everything that they depend on made an argument."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

Objective = Callable[..., Float[Array, ""]]
"""`objective(params)`, a scalar to be maximised; or `objective(params, data)` where steps have data.

It may close over anything, and derivatives flow through that too.
"""

Objectives = Objective | tuple[Objective, ...]
"""One objective for one learner's `params`; or M of them, for M learners who step at once.

With M objectives, `params` is a tuple θ = (θ₁, …, θ_M); learner m maximises Jₘ(θ₁, …, θ_M) over θₘ alone, along the
simultaneous gradient `(∂J₁/∂θ₁, …, ∂J_M/∂θ_M)`.
"""


@runtime_checkable
class Maximiser(Protocol):
    """Differentiable learning: from objectives and the parameters where it starts to those where it ends.

    [`Lookahead`][lookax.lookahead.lookahead.Lookahead] and [`ProximalPoint`][lookax.lookahead.proximal.ProximalPoint]
    are two.
    """

    def maximise(self, objectives: Objectives, params: PyTree) -> PyTree:
        """Where learning ends."""
        ...


class Context(NamedTuple):
    """Whatever an objective depends on apart from its parameters, as arrays.

    **Attributes:**

    - `closed_over`: the arrays that it closes over.
    - `data`: its further arguments, none or one.
    - `others`: a copy of all learners' parameters where several learn at once; `None` otherwise.
    """

    closed_over: PyTree
    data: tuple[PyTree, ...] = ()
    others: PyTree = None


ExplicitObjective = Callable[[Any, Any], Float[Array, ""]]
"""`objective(params, context)`: it closes over no array."""


def closure_convert(
    objectives: Objectives, params: PyTree, data: tuple[PyTree, ...] = ()
) -> tuple[PyTree, ExplicitObjective]:
    """The arrays that the objectives close over, and one explicit objective J(θ, context) for all of them.

    Several objectives become the scalar Σₘ Jₘ(θ̂₁, …, θₘ, …, θ̂_M), with θ̂ the `others` in the context: its gradient
    in θ at θ̂ = θ is the simultaneous gradient. With θ̂ an argument, one scalar serves for a vector field that is no
    scalar's gradient, and for that field's derivatives.

    **Arguments:**

    - `objectives`: one, or a tuple of M.
    - `params`, `data`: examples of their arguments; shapes and dtypes are enough.
    """
    if not isinstance(objectives, tuple):
        closed_over, static = eqx.partition(eqx.filter_closure_convert(objectives, params, *data), eqx.is_array)
        return closed_over, lambda params, context: eqx.combine(context.closed_over, static)(params, *context.data)

    each = [closure_convert(objective, params, data) for objective in objectives]

    def sum_of_all(params: PyTree, context: Context) -> Float[Array, ""]:
        values = [
            objective(
                (*context.others[:m], params[m], *context.others[m + 1 :]),
                Context(context.closed_over[m], context.data),
            )
            for m, (_, objective) in enumerate(each)
        ]
        return jnp.stack(values).sum()

    return tuple(closed_over for closed_over, _ in each), sum_of_all
