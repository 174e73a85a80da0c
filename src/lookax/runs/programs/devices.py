"""Which device computes what: lanes are sharded over all devices or, where they are few, the games of each lane are."""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from lookax.rollouts.sharding import games_over

LANES = PartitionSpec("lanes")

Rounds = tuple[PyTree, ...]
"""Arrays of lanes on the devices, by round."""

BLOCKS = 4
"""Blocks of lanes on processors; more where there are more devices."""


def use_cores() -> None:
    """Makes a device of JAX of every core of the processor; to be called before anything starts JAX.

    A device works on one program at a time, and on small arrays with one core. Nothing happens if JAX has started
    already, or its configuration says how many there are.
    """
    if jax.config.values["jax_num_cpu_devices"] == -1 and "xla_force_host" not in os.environ.get("XLA_FLAGS", ""):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", cores)


def usable(lanes: int, spreads_games: bool) -> Sequence[Any]:
    """The devices for so many lanes: all of JAX's but, of processors, no more than there are lanes.

    Unless it pays to spread the games of a lane over processors too.
    """
    devices = jax.devices()
    if spreads_games or devices[0].platform != "cpu" or jax.process_count() > 1:
        return devices
    return devices[:lanes]


def agreed(*numbers: int) -> tuple[int, ...]:
    """The largest of all processes' numbers, one by one, in each of them; they must all call it."""
    if jax.process_count() == 1:
        return numbers
    everybodys = multihost_utils.process_allgather(np.asarray(numbers, np.int32))
    return tuple(int(largest) for largest in everybodys.max(axis=0))


class Devices:
    """Devices of all processes that share a number of lanes: arrays with a leading axis of lanes.

    Lanes are sharded in order, in blocks of as many, padded with copies of the last one; where there are more blocks
    than devices, in several rounds. No device waits for another within a program, which computes one block. On
    processors the size of a block does not depend on how many devices there are, up to four, and so neither does what
    a lane computes, bit for bit: how XLA rounds depends on the sizes of arrays.

    Where there are fewer lanes than devices, and lanes play batches of games, the games are sharded instead; sums
    over a batch then come in another order, and results agree within rounding.

    **Arguments:** how many `lanes`; `plays`, a function that traces what they compute, to see whether it plays games;
    the `devices`, all of them by default.
    """

    def __init__(self, lanes: int, plays: Callable[[], object], devices: Sequence[Any] | None = None):
        devices = jax.devices() if devices is None else devices
        # All processes take part in every program, so each needs a device in it.
        few = devices[:lanes] if jax.process_count() == 1 else devices
        self._lanes = lanes
        self._sharding = NamedSharding(Mesh(np.array(few), ("lanes",)), LANES)
        self._games: NamedSharding | None = None
        if lanes < len(devices):
            games = NamedSharding(Mesh(np.array(devices), ("games",)), PartitionSpec("games"))
            with games_over(games) as sizes:
                plays()
            if sizes:
                self._games = games
                self._sharding = NamedSharding(games.mesh, PartitionSpec())
        shards = 1 if self._games else len(few)
        parts = max(BLOCKS, shards) if devices[0].platform == "cpu" and not self._games else shards
        self._block = -(-lanes // parts)
        self._round = self._block * shards
        replicated = NamedSharding(self._sharding.mesh, PartitionSpec())
        self._everywhere = jax.jit(lambda tree: tree, out_shardings=replicated)

    def compiled(self, function: Callable[..., PyTree], *inputs: PyTree) -> Callable[..., Rounds]:
        """A function of lanes as a program; of what `put` makes, or returned before, it returns a result per round.

        **Arguments:** `inputs`, as shapes and types; those without an axis are the same for all lanes.
        """
        block = jax.tree.map(lambda leaf: _with_lanes(leaf, self._block), inputs)
        if self._games is not None:
            with games_over(self._games):
                program = eqx.filter_jit(_traced(function, block))
        else:
            # Traced before it is mapped: within the map shapes name their mesh; lineax takes equal ones for different.
            traced = _traced(function, block)
            places = jax.tree.map(lambda leaf: LANES if leaf.shape else PartitionSpec(), inputs)
            mesh = self._sharding.mesh
            program = eqx.filter_jit(
                jax.shard_map(traced, mesh=mesh, in_specs=places, out_specs=LANES, check_vma=False)
            )

        def in_rounds(*arguments: PyTree) -> Rounds:
            rounds = max(len(argument) for argument in arguments if isinstance(argument, tuple))
            return tuple(
                program(*(argument[r] if isinstance(argument, tuple) else argument for argument in arguments))
                for r in range(rounds)
            )

        return in_rounds

    def put(self, tree: PyTree) -> Rounds:
        """Arrays `[lanes, …]` of NumPy, sharded: by round, arrays on the devices."""

        def sharded(leaf: np.ndarray, start: int) -> Array:
            part = leaf[start : start + self._round]
            padded = np.concatenate([part, np.repeat(leaf[-1:], self._round - len(part), axis=0)])
            return jax.make_array_from_callback(padded.shape, self._sharding, lambda piece: padded[piece])

        starts = range(0, self._lanes, self._round)
        return tuple(jax.tree.map(functools.partial(sharded, start=start), tree) for start in starts)

    def fetch(self, rounds: Rounds) -> PyTree:
        """Of results by round, arrays of NumPy, `[lanes, …]`, in every process."""
        if jax.process_count() > 1:
            rounds = tuple(self._everywhere(one) for one in rounds)
            parts = 1
        elif self._games is not None:
            return jax.tree.map(lambda leaf: np.asarray(leaf)[: self._lanes], rounds[0])
        else:
            parts = self._sharding.mesh.size
        # Part by part, which takes a fifth of the time that NumPy takes to put an array of several devices together.
        return jax.tree.map(
            lambda *leaves: np.concatenate(
                [np.asarray(leaf.addressable_data(part)) for leaf in leaves for part in range(parts)]
            )[: self._lanes],
            *rounds,
        )


def _traced(function: Callable[..., PyTree], inputs: Sequence[PyTree]) -> Callable[..., PyTree]:
    closed, outputs = jax.make_jaxpr(function, return_shape=True)(*inputs)
    run = jaxpr_as_fun(closed)
    structure = jax.tree.structure(outputs)

    def program(*arguments: PyTree) -> PyTree:
        return jax.tree.unflatten(structure, run(*jax.tree.leaves(arguments)))

    return program


def _with_lanes(leaf: jax.ShapeDtypeStruct, lanes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((lanes, *leaf.shape[1:]), leaf.dtype) if leaf.shape else leaf
