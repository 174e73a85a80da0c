"""On which devices games are played."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import NamedTuple

import jax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree


class GameSharding(NamedTuple):
    """Games go to the devices of a `sharding`, along one axis; `sizes` are those of batches that were dealt out."""

    sharding: NamedSharding
    sizes: list[int]

    @property
    def parts(self) -> int:
        """The number of devices."""
        return self.sharding.mesh.size

    def along(self, leaf: Array, axis: int) -> Array:
        """An array with an axis dealt out."""
        spec = PartitionSpec(*[None] * axis, *self.sharding.spec)
        return jax.lax.with_sharding_constraint(leaf, NamedSharding(self.sharding.mesh, spec))


_DEALING = contextvars.ContextVar[GameSharding | None]("dealing", default=None)


@contextlib.contextmanager
def games_over(sharding: NamedSharding) -> Iterator[list[int]]:
    """Deals the games of rollouts traced within out to the devices of a sharding along one axis.

    Batch sizes that the number of devices does not divide stay together. What is drawn does not depend on it.

    **Yields:** a list, to which the sizes of batches that are dealt out are added.
    """
    dealing = GameSharding(sharding, [])
    token = _DEALING.set(dealing)
    try:
        yield dealing.sizes
    finally:
        _DEALING.reset(token)


def sharding_of(number: int) -> GameSharding | None:
    """How so many games or microbatches are dealt out; `None` where they stay together."""
    dealing = _DEALING.get()
    return None if dealing is None or number % dealing.parts else dealing


def sharded(tree: PyTree, axis: int) -> PyTree:
    """Arrays with an axis over games dealt out; what is computed from them follows them there."""
    number = jax.tree.leaves(tree)[0].shape[axis]
    dealing = sharding_of(number)
    if dealing is None:
        return tree
    dealing.sizes.append(number)
    return jax.tree.map(lambda leaf: dealing.along(leaf, axis), tree)
