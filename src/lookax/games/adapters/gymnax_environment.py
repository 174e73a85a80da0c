"""Environments of gymnax (Lange 2022), within the program (extra `gymnax`): in batches for one agent, or as a game."""

import dataclasses
import difflib
import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num, PyTree

from lookax.errors import BadInputError, check
from lookax.games.adapters.arrays import as_arrays, flat, import_of_jax, of_types
from lookax.games.adapters.settings import Settings, cannot_be_made, frozen_settings, is_discrete, thawed_settings
from lookax.games.arcade.environment import Step


class GymnaxState(eqx.Module):
    """Each environment's own state, `game`, its `returns` so far, and whether it was `cut` by the latest step."""

    game: PyTree
    returns: Float[Array, " B"]
    cut: Bool[Array, " B"]


@dataclasses.dataclass(frozen=True)
class GymnaxEnvironment:
    """An environment of gymnax as an [`Environment`][lookax.games.arcade.environment].

    Episodes are cut after gymnax' number of steps, the setting `max_steps_in_episode`. Observations that are no frames
    are vectors, seen as frames of one pixel.

    **Attributes:** the `name` in gymnax, or an environment with gymnax' interface; `settings`, pairs of a name and a
    value: fields of gymnax' parameters, or what `gymnax.make` takes.

    **Raises:** `ValueError` for an unknown name, settings that the environment does not have, actions that are not
    discrete, or where the extra is not installed.
    """

    name: Any
    settings: Settings = ()

    def __post_init__(self):
        game, rules = self.made
        space = game.action_space(rules)
        if not is_discrete(space):
            raise BadInputError(f"environment: actions of {game.name} are a {type(space).__name__}; "
                                "they must be discrete")  # fmt: skip

    @property
    def made(self) -> tuple[Any, Any]:
        """The environment, and its parameters."""
        return _made(self.name, self.settings, jax.dtypes.canonicalize_dtype(int))

    @property
    def num_actions(self) -> int:
        """A."""
        game, rules = self.made
        return int(game.action_space(rules).n)

    @property
    def frame(self) -> tuple[int, int, int]:
        """Height, width and channels; 1, 1, D of a vector of D numbers."""
        game, rules = self.made
        seen = jax.eval_shape(lambda key: _seen(game.reset_env(key, rules)[0]), jax.random.key(0))
        height, width, channels = seen.shape
        return height, width, channels

    def reset(self, key: Key[Array, ""], batch_size: int) -> tuple[GymnaxState, Num[Array, "B h w c"]]:
        """B first episodes."""
        game, rules = self.made
        observations, state = jax.vmap(game.reset, (0, None))(jax.random.split(key, batch_size), rules)
        first = GymnaxState(as_arrays(state), jnp.zeros(batch_size), jnp.zeros(batch_size, bool))
        return first, jax.vmap(_seen)(observations)

    def step(self, key: Key[Array, ""], state: GymnaxState, actions: Int[Array, " B"]) -> tuple[GymnaxState, Step]:
        """A step of every game. Where one ends the next begins at once; where one is cut, with the next step.

        **Arguments:** the `state` before; all games' `actions`, `[B]`.
        """
        game, rules = self.made

        def step(key: Key[Array, ""], own: PyTree, action: Int[Array, ""]) -> tuple[Any, ...]:
            step_key, reset_key = jax.random.split(key)
            frame, after, reward, terminated, _ = game.step_env(step_key, own, action, rules)
            truncated = game.is_truncated(after, rules)
            return jnp.asarray(reward, float), terminated, truncated, (frame, after), game.reset_env(reset_key, rules)

        keys = jax.random.split(key, len(actions))
        rewards, terminated, truncated, gone_on, begun = jax.vmap(step)(keys, state.game, actions)
        played = ~state.cut
        terminated, truncated = played & terminated, played & truncated & ~terminated
        choose = jax.vmap(lambda again, *games: jax.tree.map(functools.partial(jnp.where, again), *games))
        observations, after = choose(terminated | state.cut, begun, gone_on)
        rewards, ended = jnp.where(played, rewards, 0), terminated | truncated
        returns = state.returns + rewards
        after = GymnaxState(of_types(after, state.game), jnp.where(ended, 0, returns), truncated)
        told = jax.vmap(_seen)(observations)
        return after, Step(told, rewards, played & ~terminated, played, jnp.where(ended, returns, 0), ended)

    def as_game(self) -> "GymnaxGame":
        """The same as a game of one player, for one game at a time."""
        return GymnaxGame(self)


class GymnaxGameState(eqx.Module):
    """An environment between two steps.

    **Attributes:** the environment's `state`; the `observation` of it, `[D]`, of the type that it has there.
    """

    state: PyTree
    observation: Array


class GymnaxGame(eqx.Module):
    """An environment of gymnax as a [`Game`][lookax.games.game.Game] of one player, whose observations are flattened.

    A step is gymnax' own: where an episode ends or is cut, the state is the first one of the next. Play goes on, as the
    game has no end.

    **Attributes:** the `environment`.
    """

    environment: GymnaxEnvironment = eqx.field(static=True)

    @property
    def num_players(self) -> int:
        """One."""
        return 1

    @property
    def num_actions(self) -> tuple[int]:
        """The environment's."""
        return (self.environment.num_actions,)

    def reset(self, key: Key[Array, ""]) -> GymnaxGameState:
        """The beginning of an episode."""
        game, rules = self.environment.made
        observation, state = game.reset(key, rules)
        return GymnaxGameState(as_arrays(state), flat(observation))

    def step(
        self, key: Key[Array, ""], state: GymnaxGameState, actions: Int[Array, " 1"]
    ) -> tuple[GymnaxGameState, Float[Array, " 1"]]:
        """The environment's step, with a reset where an episode ends.

        **Arguments:** the `state` before; the player's action, `actions` `[1]`.
        """
        game, rules = self.environment.made
        observation, after, reward, *_ = game.step(key, state.state, actions[0], rules)
        return GymnaxGameState(of_types(after, state.state), flat(observation)), jnp.asarray(reward, float)[None]

    def observe(self, state: GymnaxGameState, player: int) -> Float[Array, " D"]:
        """The environment's observation, flattened."""
        del player
        return state.observation.astype(float)


def from_gymnax(environment: Any, /, **settings: Any) -> GymnaxEnvironment:
    """An environment of gymnax, for actor-critics; with `.as_game()` a game of one player.

    **Arguments:**

    - `environment`: its name in gymnax, such as `"CartPole-v1"`, or an environment with gymnax' interface.
    - `settings`: fields of its parameters, such as `max_steps_in_episode`, or what `gymnax.make` takes.

    ```python
    environment = lx.from_gymnax("CartPole-v1", max_steps_in_episode=200)
    ```

    **Raises:** `ValueError` as [`GymnaxEnvironment`][lookax.games.adapters.gymnax_environment.GymnaxEnvironment] does.
    """
    return GymnaxEnvironment(environment, frozen_settings(settings))


def _seen(observation: PyTree) -> Num[Array, "h w c"]:
    """An observation as a frame; whole numbers become floats, as those of networks are shades from 0 to 255."""
    if not hasattr(observation, "shape") or len(observation.shape) != 3:
        return flat(observation).astype(float)[None, None]
    return observation.astype(float) if jnp.issubdtype(observation.dtype, jnp.signedinteger) else observation


@functools.cache
def _made(name: Any, settings: Settings, integers: Any) -> tuple[Any, Any]:
    del integers  # of which type a game makes its arrays, in single or in double precision
    gymnax = import_of_jax("gymnax", "gymnax")
    if isinstance(name, str) and name not in gymnax.registered_envs:
        near = difflib.get_close_matches(name, gymnax.registered_envs, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise BadInputError(f"environment: {name!r} is not known; {hint}gymnax has {', '.join(gymnax.registered_envs)}")
    # It makes arrays, which would be a trace's own if it were asked for within one.
    with jax.ensure_compile_time_eval():
        made, rules = gymnax.make(name) if isinstance(name, str) else (name, name.default_params)
        own = {field.name for field in dataclasses.fields(rules)}
        of_rules = {field: value for field, value in thawed_settings(settings).items() if field in own}
        others = {field: value for field, value in thawed_settings(settings).items() if field not in own}
        if not isinstance(name, str):
            rule = f"of {', '.join(sorted(own))}; what gymnax.make takes goes with a name"
            check(not others, "settings", tuple(others), rule)
        if others:
            try:
                made, rules = gymnax.make(name, **others)
            except TypeError as reason:
                raise BadInputError(
                    f"settings: {', '.join(others)} not allowed; {made.name} has {', '.join(sorted(own))} ({reason})"
                ) from None
            except Exception as reason:
                raise cannot_be_made(name, reason) from reason
        return made, rules.replace(**of_rules)
