"""Many runs in one program: seeds, and settings that differ in numbers only, are lanes of `jax.vmap`."""

import copy
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, PyTree

from lookax.experiments.settings.numbers import numbers_of, structure_of, with_numbers
from lookax.experiments.studies.study import Study, evaluation, study_of
from lookax.learners.learner import Metrics
from lookax.runs.programs.devices import Devices, Rounds, usable

LOOP = 64
"""Most updates that one call of a program makes; there is room for the metrics of so many on the devices."""

EVALUATION = np.uint32(2**32 - 1)
"""What the key of a seed's evaluations is folded in with; those of its updates are folded in with their number."""


def grouped(settings: Sequence[Any]) -> list[list[list[int]]]:
    """Indices of settings: a list per program, in it a list per turn, in it those that learn at once.

    Settings that differ in numbers alone share a program. They learn at once or take turns, as their study says.
    """
    programs: dict[Hashable, list[list[int]]] = {}
    for index, each in enumerate(settings):
        turns = programs.setdefault(structure_of(each), [])
        if turns and study_of(each).settings_in_lanes:
            turns[0].append(index)
        else:
            turns.append([index])
    return list(programs.values())


class Lanes:
    """C settings that differ in numbers alone, and all of their S seeds, learning at once; `[C · S]` leads every array.

    Lane c · S + s computes what settings c alone would with seed s alone. States are arrays alone, sharded over
    devices; `fetch` brings them, and metrics, to the host, and `put` takes what was fetched back.

    **Arguments:** the `settings`; the `devices` to use, by default as many as are of use.
    """

    def __init__(self, settings: Sequence[Any], devices: Sequence[Any] | None = None):
        self._first = settings[0]
        study = study_of(settings[0])
        self._x64 = study.precision == "float64"
        numbers = _numbers(settings)
        with jax.enable_x64(self._x64):
            inputs = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, numbers))
            state, _ = jax.eval_shape(jax.vmap(self._start_one), *inputs)
            self._implementations = jax.tree.map(_implementation, state)
            self.template: PyTree = jax.eval_shape(_as_data, state)
            """Shapes and types of a state as `fetch` gives it."""
            number = jax.eval_shape(lambda: jnp.asarray(0))
            self._shapes = (*inputs, number, number, self.template)
            if devices is None:
                devices = usable(len(numbers[1]), study.spreads_games)
            self._devices = Devices(len(numbers[1]), lambda: jax.eval_shape(self._steps_lanes, *self._shapes), devices)
            self._numbers, self._seeds = self._sharded(numbers)
        self._programs: dict[str, Callable[..., Any]] = {}

    def with_numbers_of(self, settings: Sequence[Any]) -> "Lanes":
        """As many other settings that differ from these in numbers alone, in the same compiled programs."""
        other = copy.copy(self)
        with jax.enable_x64(self._x64):
            other._numbers, other._seeds = other._sharded(_numbers(settings))
        return other

    def start(self) -> tuple[Rounds, Rounds]:
        """All lanes' first states, and their evaluation."""
        with jax.enable_x64(self._x64):
            rounds = self._program("start", self._start_lanes, *self._shapes[:2])(self._numbers, self._seeds)
            return tuple(state for state, _ in rounds), tuple(metrics for _, metrics in rounds)

    def step(self, number: int, state: Rounds) -> tuple[Rounds, Rounds]:
        """All lanes' update of that number, counting from 1, and its metrics."""
        state, metrics = self.steps(number, 1, state)
        with jax.enable_x64(self._x64):
            return state, _of_the_first(metrics)

    def steps(self, number: int, count: int, state: Rounds) -> tuple[Rounds, Rounds]:
        """All lanes' updates from that number on, `count` of them, `LOOP` at the most, in one call of one program.

        **Arguments:** the `number` of the first update; the `count` of updates; the `state` before them, on the
        devices.

        **Returns:** the state after them; metrics `[C · S, LOOP, …]`, the first `count` of which are theirs.
        """
        with jax.enable_x64(self._x64):
            program = self._program("steps", self._steps_lanes, *self._shapes)
            rounds = program(self._numbers, self._seeds, jnp.asarray(number), jnp.asarray(count), state)
            return tuple(after for after, _ in rounds), tuple(metrics for _, metrics in rounds)

    def evaluate(self, state: Rounds) -> Rounds:
        """All lanes' evaluation of a state."""
        with jax.enable_x64(self._x64):
            program = self._program("evaluate", self._evaluate_lanes, *self._shapes[:2], self.template)
            return program(self._numbers, self._seeds, state)

    def metrics(self) -> dict[str, tuple[int, ...]]:
        """Shapes of one seed's metrics after an update, by name; nothing is computed."""
        with jax.enable_x64(self._x64):
            _, shapes = jax.eval_shape(self._step_lanes, *self._shapes[:3], self.template)
        return {name: leaf.shape[1:] for name, leaf in shapes.items()}

    def fetch(self, tree: Rounds) -> PyTree:
        """States or metrics as arrays of NumPy, `[C · S, …]`, in every process."""
        return self._devices.fetch(tree)

    def put(self, state: PyTree) -> Rounds:
        """A fetched state, on the devices again."""
        with jax.enable_x64(self._x64):
            return self._devices.put(state)

    def _sharded(self, numbers: PyTree) -> tuple[Rounds, Rounds]:
        typed = jax.tree.map(lambda value, like: value.astype(like.dtype), numbers, tuple(self._shapes[:2]))
        return self._devices.put(typed[0]), self._devices.put(typed[1])

    def _program(self, name: str, function: Callable[..., PyTree], *inputs: PyTree) -> Callable[..., Any]:
        if name not in self._programs:
            self._programs[name] = self._devices.compiled(function, *inputs)
        return self._programs[name]

    def _start_lanes(self, numbers: PyTree, seeds: Array) -> tuple[PyTree, Metrics]:
        state, metrics = jax.vmap(self._start_one)(numbers, seeds)
        return _as_data(state), metrics

    def _steps_lanes(
        self, numbers: PyTree, seeds: Array, number: Array, count: Array, data: PyTree
    ) -> tuple[PyTree, Metrics]:
        step = jax.jit(self._step_lanes)  # so that it is traced once, for the shapes of metrics and for the loop

        def one_more(made: Array, before: tuple[PyTree, Metrics]) -> tuple[PyTree, Metrics]:
            data, metrics = step(numbers, seeds, number + made, before[0])
            return data, jax.tree.map(lambda room, values: room.at[:, made].set(values), before[1], metrics)

        _, shapes = jax.eval_shape(step, numbers, seeds, number, data)
        room = jax.tree.map(lambda like: jnp.zeros((like.shape[0], LOOP, *like.shape[1:]), like.dtype), shapes)
        # How many is a number that is given, so that one program makes any number, and each update in the same way.
        return jax.lax.fori_loop(0, count, one_more, (data, room))

    def _step_lanes(self, numbers: PyTree, seeds: Array, number: Array, data: PyTree) -> tuple[PyTree, Metrics]:
        state, metrics = jax.vmap(self._step_one, (0, 0, None, 0))(numbers, seeds, number, self._as_state(data))
        return _as_data(state), metrics

    def _evaluate_lanes(self, numbers: PyTree, seeds: Array, data: PyTree) -> Metrics:
        return jax.vmap(self._evaluate_one)(numbers, seeds, self._as_state(data))

    def _study(self, numbers: Sequence[Array]) -> Study:
        return study_of(with_numbers(self._first, numbers))

    def _start_one(self, numbers: Sequence[Array], seed: Array) -> tuple[PyTree, Metrics]:
        state = self._study(numbers).init(jax.random.fold_in(jax.random.key(seed), 0))
        return state, self._evaluate_one(numbers, seed, state)

    def _step_one(self, numbers: Sequence[Array], seed: Array, number: Array, state: PyTree) -> tuple[PyTree, Metrics]:
        # A key of its own for every update, so that what a run draws does not depend on how it was interrupted.
        after, metrics = self._study(numbers).update(jax.random.fold_in(jax.random.key(seed), number), state)
        # Of a quantity that both have, the learner's is that before the update.
        evaluation = self._evaluate_one(numbers, seed, after)
        return after, evaluation | {name: value for name, value in metrics.items() if name not in evaluation}

    def _evaluate_one(self, numbers: Sequence[Array], seed: Array, state: PyTree) -> Metrics:
        # One key for all of a seed's evaluations: what changes from one to the next is then what has been learned.
        return evaluation(self._study(numbers), evaluation_key(seed), state)

    def _as_state(self, data: PyTree) -> PyTree:
        return jax.tree.map(
            lambda leaf, made_by: jax.random.wrap_key_data(leaf, impl=made_by) if made_by else leaf,
            data,
            self._implementations,
        )


def _numbers(settings: Sequence[Any]) -> tuple[PyTree, np.ndarray]:
    """The numbers of settings and all seeds, by lane."""
    first = settings[0]
    numbers = [np.repeat(np.array(each, float), first.seeds) for each in zip(*map(numbers_of, settings), strict=True)]
    return numbers, np.tile(first.first_seed + np.arange(first.seeds), len(settings))


def evaluation_key(seed: ArrayLike) -> Array:
    """The key that a seed's states are evaluated with."""
    return jax.random.fold_in(jax.random.key(seed), EVALUATION)


@jax.jit
def _of_the_first(metrics: Rounds) -> Rounds:
    return jax.tree.map(lambda values: values[:, 0], metrics)


def _as_data(state: PyTree) -> PyTree:
    """Typed keys as the numbers that they are made of, and no weak types.

    A first state may have weak types where later ones have none. The program would then be compiled twice.
    """
    return jax.tree.map(
        lambda leaf: (
            jax.random.key_data(leaf) if _implementation(leaf) else jax.lax.convert_element_type(leaf, leaf.dtype)
        ),
        state,
    )


def _implementation(leaf: Any) -> str:
    """By whom a leaf's keys are made; empty for anything but keys."""
    return str(jax.random.key_impl(leaf)) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else ""
