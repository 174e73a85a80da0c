"""Optimisers of optax whose hyperparameters are leaves of a pytree."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import optax
from jaxtyping import PyTree, ScalarLike

from lookax.errors import BadInputError


class Optimiser(eqx.Module):
    """An optimiser of optax, with hyperparameters that `jax.vmap` and `jax.grad` see.

    `Optimiser(optax.adam, learning_rate=1e-3, b1=0.5)` does what `optax.adam(1e-3, b1=0.5)` does, and is a pytree of
    two numbers.

    **Attributes:**

    - `make`: from hyperparameters by name to an optax optimiser; a function that is always the same one, for programs
      are compiled for it.
    - `hyperparameters`: the floating-point ones by name, leaves.
    - `options`: the others, by name.
    """

    make: Callable[..., optax.GradientTransformation] = eqx.field(static=True)
    hyperparameters: dict[str, ScalarLike]
    options: tuple[tuple[str, Any], ...] = eqx.field(static=True)

    def __init__(self, make: Callable[..., optax.GradientTransformation], **hyperparameters: Any):
        self.make = make
        floats = {
            name: value
            for name, value in hyperparameters.items()
            if isinstance(value, float) or eqx.is_inexact_array(value)
        }
        self.hyperparameters = floats
        self.options = tuple(sorted((name, value) for name, value in hyperparameters.items() if name not in floats))

    def init(self, params: PyTree) -> PyTree:
        """The first state, for parameters of this form."""
        return self._made().init(eqx.filter(params, eqx.is_inexact_array))

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """Optax's `update`: from the gradient of a loss to what is added to the parameters, and the next state.

        **Arguments:** `updates`, the gradient of a loss, a pytree; the `state` before; the `params`, for optimisers
        that need them (for weight decay, say).
        """
        return self._made().update(updates, state, params)

    def _made(self) -> optax.GradientTransformation:
        return self.make(**self.hyperparameters, **dict(self.options))


AnyOptimiser = Optimiser | optax.GradientTransformation
"""One of these, or of optax."""


def as_optimiser(optimiser: Any) -> Any:
    """An optimiser as a pytree; one of optax becomes one without hyperparameters to vary."""
    if isinstance(optimiser, optax.GradientTransformation):
        return Optimiser(_Fixed(optimiser))
    if not isinstance(optimiser, Optimiser):
        raise BadInputError(f"optimiser: {optimiser!r} is not allowed; it must be one of optax, or an Optimiser")
    return optimiser


class _Fixed:
    """Gives an optimiser that is there already; equal if it is the same."""

    def __init__(self, transformation: optax.GradientTransformation):
        self._transformation = transformation

    def __call__(self) -> optax.GradientTransformation:
        return self._transformation

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fixed) and other._transformation == self._transformation

    def __hash__(self) -> int:
        return hash(self._transformation)


def step_size(learning_rate: ScalarLike, total_steps: int | None) -> Any:
    """What optax takes for a step size that falls linearly to zero.

    **Arguments:** the first `learning_rate`; in how many steps it falls, `None` for a constant one.
    """
    rate: Any = learning_rate
    return rate if total_steps is None else optax.linear_schedule(rate, 0.0, total_steps)
