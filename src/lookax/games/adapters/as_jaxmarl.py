"""Games of lookax as environments of JaxMARL (extra `jaxmarl`)."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from lookax.errors import check_whole
from lookax.games.adapters.jaxmarl_game import imported
from lookax.games.game import Game


class GameState(eqx.Module):
    """A game that is played by JaxMARL.

    **Attributes:** the game's own `state`; the number of the `step`; whether the horizon is reached, `done`.
    """

    state: PyTree
    step: Int[Array, ""]
    done: Bool[Array, ""]


class MultiAgent:
    """What makes an environment of JaxMARL of a game, cut after `horizon` steps.

    **Attributes:** the `game`; the `horizon`; `agents`, `agent_0` and so on.
    """

    def __init__(self, game: Game, horizon: int):
        spaces = imported().environments.spaces
        super().__init__(num_agents=game.num_players)  # pyright: ignore[reportCallIssue]: of the other base
        self.game, self.horizon = game, horizon
        self.agents = [f"agent_{player}" for player in range(game.num_players)]
        self.action_spaces = {
            agent: spaces.Discrete(number) for agent, number in zip(self.agents, game.num_actions, strict=True)
        }
        seen = _shapes(game)
        self.observation_spaces = {
            agent: spaces.Box(-jnp.inf, jnp.inf, shape) for agent, shape in zip(self.agents, seen, strict=True)
        }

    def reset(self, key: Key[Array, ""]) -> tuple[dict[str, Float[Array, " _"]], GameState]:
        """A new game: all agents' observations, and its state."""
        state = GameState(self.game.reset(key), jnp.zeros((), jnp.int32), jnp.zeros((), bool))
        return self.get_obs(state), state

    def step_env(self, key: Key[Array, ""], state: GameState, actions: dict[str, Any]) -> tuple[Any, ...]:
        """Observations, the state after, rewards, whether the game is over, and nothing more.

        **Arguments:** the `state` before; all agents' `actions` by their names.
        """
        chosen = jnp.stack([jnp.asarray(actions[agent]) for agent in self.agents])
        after, rewards = self.game.step(key, state.state, chosen)
        done = state.step + 1 >= self.horizon
        state = GameState(after, state.step + 1, done)
        earned = dict(zip(self.agents, rewards, strict=True))
        return self.get_obs(state), state, earned, dict.fromkeys([*self.agents, "__all__"], done), {}

    def get_obs(self, state: GameState) -> dict[str, Float[Array, " _"]]:
        """All agents' observations."""
        return {agent: self.game.observe(state.state, player) for player, agent in enumerate(self.agents)}

    def get_avail_actions(self, state: GameState) -> dict[str, Bool[Array, " _"]]:
        """All actions, always."""
        del state
        return {agent: jnp.ones(space.n, bool) for agent, space in self.action_spaces.items()}

    @property
    def agent_classes(self) -> dict[str, list[str]]:
        """One class."""
        return {"agents": self.agents}


def to_jaxmarl(game: Game, *, horizon: int) -> Any:
    """A game as a `MultiAgentEnv` of JaxMARL, for others' learners and tools.

    **Arguments:**

    - `game`: any game.
    - `horizon`: after how many steps it is done and begins anew, as games of lookax have no end.

    ```python
    environment = lx.to_jaxmarl(lx.OneCoinGame(), horizon=50)
    observations, state = environment.reset(jax.random.key(0))
    ```

    **Raises:** `ValueError` for a horizon that is no whole number from 1, or where the extra is not installed.
    """
    check_whole("horizon", horizon, 1)
    return _environment_class()(game, horizon)


@functools.cache
def _environment_class() -> Any:
    base = imported().environments.MultiAgentEnv
    return type("LookaxMultiAgentEnv", (MultiAgent, base), {"__doc__": "A game of lookax."})


def _shapes(game: Game) -> list[tuple[int, ...]]:
    def seen(key: Key[Array, ""]) -> list[Array]:
        state = game.reset(key)
        return [game.observe(state, player) for player in range(game.num_players)]

    return [own.shape for own in jax.eval_shape(seen, jax.random.key(0))]
