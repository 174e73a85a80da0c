"""Learning from Python: a learner's updates, one after the other, in one program."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Key

from lookax.errors import check_at_least
from lookax.learners.learner import Learner, Metrics, State
from lookax.training.check_learner import check_is_learner, check_same_shapes


def train(
    learner: Learner[State],
    key: Key[Array, ""],
    updates: int,
    *,
    state: State | None = None,
    evaluate: Callable[[Key[Array, ""], Any], Metrics] | None = None,
) -> tuple[State, Metrics]:
    """Makes a number of updates of a learner.

    It is a pure function: compile it, map it over keys, or over numbers that the learner is made of.

    ```python
    def history(rate, key):
        return lx.train(lx.lola(game, learning_rate=rate), key, 200)[1]


    histories = jax.jit(jax.vmap(history, (0, None)))(jnp.array([0.3, 1.0, 3.0]), jax.random.key(0))
    ```

    **Arguments:**

    - `learner`: what has `init(key)` and `update(key, state)`.
    - `key`: where all randomness comes from.
    - `updates`: how many, at least 1.
    - `state`: where to go on from; a first one by `init`, unless given.
    - `evaluate`: from a key, always the same one, and the state after an update to further metrics of it.

    **Returns:** the state after them, and the metrics of every update, `[updates, …]`.

    **Raises:** `ValueError` for fewer than one update, for what has no `init` or `update`, and for updates whose state
    is not of the shapes and types of the one before.
    """
    check_at_least("updates", updates, 1)
    check_is_learner(learner)
    init_key, evaluation_key, key = jax.random.split(key, 3)
    first = learner.init(init_key) if state is None else state

    def update(state: State, own: Key[Array, ""]) -> tuple[State, Metrics]:
        after, metrics = learner.update(own, state)
        check_same_shapes(state, after)
        state = after
        return state, metrics if evaluate is None else metrics | evaluate(evaluation_key, state)

    return jax.lax.scan(update, first, jax.random.split(key, updates))
