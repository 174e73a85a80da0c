"""Checks of a learner before anything is compiled: everything that is missing or of a wrong shape, in one message."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from lookax.rollouts.check_game import PARTS, differences, game_complaints, name_of, raise_all, traced


def check_learner(learner: Any) -> None:
    """Raises an error that lists all that keeps `learner` from being a [`Learner`][lookax.learners.learner.Learner].

    It looks at whether `init(key)` and `update(key, state)` are there, work under `jax.vmap`, and do the same when they
    are traced twice; whether an update gives a state of the same shapes and types as it was given; and whether metrics
    are arrays by name. If the learner has a `game`, that is checked as
    [`check_game`][lookax.rollouts.check_game.check_game] does.

    Nothing is computed, but the update is traced three times, which may take seconds.

    ```python
    lx.check_learner(lx.lola(game))
    ```

    **Raises:** `ValueError`.
    """
    raise_all(name_of(learner), learner_complaints(learner))


def check_is_learner(learner: Any) -> None:
    """Raises `ValueError` for what has no `init` or `update`, or is a class."""
    raise_all(name_of(learner), _missing(learner))


def check_same_shapes(before: PyTree, after: PyTree) -> None:
    """Raises `ValueError`, naming all parts, if the state after an update differs from the one before in its form."""
    before, after = (jax.eval_shape(lambda tree: tree, eqx.filter(tree, eqx.is_array)) for tree in (before, after))
    raise_all("update", differences("its state", after, "the one before", before))


def _missing(learner: Any) -> list[str]:
    if isinstance(learner, type):
        return ["it is a class; give a learner, made by calling it"]
    missing = [part for part in ("init", "update") if not hasattr(learner, part)]
    return [f"it has no {', '.join(missing)}; a learner has init(key) and update(key, state)"] if missing else []


def learner_complaints(learner: Any) -> list[str]:
    """What is wrong with a learner, a line each."""
    if missing := _missing(learner):
        return missing
    game = getattr(learner, "game", None)
    complaints = game_complaints(game) if all(hasattr(game, part) for part in PARTS) else []
    key = jax.random.key(0)
    state, trouble = traced("init(key)", learner.init, key)
    if trouble:
        return complaints + trouble
    updated, trouble = traced("update(key, state)", learner.update, key, state)
    if trouble:
        return complaints + trouble
    if not isinstance(updated, tuple) or len(updated) != 2:
        return [*complaints, "update(key, state) must give a pair: the next state, and metrics"]
    after, metrics = updated
    complaints += differences("update's state", after, "init's", state)
    if not isinstance(metrics, dict) or any(len(jax.tree.leaves(value)) != 1 for value in metrics.values()):
        complaints.append("update's metrics must be a dict of arrays by name")
    return complaints
