"""Many runs in one program: seeds, and settings that differ in numbers only, are lanes of `jax.vmap`."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from lookax.learners.state import Metrics


@runtime_checkable
class Experiment(Protocol):
    """What can be run: settings, a pytree of numbers, that know how to make a first state and the next one."""

    precision: ClassVar[Literal["float32", "float64"]]
    settings_in_lanes: ClassVar[bool]
    """Whether settings that share a program are lanes of one call of it, or take turns with it, as seeds never do."""

    @property
    def total_updates(self) -> int:
        """How many updates to learn for."""
        ...

    @property
    def seeds(self) -> int:
        """How many runs."""
        ...

    @property
    def first_seed(self) -> int:
        """Seed of the first run; the others count up from it."""
        ...

    def init(self, key: Array) -> PyTree:
        """The first state."""
        ...

    def update(self, key: Array, state: PyTree) -> tuple[PyTree, Metrics]:
        """The next state, and metrics of the update and of the state."""
        ...

    def evaluate(self, state: PyTree) -> Metrics:
        """Metrics of a state."""
        ...

    def describe(self, state: PyTree) -> dict[str, Any]:
        """A state's policies as JSON can hold them."""
        ...


def grouped(experiments: Sequence[Experiment]) -> list[list[list[int]]]:
    """Indices of the experiments: a list per program, in it a list per turn, in it those that learn at once.

    Settings that differ in leaves alone share a program. They learn at once or take turns, as they say.
    """
    programs: dict[Any, list[list[int]]] = {}
    for index, experiment in enumerate(experiments):
        turns = programs.setdefault(jax.tree.structure(experiment), [])
        if turns and experiment.settings_in_lanes:
            turns[0].append(index)
        else:
            turns.append([index])
    return list(programs.values())


class Lanes:
    """C experiments of one tree structure and all of their S seeds, learning at once; `[C, S]` leads every result.

    Lane (c, s) computes what experiment c alone would with seed s alone.
    """

    def __init__(self, experiments: Sequence[Experiment]):
        first = experiments[0]
        self._x64 = first.precision == "float64"
        with jax.enable_x64(self._x64):
            self._experiments = jax.tree.map(lambda *leaves: jnp.array(leaves, dtype=float), *experiments)
            self._keys = jax.vmap(jax.random.key)(first.first_seed + jnp.arange(first.seeds))

    def start(self) -> tuple[PyTree, Metrics]:
        """Everybody's first state, and its evaluation."""
        with jax.enable_x64(self._x64):
            return _start(self._experiments, self._keys)

    def step(self, number: int, state: PyTree) -> tuple[PyTree, Metrics]:
        """Everybody's update of that number, counting from 1, and its metrics."""
        with jax.enable_x64(self._x64):
            return _step(self._experiments, self._keys, jnp.asarray(number), state)


def _over_lanes(function, *axes: int | None):
    """`function(experiment, key, …)` over the seeds of every experiment; `axes` of the further arguments."""
    over_seeds = jax.vmap(function, (None, 0, *axes))
    # Equinox's jit tells an error of its solvers in words.
    return eqx.filter_jit(jax.vmap(over_seeds, (0, None, *axes)))


def _start_one(experiment: Experiment, key: Array):
    state = experiment.init(jax.random.fold_in(key, 0))
    return state, experiment.evaluate(state)


def _step_one(experiment: Experiment, key: Array, number: Array, state: PyTree):
    # A key of its own for every update, so that what a run draws does not depend on how it was cut into pieces.
    return experiment.update(jax.random.fold_in(key, number), state)


_start = _over_lanes(_start_one)
_step = _over_lanes(_step_one, None, 0)
