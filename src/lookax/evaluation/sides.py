"""Who takes part in games between agents: the agents of a run, a group of agents of a file, or a fixed strategy."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from lookax.games.game import Policies

ON_ACCELERATORS = 32
"""How many matches are played at once on an accelerator."""


@dataclasses.dataclass(frozen=True)
class Side:
    """Who takes part: the agents of a run, a group of agents of a file, or a fixed strategy.

    **Attributes:**

    - `name`: what it is called.
    - `policies`: one per seat, arrays `[seeds, …]`; of a strategy, without that axis.
    - `seeds`: how many agents it has; `None` for a strategy, which is one.
    - `first_seed`: the random seed of the first; the others count up from it.
    """

    name: str
    policies: Policies
    seeds: int | None = None
    first_seed: int = 0

    @property
    def number(self) -> int:
        """How many agents it has."""
        return self.seeds or 1

    def taken(self, places: np.ndarray) -> Policies:
        """Policies of all seats, of seeds at these places, `[places, …]`."""
        if self.seeds is None:
            return jax.tree.map(lambda leaf: _repeated(leaf, len(places)), tuple(self.policies))
        return jax.tree.map(lambda leaf: leaf[places], tuple(self.policies))


def in_chunks(program: Callable[[np.ndarray], PyTree], number: int) -> PyTree:
    """What a program gives of many things, a few at a time: arrays of NumPy, `[number, …]`.

    Memory is that of one chunk: of one thing on a processor, which such programs keep busy, and of 32 elsewhere. The
    last chunk is filled up, so that all have the same shape and one compiled program serves them.

    **Arguments:** the `program`, from places `[chunk]` to arrays `[chunk, …]`; `number`, how many things there are, at
    least 1.
    """
    size = 1 if jax.default_backend() == "cpu" else ON_ACCELERATORS
    found = []
    for first in range(0, number, size):
        places = np.minimum(np.arange(first, first + size), number - 1)
        kept = min(size, number - first)
        found.append(jax.tree.map(lambda leaf, kept=kept: np.asarray(leaf)[:kept], program(places)))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *found)


def _repeated(leaf: Any, number: int) -> Any:
    return np.repeat(np.asarray(leaf)[None], number, axis=0) if eqx.is_array(leaf) else leaf
