"""On which devices games are played."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import NamedTuple

import jax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree


class GameSharding(NamedTuple):
    """Games go to the devices of a `sharding`, along one axis; `sizes` are those of batches that were sharded."""

    sharding: NamedSharding
    sizes: list[int]

    @property
    def parts(self) -> int:
        """The number of devices."""
        return self.sharding.mesh.size

    def along(self, leaf: Array, axis: int) -> Array:
        """An array with an axis sharded."""
        spec = PartitionSpec(*[None] * axis, *self.sharding.spec)
        return jax.lax.with_sharding_constraint(leaf, NamedSharding(self.sharding.mesh, spec))


_GAME_SHARDING = contextvars.ContextVar[GameSharding | None]("game_sharding", default=None)


@contextlib.contextmanager
def games_over(sharding: NamedSharding) -> Iterator[list[int]]:
    """Shards the games of rollouts traced within over the devices of a sharding along one axis.

    Batch sizes that the number of devices does not divide stay together. What is drawn does not depend on it.

    **Yields:** a list, to which the sizes of batches that are sharded are added.
    """
    game_sharding = GameSharding(sharding, [])
    token = _GAME_SHARDING.set(game_sharding)
    try:
        yield game_sharding.sizes
    finally:
        _GAME_SHARDING.reset(token)


def sharding_of(number: int) -> GameSharding | None:
    """How so many games or microbatches are sharded; `None` where they stay together."""
    game_sharding = _GAME_SHARDING.get()
    return None if game_sharding is None or number % game_sharding.parts else game_sharding


def sharded(tree: PyTree, axis: int) -> PyTree:
    """Arrays with an axis over games sharded; what is computed from them follows them there."""
    number = jax.tree.leaves(tree)[0].shape[axis]
    game_sharding = sharding_of(number)
    if game_sharding is None:
        return tree
    game_sharding.sizes.append(number)
    return jax.tree.map(lambda leaf: game_sharding.along(leaf, axis), tree)
