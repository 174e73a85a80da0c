"""Numbers that have a value already, and so can be checked, or stay what they are."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree, ScalarLike


def known(value: ScalarLike) -> int | float | None:
    """A number's value, to be checked; `None` inside a compiled program, where it has none yet."""
    return None if isinstance(value, Tracer) else np.asarray(value).item()


def constant(tree: PyTree) -> Any:
    """A pytree whose arrays are constant to derivatives; numbers that are none, such as a game's size, stay so."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, tree)
