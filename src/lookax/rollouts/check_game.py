"""Checks of a game before anything is compiled: everything that is missing or of a wrong shape, in one message."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lookax.errors import BadInputError, first_line

PARTS = ("num_players", "num_actions", "reset", "step", "observe")


def check_game(game: Any) -> None:
    """Raises an error that lists all that keeps `game` from being a [`Game`][lookax.games.game.Game].

    It looks at whether

    - all parts are there, and the game is a pytree, such as an `eqx.Module`, as programs take it for an argument;
    - `num_actions` has an entry per player;
    - `step` gives a state of the same shapes and types as `reset`, and a reward per player;
    - `observe` gives a vector of floats for every player;
    - all of them work under `jax.vmap`, and do the same when they are traced twice (random numbers from anywhere but
      the key are drawn once, when a program is compiled).

    Nothing is computed; it takes some tens of milliseconds.

    ```python
    lx.check_game(MyGame())
    ```

    **Raises:** `ValueError`.
    """
    raise_all(name_of(game), game_complaints(game))


def name_of(thing: Any) -> str:
    """What to call it: its class, or itself if it is one."""
    return (thing if isinstance(thing, type) else type(thing)).__name__


def raise_all(name: str, complaints: list[str]) -> None:
    """Raises one error for all complaints, if there are any."""
    if len(complaints) == 1:
        raise BadInputError(f"{name}: {complaints[0]}")
    if complaints:
        raise BadInputError("\n- ".join([f"{name}: {len(complaints)} things are wrong", *complaints]))


def game_complaints(game: Any) -> list[str]:
    """What is wrong with a game, a line each."""
    if isinstance(game, type):
        return ["it is a class; give a game, made by calling it"]
    missing = [part for part in PARTS if not hasattr(game, part)]
    if missing:
        return [f"it has no {', '.join(missing)}; a game has {', '.join(PARTS)}"]
    complaints = []
    if jax.tree.structure(game) == jax.tree.structure(0):
        complaints.append("it is no pytree; make its class a subclass of `equinox.Module`")
    num_players, num_actions = game.num_players, game.num_actions
    if not isinstance(num_actions, tuple) or len(num_actions) != num_players:
        return [*complaints, f"num_actions: {num_actions!r} must be a tuple of {num_players}, one for each player"]
    return complaints + _functions(game)


def _functions(game: Any) -> list[str]:
    key, n = jax.random.key(0), game.num_players
    actions = jnp.zeros(n, jnp.int32)
    state, trouble = traced("reset(key)", game.reset, key)
    if trouble:
        return trouble
    complaints: list[str] = []
    stepped, trouble = traced("step(key, state, actions)", game.step, key, state, actions)
    complaints += trouble
    if not trouble:
        if not isinstance(stepped, tuple) or len(stepped) != 2:
            complaints.append("step(key, state, actions) must give a pair: the next state, and rewards")
        else:
            complaints += differences("step's state", stepped[0], "reset's", state)
            rewards = stepped[1]
            if getattr(rewards, "shape", None) != (n,) or not jnp.issubdtype(rewards.dtype, jnp.floating):
                complaints.append(f"step's rewards are {described(rewards)}; they must be {n} floats, one per player")
    for player in range(n):
        observation, trouble = traced(f"observe(state, {player})", lambda s, p=player: game.observe(s, p), state)
        complaints += trouble
        if not trouble:
            floats = jnp.issubdtype(getattr(observation, "dtype", int), jnp.floating)
            if len(getattr(observation, "shape", ())) != 1 or not floats:
                complaints.append(
                    f"observe(state, {player}) gives {described(observation)}; it must be a vector of floats, [D]"
                )
    return complaints


def traced(what: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, list[str]]:
    """Shapes of what a function gives, and what is wrong: that it fails, or differs from one tracing to the next.

    **Arguments:** arrays, keys, or shapes of such.
    """
    try:
        # By functions of their own: JAX traces the same one once.
        first, shapes = jax.make_jaxpr(lambda *own: function(*own), return_shape=True)(*arguments)
        second = jax.make_jaxpr(lambda *own: function(*own))(*arguments)
    except Exception as reason:
        return None, [f"{what} fails: {_told(reason)}"]
    same = str(first) == str(second) and all(map(_equal, first.consts, second.consts))
    if not same:
        return shapes, [f"{what} is not the same twice; draw random numbers from the key alone, and change nothing"]
    try:
        jax.eval_shape(jax.vmap(function), *jax.tree.map(_two_of, arguments))
    except Exception as reason:
        return shapes, [f"{what} fails under `jax.vmap`: {_told(reason)}"]
    return shapes, []


def differences(what: str, found: Any, other: str, wanted: Any) -> list[str]:
    """How a pytree of shapes differs from the one that is wanted.

    **Arguments:** `what` is checked, and its shapes as `found`; the `other` thing, which it is compared with, and its
    shapes, the `wanted` ones. `what` and `other` are names for messages.
    """
    if jax.tree.structure(found) != jax.tree.structure(wanted):
        return [f"{what} is made of other parts than {other}: {jax.tree.structure(found)}, not "
                f"{jax.tree.structure(wanted)}"]  # fmt: skip
    return [
        f"{what}{jax.tree_util.keystr(path)} is {described(leaf)}, {other} {described(like)}"
        for (path, leaf), like in zip(jax.tree.leaves_with_path(found), jax.tree.leaves(wanted), strict=True)
        if (leaf.shape, leaf.dtype) != (like.shape, like.dtype)
    ]


def described(leaf: Any) -> str:
    """An array's type and shape, `float32[3]`."""
    if not hasattr(leaf, "dtype"):
        return repr(leaf)
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def _told(reason: Exception) -> str:
    name, line = type(reason).__name__, first_line(reason)
    return line if line == name else f"{name}: {line}"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tracer):
        return one is other
    if jnp.issubdtype(getattr(one, "dtype", float), jax.dtypes.prng_key):
        one, other = jax.random.key_data(one), jax.random.key_data(other)
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def _two_of(leaf: Any) -> Any:
    """The shape of two of an array."""
    leaf = jax.ShapeDtypeStruct(jnp.shape(leaf), leaf.dtype)
    return jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype)
