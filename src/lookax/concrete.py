"""Numbers that have a value already, and so can be checked."""

import numpy as np
from jax.core import Tracer
from jaxtyping import ScalarLike


def known(value: ScalarLike) -> int | float | None:
    """A number's value, to be checked; `None` inside a compiled program, where it has none yet."""
    return None if isinstance(value, Tracer) else np.asarray(value).item()
