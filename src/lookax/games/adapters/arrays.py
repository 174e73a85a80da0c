"""What environments of others give, as arrays of lookax: vectors to see, and states whose types never change."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Num, PyTree

from lookax.imports import import_extra


def flat(observation: PyTree) -> Num[Array, " D"] | Bool[Array, " D"]:
    """All numbers of an observation, one after the other, of the type that they have: small ones are kept for less.

    Parts of it are in the order of their names.
    """
    leaves = [jnp.asarray(leaf).ravel() for leaf in jax.tree.leaves(observation)]
    return leaves[0] if len(leaves) == 1 else jnp.concatenate(leaves)


def as_arrays(state: PyTree) -> PyTree:
    """A state whose Python numbers are arrays, of a type that is no weak one."""
    return jax.tree.map(lambda leaf: leaf if _is_key(leaf) else jnp.asarray(leaf, jnp.result_type(leaf)), state)


def of_types(state: PyTree, like: PyTree) -> PyTree:
    """A state with the types of another: what environments start with and go on with may differ in them."""
    return jax.tree.map(lambda leaf, old: leaf if _is_key(leaf) else jnp.asarray(leaf, old.dtype), state, like)


def import_of_jax(module: str, extra: str) -> Any:
    """A module that makes arrays as it is imported: in single precision, and of no trace, whenever that is.

    **Raises:** `ValueError` where the extra is not installed.
    """
    with jax.ensure_compile_time_eval(), jax.enable_x64(False):
        return import_extra(module, extra)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", float), jax.dtypes.prng_key)
