"""Learning from Python: a learner's updates, one after the other, in one program."""

import jax
from jaxtyping import Array, Key

from lookax.errors import check_at_least
from lookax.learners.learner import Learner, Metrics, State


def train(
    learner: Learner[State], key: Key[Array, ""], updates: int, *, state: State | None = None
) -> tuple[State, Metrics]:
    """Makes a number of updates of a learner.

    It is a pure function: compile it, map it over keys, or over learners whose floats are arrays.

        histories = jax.vmap(lambda key: train(learner, key, 200)[1])(jax.random.split(key, 10))

    **Arguments:**

    - `learner`: what has `init(key)` and `update(key, state)`.
    - `key`: where all randomness comes from.
    - `updates`: how many, at least 1.
    - `state`: where to go on from; a first one by `init`, unless given.

    **Returns:** the state after them, and the metrics of every update, `[updates, …]`.

    **Raises:** `ValueError` for fewer than one update.
    """
    check_at_least("updates", updates, 1)
    init_key, key = jax.random.split(key)
    first = learner.init(init_key) if state is None else state
    return jax.lax.scan(lambda now, own: learner.update(own, now), first, jax.random.split(key, updates))
