"""Many runs in one program: seeds, and settings that differ in numbers only, are lanes of `jax.vmap`."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, PyTree

from lookax.learners.learner import Metrics
from lookax.runs.programs.devices import Devices, Rounds, usable

LOOP = 64
"""Most updates that one call of a program makes; there is room for the metrics of so many on the devices."""

EVALUATION = np.uint32(2**32 - 1)
"""What the key of a seed's evaluations is folded in with; those of its updates are folded in with their number."""


@runtime_checkable
class Experiment(Protocol):
    """What can be run: settings, a pytree of numbers, that know how to make a first state and the next one."""

    precision: ClassVar[Literal["float32", "float64"]]
    settings_in_lanes: ClassVar[bool]
    """Whether settings that share a program are lanes of one call of it, or take turns with it, as seeds never do."""
    spreads_games: ClassVar[bool]
    """Whether it pays to deal the games of a seed out to processors, where there are more of them than seeds."""
    updates_in_loops: ClassVar[bool]
    """Whether a call of a program may make several updates, in a loop on the device, which saves a millisecond each.

    Not where they use XLA's own convolutions, which take many times as long within a loop on processors. Those of
    [`lookax.policies.convolutional`][] take no longer there.
    """

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
        """The next state, and metrics of the update."""
        ...

    def evaluate(self, key: Array, state: PyTree) -> Metrics:
        """Metrics of a state; what is drawn for them is drawn from the key, another one for each seed."""
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
    """C experiments of one tree structure and all of their S seeds, learning at once; `[C · S]` leads every array.

    Lane c · S + s computes what experiment c alone would with seed s alone. States are arrays alone, dealt out to
    devices; `fetch` brings them, and metrics, to the host, and `put` takes what was fetched back.

    **Arguments:** the `experiments`; the `devices` to use, by default as many as are of use.
    """

    def __init__(self, experiments: Sequence[Experiment], devices: Sequence[Any] | None = None):
        self._x64 = experiments[0].precision == "float64"
        self.most = LOOP if experiments[0].updates_in_loops else 1
        """How many updates at once are the most."""
        numbers = _numbers(experiments)
        with jax.enable_x64(self._x64):
            inputs = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, numbers))
            state, _ = jax.eval_shape(jax.vmap(_start_one), *inputs)
            self._implementations = jax.tree.map(_implementation, state)
            self.template: PyTree = jax.eval_shape(_as_data, state)
            """Shapes and types of a state as `fetch` gives it."""
            number = jax.eval_shape(lambda: jnp.asarray(0))
            self._shapes = (*inputs, number, number, self.template)
            if devices is None:
                devices = usable(len(numbers[1]), experiments[0].spreads_games)
            self._devices = Devices(len(numbers[1]), lambda: jax.eval_shape(self._steps_lanes, *self._shapes), devices)
            self._experiments, self._seeds = self._dealt_out(numbers)
        self._programs: dict[str, Callable[..., Any]] = {}

    def with_numbers_of(self, experiments: Sequence[Experiment]) -> "Lanes":
        """As many other experiments of the same tree structure, in the same compiled programs."""
        other = copy.copy(self)
        with jax.enable_x64(self._x64):
            other._experiments, other._seeds = other._dealt_out(_numbers(experiments))
        return other

    def start(self) -> tuple[Rounds, Rounds]:
        """All lanes' first states, and their evaluation."""
        with jax.enable_x64(self._x64):
            rounds = self._program("start", self._start_lanes, *self._shapes[:2])(self._experiments, self._seeds)
            return tuple(state for state, _ in rounds), tuple(metrics for _, metrics in rounds)

    def step(self, number: int, state: Rounds) -> tuple[Rounds, Rounds]:
        """All lanes' update of that number, counting from 1, and its metrics."""
        state, metrics = self.steps(number, 1, state)
        with jax.enable_x64(self._x64):
            return state, _of_the_first(metrics)

    def steps(self, number: int, count: int, state: Rounds) -> tuple[Rounds, Rounds]:
        """All lanes' updates from that number on, `count` of them, `most` at the most, in one call of one program.

        **Returns:** the state after them; metrics `[C · S, most, …]`, the first `count` of which are theirs.
        """
        with jax.enable_x64(self._x64):
            program = self._program("steps", self._steps_lanes, *self._shapes)
            rounds = program(self._experiments, self._seeds, jnp.asarray(number), jnp.asarray(count), state)
            return tuple(after for after, _ in rounds), tuple(metrics for _, metrics in rounds)

    def evaluate(self, state: Rounds) -> Rounds:
        """All lanes' evaluation of a state."""
        with jax.enable_x64(self._x64):
            program = self._program("evaluate", self._evaluate_lanes, *self._shapes[:2], self.template)
            return program(self._experiments, self._seeds, state)

    def fetch(self, tree: Rounds) -> PyTree:
        """States or metrics as arrays of NumPy, `[C · S, …]`, in every process."""
        return self._devices.fetch(tree)

    def put(self, state: PyTree) -> Rounds:
        """A fetched state, on the devices again."""
        with jax.enable_x64(self._x64):
            return self._devices.put(state)

    def _dealt_out(self, numbers: PyTree) -> tuple[Rounds, Rounds]:
        typed = jax.tree.map(lambda value, like: value.astype(like.dtype), numbers, tuple(self._shapes[:2]))
        return self._devices.put(typed[0]), self._devices.put(typed[1])

    def _program(self, name: str, function: Callable[..., PyTree], *inputs: PyTree) -> Callable[..., Any]:
        if name not in self._programs:
            self._programs[name] = self._devices.compiled(function, *inputs)
        return self._programs[name]

    def _start_lanes(self, experiments: PyTree, seeds: Array) -> tuple[PyTree, Metrics]:
        state, metrics = jax.vmap(_start_one)(experiments, seeds)
        return _as_data(state), metrics

    def _steps_lanes(
        self, experiments: PyTree, seeds: Array, number: Array, count: Array, data: PyTree
    ) -> tuple[PyTree, Metrics]:
        if self.most == 1:
            data, metrics = self._step_lanes(experiments, seeds, number, data)
            return data, jax.tree.map(lambda values: values[:, None], metrics)
        step = jax.jit(self._step_lanes)  # so that it is traced once, for the shapes of metrics and for the loop

        def one_more(made: Array, before: tuple[PyTree, Metrics]) -> tuple[PyTree, Metrics]:
            data, metrics = step(experiments, seeds, number + made, before[0])
            return data, jax.tree.map(lambda room, values: room.at[:, made].set(values), before[1], metrics)

        _, shapes = jax.eval_shape(step, experiments, seeds, number, data)
        room = jax.tree.map(lambda like: jnp.zeros((like.shape[0], self.most, *like.shape[1:]), like.dtype), shapes)
        # How many is a number that is given, so that one program makes any number, and each update in the same way.
        return jax.lax.fori_loop(0, count, one_more, (data, room))

    def _step_lanes(self, experiments: PyTree, seeds: Array, number: Array, data: PyTree) -> tuple[PyTree, Metrics]:
        state, metrics = jax.vmap(_step_one, (0, 0, None, 0))(experiments, seeds, number, self._as_state(data))
        return _as_data(state), metrics

    def _evaluate_lanes(self, experiments: PyTree, seeds: Array, data: PyTree) -> Metrics:
        return jax.vmap(_evaluate_one)(experiments, seeds, self._as_state(data))

    def _as_state(self, data: PyTree) -> PyTree:
        return jax.tree.map(
            lambda leaf, made_by: jax.random.wrap_key_data(leaf, impl=made_by) if made_by else leaf,
            data,
            self._implementations,
        )


def _numbers(experiments: Sequence[Experiment]) -> tuple[PyTree, np.ndarray]:
    """The experiments' numbers and all seeds, by lane."""
    first = experiments[0]
    numbers = jax.tree.map(lambda *leaves: np.repeat(np.array(leaves, float), first.seeds), *experiments)
    return numbers, np.tile(first.first_seed + np.arange(first.seeds), len(experiments))


def _start_one(experiment: Experiment, seed: Array) -> tuple[PyTree, Metrics]:
    state = experiment.init(jax.random.fold_in(jax.random.key(seed), 0))
    return state, _evaluate_one(experiment, seed, state)


def _step_one(experiment: Experiment, seed: Array, number: Array, state: PyTree) -> tuple[PyTree, Metrics]:
    # A key of its own for every update, so that what a run draws does not depend on how it was cut into pieces.
    after, metrics = experiment.update(jax.random.fold_in(jax.random.key(seed), number), state)
    # Of a quantity that both have, the learner's is that before the update.
    evaluation = _evaluate_one(experiment, seed, after)
    return after, evaluation | {name: value for name, value in metrics.items() if name not in evaluation}


def _evaluate_one(experiment: Experiment, seed: Array, state: PyTree) -> Metrics:
    # One key for all of a seed's evaluations: what changes from one to the next is then what has been learned.
    return experiment.evaluate(evaluation_key(seed), state)


def evaluation_key(seed: ArrayLike) -> Array:
    """The key that a seed's states are evaluated with."""
    return jax.random.fold_in(jax.random.key(seed), EVALUATION)


@jax.jit
def _of_the_first(metrics: Rounds) -> Rounds:
    return jax.tree.map(lambda values: values[:, 0], metrics)


def _as_data(state: PyTree) -> PyTree:
    """Typed keys as the numbers that they are made of."""
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _implementation(leaf) else leaf, state)


def _implementation(leaf: Any) -> str:
    """By whom a leaf's keys are made; empty for anything but keys."""
    return str(jax.random.key_impl(leaf)) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else ""
