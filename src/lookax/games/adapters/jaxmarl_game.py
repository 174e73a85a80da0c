"""Environments of JaxMARL (Rutherford et al. 2024) as games, within the program (extra `jaxmarl`).

What has the interface of JaxMARL's `MultiAgentEnv` is played alike, SocialJax' environments among them.
"""

import difflib
import functools
import io
import sys
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from lookax.errors import BadInputError, check
from lookax.games.adapters.arrays import as_arrays, flat, import_of_jax, of_types
from lookax.games.adapters.settings import Settings, cannot_be_made, frozen_settings, is_discrete, thawed_settings


class JaxMARLState(eqx.Module):
    """An environment between two steps.

    **Attributes:**

    - `state`: the environment's.
    - `observations`: each player's, `[D]`, of the types that they have there.
    """

    state: PyTree
    observations: tuple[Array, ...]


class JaxMARLGame(eqx.Module):
    """An environment of JaxMARL as a [`Game`][lookax.games.game.Game].

    Players are its agents in their order. Observations are flattened; where they are of all agents together, each
    player sees its own row of what has one for each, and all of the rest. Rows are known by their number alone: of
    `storm` with five players (no other number) each sees one of the inventory's five rows, which are not its own.

    A step is JaxMARL's own: where an episode ends, the state is the first one of the next. Play goes on, returns and
    memories too, as the game has no end. Give the environment no fewer steps than play has, or as many, if its episodes
    should begin with a game of lookax. Which actions are available is not asked: one that is not does what the
    environment makes of it.

    **Attributes:** the `environment`.

    **Raises:** `ValueError` for agents whose actions are not discrete.
    """

    environment: Any = eqx.field(static=True)

    def __check_init__(self):
        for agent in self.environment.agents:
            space = self.environment.action_space(agent)
            if not is_discrete(space):
                raise BadInputError(
                    f"environment: actions of agent {agent!r} are a {type(space).__name__}; they must be discrete"
                )

    @property
    def num_players(self) -> int:
        """One for each agent."""
        return len(self.environment.agents)

    @property
    def num_actions(self) -> tuple[int, ...]:
        """Each agent's."""
        return tuple(int(self.environment.action_space(agent).n) for agent in self.environment.agents)

    def reset(self, key: Key[Array, ""]) -> JaxMARLState:
        """The environment's first state."""
        observations, state = self.environment.reset(key)
        return JaxMARLState(as_arrays(state), self._flat(observations))

    def step(
        self, key: Key[Array, ""], state: JaxMARLState, actions: Int[Array, " N"]
    ) -> tuple[JaxMARLState, Float[Array, " N"]]:
        """The environment's step, with a reset where an episode ends.

        **Arguments:** the `state` before; all players' `actions`, `[N]`.
        """
        agents = self.environment.agents
        # Environments whose agents are numbers take an array.
        named = dict(zip(agents, actions, strict=True)) if isinstance(agents[0], str) else actions
        observations, after, rewards, _, _ = self.environment.step(key, state.state, named)
        earned = jnp.stack([jnp.asarray(own, float) for own in self._of_agents(rewards)])
        return JaxMARLState(of_types(after, state.state), self._flat(observations)), earned

    def observe(self, state: JaxMARLState, player: int) -> Float[Array, " D"]:
        """The player's observation, flattened."""
        return state.observations[player].astype(float)

    def _flat(self, observations: PyTree) -> tuple[Array, ...]:
        return tuple(flat(own) for own in self._of_agents(observations))

    def _of_agents(self, values: PyTree) -> list[PyTree]:
        """Each agent's part of what is given by their names, in their order, or together."""
        agents = self.environment.agents
        if isinstance(values, Mapping) and set(agents) <= set(values):
            return [values[agent] for agent in agents]
        # The fields of a named tuple are parts that agents have, as those of a dictionary are.
        if isinstance(values, tuple | list) and not hasattr(values, "_fields"):
            rule = f"of one part for each of {len(agents)} agents, or have names for what they have together"
            check(len(values) == len(agents), "environment", f"a {type(values).__name__} of {len(values)} parts", rule)
            return list(values)

        def row(number: int, leaf: Array) -> Array:
            return leaf[number] if jnp.ndim(leaf) and leaf.shape[0] == len(agents) else leaf

        return [jax.tree.map(functools.partial(row, number), values) for number in range(len(agents))]


def from_jaxmarl(environment: Any, /, **settings: Any) -> JaxMARLGame:
    """An environment of JaxMARL as a game, which is played and learned in within the program.

    **Arguments:**

    - `environment`: its name in JaxMARL, such as `"coin_game"`, or an environment with JaxMARL's interface.
    - `settings`: of an environment by its name, as `jaxmarl.make` takes them.

    ```python
    game = lx.from_jaxmarl("coin_game", num_inner_steps=50)
    ```

    **Raises:** `ValueError` for an unknown name, settings that the environment does not have, actions that are not
    discrete, or where the extra is not installed.
    """
    if not isinstance(environment, str):
        check(not settings, "settings", tuple(settings), "of an environment by its name; this one is made already")
        return JaxMARLGame(environment)
    return JaxMARLGame(_made(environment, settings))


def _made(name: str, settings: dict[str, Any]) -> Any:
    jaxmarl = imported()
    if name not in jaxmarl.registered_envs:
        near = difflib.get_close_matches(name, jaxmarl.registered_envs, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        known = ", ".join(jaxmarl.registered_envs)
        raise BadInputError(f"environment: {name!r} is not known; {hint}JaxMARL has {known}")
    # One environment for equal settings: programs are compiled for it.
    return _cached(name, jax.dtypes.canonicalize_dtype(int), frozen_settings(settings))


@functools.cache
def _cached(name: str, integers: Any, settings: Settings) -> Any:
    del integers  # of which type an environment makes its arrays, in single or in double precision
    # It makes arrays, which would be a trace's own if it were asked for within one.
    with jax.ensure_compile_time_eval():
        try:
            return imported().make(name, **thawed_settings(settings))
        except Exception as reason:
            raise cannot_be_made(name, reason) from reason


def imported() -> Any:
    """JaxMARL, without the lines that it prints.

    **Raises:** `ValueError` where the extra is not installed.
    """
    own = sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__
    # While it is imported it puts the process's own output and errors in the place of those that it finds.
    sys.stdout = sys.__stdout__ = io.StringIO()
    sys.__stderr__ = sys.stderr
    try:
        return import_of_jax("jaxmarl", "jaxmarl")
    finally:
        sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__ = own
