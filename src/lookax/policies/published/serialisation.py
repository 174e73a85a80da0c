"""Serialised networks, as JSON can hold them: every array under its path in the network."""

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from lookax.errors import BadInputError

Like = TypeVar("Like")


def serialise(network: PyTree) -> dict[str, Any]:
    """Arrays as nested lists, by their path, such as `head.weight`."""
    return {path: np.asarray(leaf).tolist() for path, leaf in _paths(network).items()}


def deserialise(serialised: Mapping[str, Any], like: Like) -> Like:
    """A network of the form of `like`, which may hold shapes alone, with arrays that were serialised.

    **Raises:** `ValueError`, in one line, if they are not of that form.
    """
    leaves = []
    expected = _paths(like)
    if set(serialised) != set(expected):
        raise BadInputError(f"network: has {', '.join(serialised)}; it must have {', '.join(expected)}")
    for path, leaf in expected.items():
        try:
            array = np.array(serialised[path], float)
        except (ValueError, TypeError):
            raise BadInputError(f"network: {path} is not an array of numbers") from None
        if array.shape != leaf.shape or not np.isfinite(array).all():
            raise BadInputError(f"network: {path} has shape {array.shape}; it must be {leaf.shape}, finite numbers")
        leaves.append(jnp.asarray(array, leaf.dtype))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _paths(network: PyTree) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(network)
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in leaves}
