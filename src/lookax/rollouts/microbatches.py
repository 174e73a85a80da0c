"""Large batches as microbatches: those that fit a processor's cache, a part of them on every device."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from lookax.concrete import constant
from lookax.errors import check, check_at_least
from lookax.games.game import Game
from lookax.policies.actor import Actor
from lookax.rollouts.games import Games, actor_rollout
from lookax.rollouts.sharding import sharded, sharding_of

FIT_A_CACHE = 256
"""Games at once on a processor: the memories of as many, of a usual size, fit its second cache."""

FEW = 32
"""Fewer games at once than that leave a processor's vector units idle most of the time."""


class Play(eqx.Module):
    """Plays batches of games, in microbatches of as many as are good to have at once.

    **Attributes:**

    - `game`: what is played.
    - `horizon`: for how many steps.
    - `batch_size`: how many games.
    - `at_once`: how many of them are worked through at once, a divisor; `None` for what suits the kind of device. Other
      games are drawn for other numbers.

    **Raises:** `ValueError` for numbers out of range.
    """

    _: dataclasses.KW_ONLY
    game: Game
    horizon: int = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    at_once: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_at_least("horizon", self.horizon, 1)
        check_at_least("batch_size", self.batch_size, 1)
        if self.at_once is not None:
            divides = self.at_once >= 1 and self.batch_size % self.at_once == 0
            check(divides, "at_once", self.at_once, f"a divisor of the batch size, {self.batch_size}")

    @property
    def num_microbatches(self) -> int:
        """P.

        On a processor, microbatches are the largest that divide the batch and fit its cache. Where those would be of
        fewer than 32 games (257 is a prime number), microbatches are the smallest that divide the batch and do not fit.
        """
        if self.at_once is not None:
            return self.batch_size // self.at_once
        if jax.default_backend() != "cpu" or self.batch_size <= FIT_A_CACHE:
            return 1
        fitting, larger = range(FIT_A_CACHE, FEW - 1, -1), range(FIT_A_CACHE + 1, self.batch_size + 1)
        return self.batch_size // next(size for size in itertools.chain(fitting, larger) if self.batch_size % size == 0)

    def __call__(self, actors: Sequence[Actor], key: Key[Array, ""]) -> Games:
        """Games of these actors, in microbatches, `[devices, P / devices, …]`."""
        size = self.batch_size // self.num_microbatches

        def microbatch(actors: Sequence[Actor], key: Key[Array, ""]) -> Games:
            return actor_rollout(self.game, actors, key, horizon=self.horizon, batch_size=size)

        return in_microbatches(microbatch, tuple(actors), _shared_out(jax.random.split(key, self.num_microbatches)))


def in_microbatches(function: Callable[[PyTree, PyTree], PyTree], params: PyTree, microbatches: PyTree) -> PyTree:
    """A function of params and of each microbatch `[devices, P / devices, …]`, as a constant.

    **Arguments:** the `function` of params and of one microbatch; the `params`, a pytree; the `microbatches`, a pytree.
    """

    def of_device(params: PyTree, microbatches: PyTree) -> PyTree:
        return jax.lax.map(lambda microbatch: function(params, microbatch), microbatches)

    return _on_devices(of_device, constant(params), microbatches)


def mean_over_games(
    of_microbatch: Callable[[PyTree, PyTree], Float[Array, ""]], params: PyTree, microbatches: PyTree
) -> Float[Array, ""]:
    """The mean over microbatches `[devices, P / devices, …]` of a function of each, differentiable in `params` alone.

    Derivatives, of every order, take the memory of one microbatch, and every device adds up its own before they are
    summed.

    **Arguments:** `of_microbatch`: a mean over the games of a microbatch. It must close over nothing that is
    differentiated.
    """

    def of_device(params: PyTree, microbatches: PyTree) -> Float[Array, ""]:
        def add(total, microbatch):
            return total + of_microbatch(params, microbatch), None

        total, _ = jax.lax.scan(jax.checkpoint(add, prevent_cse=False), jnp.zeros(()), microbatches)
        return total

    microbatches = jax.lax.stop_gradient(microbatches)
    devices, each = jax.tree.leaves(microbatches)[0].shape[:2]
    return jnp.sum(_on_devices(of_device, params, microbatches)) / (devices * each)


def _shared_out(keys: Key[Array, " P"]) -> Key[Array, "devices _"]:
    game_sharding = sharding_of(keys.shape[0])
    return keys.reshape(1 if game_sharding is None else game_sharding.parts, -1)


def _on_devices(function: Callable[[PyTree, PyTree], PyTree], params: PyTree, shares: PyTree) -> PyTree:
    """A function of params and of each device's share `[devices, …]`, on that device."""
    devices = jax.tree.leaves(shares)[0].shape[0]
    if devices == 1:
        result = function(params, jax.tree.map(lambda leaf: leaf[0], shares))
        return jax.tree.map(lambda leaf: leaf[None], result)
    # A copy of the parameters for each: derivatives are then summed over devices once, at the end.
    arrays, static = eqx.partition(params, eqx.is_array)
    copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (devices, *leaf.shape)), arrays)
    return jax.vmap(lambda own, share: function(eqx.combine(own, static), share))(
        sharded(copies, 0), sharded(shares, 0)
    )
