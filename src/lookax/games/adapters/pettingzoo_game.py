"""Parallel environments of PettingZoo (Terry et al. 2021) as games, on the host (extra `pettingzoo`)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from lookax.errors import BadInputError, check_whole
from lookax.games.adapters.pettingzoo_host import Pool, Source, pool
from lookax.games.adapters.settings import frozen_settings


class PettingZooState(eqx.Module):
    """Which environment, and where it is.

    **Attributes:**

    - `seed`: of the game's first episode, which those of the others come from.
    - `number`: of the environment in this process, given to one game alone.
    - `count`: how many steps it has made.
    - `observations`: each player's, `[D]`.
    """

    seed: Int[Array, ""]
    number: Int[Array, ""]
    count: Int[Array, ""]
    observations: tuple[Float[Array, " _"], ...]


class PettingZooGame(eqx.Module):
    """A parallel environment of PettingZoo as a [`Game`][lookax.games.game.Game].

    Players are its possible agents in their order. Those that play no more see zeros and earn nothing; once all of them
    have ended, the next episode begins within the step. Play goes on, as the game has no end.

    Every game has an environment of its own in this process; a batch of games is one call of the host a step. What is
    random is drawn from seeds, which come from the keys of `reset`; the keys of `step` are not used. A state can be
    stepped once: an environment cannot go back. A program that asks for the latest step again with the same actions, as
    a compiler may make it do, is given the same; any other use of a past state is an error. States do not outlive the
    process. Learners of lookax begin new games with every update, and keep none: their runs resume bit for bit, if the
    environment is a function of its seed.

    **Attributes:** the `source` of its environments.

    **Raises:** `ValueError` for agents whose actions are not discrete, or where the extra is not installed.
    """

    source: Source = eqx.field(static=True)

    def __check_init__(self):
        from gymnasium.spaces import Discrete

        for agent, space in zip(self._pool.agents, self._pool.action_spaces, strict=True):
            # Those of several bits have a number too.
            if not isinstance(space, Discrete):
                raise BadInputError(
                    f"environment: actions of agent {agent!r} are a {type(space).__name__}; they must be discrete"
                )

    @property
    def num_players(self) -> int:
        """One for each possible agent."""
        return len(self._pool.agents)

    @property
    def num_actions(self) -> tuple[int, ...]:
        """Each agent's."""
        return tuple(int(space.n) for space in self._pool.action_spaces)

    def reset(self, key: Key[Array, ""]) -> PettingZooState:
        """The first state of an environment."""
        seed = jax.random.randint(key, (), 0, jnp.iinfo(jnp.int32).max, jnp.int32)
        shapes = _integer(), self._observations()
        number, observations = jax.pure_callback(self._pool.begin, shapes, seed, vmap_method="broadcast_all")
        return PettingZooState(seed, number, jnp.zeros_like(number), _floats(observations))

    def step(
        self, key: Key[Array, ""], state: PettingZooState, actions: Int[Array, " N"]
    ) -> tuple[PettingZooState, Float[Array, " N"]]:
        """The environment's step, with a reset where an episode ends.

        **Arguments:** the `state` before; all players' `actions`, `[N]`. The `key` is not used.
        """
        del key
        shapes = _integer(), jax.ShapeDtypeStruct((self.num_players,), jnp.float32), self._observations()
        # The count comes back from the host, so that no step is made before the one that it follows.
        count, rewards, observations = jax.pure_callback(
            self._pool.step, shapes, state.seed, state.number, state.count, actions, vmap_method="broadcast_all"
        )
        return PettingZooState(state.seed, state.number, count, _floats(observations)), rewards.astype(float)

    def observe(self, state: PettingZooState, player: int) -> Float[Array, " D"]:
        """The player's observation, flattened."""
        return state.observations[player]

    @property
    def _pool(self) -> Pool:
        return pool(self.source)

    def _observations(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        return tuple(jax.ShapeDtypeStruct((size,), jnp.float32) for size in self._pool.sizes)


def from_pettingzoo(environment: Any, /, *, max_environments: int = 1024, **settings: Any) -> PettingZooGame:
    """A parallel environment of PettingZoo as a game, which is played by callbacks of the host.

    **Arguments:**

    - `environment`: the name of a module that has `parallel_env`, such as `"pettingzoo.butterfly.pistonball_v6"`, or a
      function that makes a parallel environment. One is made for every game that is played at once.
    - `max_environments`: how many are kept. At least as many as games are played at once, by all learners and seeds.
    - `settings`: what `parallel_env` or the function takes.

    ```python
    game = lx.from_pettingzoo("pettingzoo.butterfly.pistonball_v6", continuous=False)  # needs pygame and pymunk
    ```

    **Raises:** `ValueError` for a module that is not there, settings that it does not take, actions that are not
    discrete, or where the extra is not installed.
    """
    check_whole("max_environments", max_environments, 1)
    if not callable(environment) and not isinstance(environment, str):
        raise BadInputError(
            f"environment: {environment!r} is not allowed; it must be the name of a module, or a function that makes "
            "one, as there is one for every game"
        )
    return PettingZooGame(Source(environment, frozen_settings(settings), max_environments))


def _integer() -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((), jnp.int32)


def _floats(observations: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(own.astype(float) for own in observations)
