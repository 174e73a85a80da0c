"""Networks written out as JSON can hold them: every array under its place in the network."""

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from lookax.errors import BadInputError

Like = TypeVar("Like")


def as_written(network: PyTree) -> dict[str, Any]:
    """Arrays as nested lists, by their place, such as `head.weight`."""
    return {place: np.asarray(leaf).tolist() for place, leaf in _places(network).items()}


def from_written(written: Mapping[str, Any], like: Like) -> Like:
    """A network of the form of `like`, which may hold shapes alone, with the arrays that were written out.

    **Raises:** `ValueError`, in one line, if they are not of that form.
    """
    leaves = []
    expected = _places(like)
    if set(written) != set(expected):
        raise BadInputError(f"network: has {', '.join(written)}; it must have {', '.join(expected)}")
    for place, leaf in expected.items():
        try:
            array = np.array(written[place], float)
        except (ValueError, TypeError):
            raise BadInputError(f"network: {place} is not an array of numbers") from None
        if array.shape != leaf.shape or not np.isfinite(array).all():
            raise BadInputError(f"network: {place} has shape {array.shape}; it must be {leaf.shape}, finite numbers")
        leaves.append(jnp.asarray(array, leaf.dtype))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _places(network: PyTree) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(network)
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in leaves}
