"""Games of lookax as parallel environments of PettingZoo (extra `pettingzoo`)."""

import functools
import secrets
from typing import Any

import jax
import numpy as np

from lookax.errors import check, check_whole
from lookax.games.game import Game
from lookax.imports import import_extra


class Parallel:
    """What makes a parallel environment of a game: one game at a time, for `horizon` steps.

    **Attributes:** the `game`; the `horizon`; `possible_agents`, `player_0` and so on; `agents`, none once it is over;
    the game's present `game_state`.
    """

    def __init__(self, game: Game, horizon: int):
        from gymnasium.spaces import Box, Discrete

        self.game, self.horizon = game, horizon
        self.metadata = {"name": type(game).__name__, "render_modes": []}
        self.render_mode = None
        self.possible_agents = [f"player_{player}" for player in range(game.num_players)]
        self.agents: list[str] = []
        # Functions of their own, as a game's methods are compared by its arrays.
        self._reset, self._split = jax.jit(lambda key: game.reset(key)), jax.jit(jax.random.split)
        self._step = jax.jit(lambda *own: game.step(*own))
        self._observe = jax.jit(lambda state: [game.observe(state, player) for player in range(game.num_players)])
        seen = jax.eval_shape(lambda key: self._observe(game.reset(key)), jax.random.key(0))
        self.observation_spaces = {
            agent: Box(-np.inf, np.inf, own.shape, np.float32)
            for agent, own in zip(self.possible_agents, seen, strict=True)
        }
        self.action_spaces = {
            agent: Discrete(number) for agent, number in zip(self.possible_agents, game.num_actions, strict=True)
        }
        self._key = None

    def observation_space(self, agent: str) -> Any:
        """Vectors, of any numbers."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """The numbers of its actions."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """A new game: all agents' observations, and nothing more about them.

        **Arguments:** the `seed` of this game and of those after it, `None` to go on, or for any; no `options`.
        """
        del options
        if seed is not None or self._key is None:
            self._key = jax.random.key(secrets.randbits(31) if seed is None else seed)
        self._key, reset_key = self._split(self._key)
        self.game_state, self._time, self.agents = self._reset(reset_key), 0, list(self.possible_agents)
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Observations, rewards, whether anybody has come to an end (no), is cut (all, at the horizon), and no more.

        **Raises:** `ValueError` where no game is being played.
        """
        check(bool(self.agents), "step", "before reset, or after the end", "of a game that reset has begun")
        self._key, step_key = self._split(self._key)
        chosen = np.array([actions[agent] for agent in self.possible_agents])
        self.game_state, rewards = self._step(step_key, self.game_state, chosen)
        self._time += 1
        earned = dict(zip(self.possible_agents, np.asarray(rewards).tolist(), strict=True))
        seen, cut = self._seen(), self._time >= self.horizon
        self.agents = [] if cut else self.agents
        return (
            seen,
            earned,
            dict.fromkeys(self.possible_agents, False),
            dict.fromkeys(self.possible_agents, cut),
            {agent: {} for agent in self.possible_agents},
        )

    def _seen(self) -> dict[str, np.ndarray]:
        observations = self._observe(self.game_state)
        return {
            agent: np.asarray(own, np.float32) for agent, own in zip(self.possible_agents, observations, strict=True)
        }


def to_pettingzoo(game: Game, *, horizon: int) -> Any:
    """A game as a `pettingzoo.ParallelEnv`, for others' learners and tools.

    **Arguments:**

    - `game`: any game.
    - `horizon`: after how many steps it is cut (truncated), as games of lookax have no end.

    ```python
    environment = lx.to_pettingzoo(lx.OneCoinGame(), horizon=50)
    observations, _ = environment.reset(seed=0)
    ```

    **Raises:** `ValueError` for a horizon that is no whole number from 1, or where the extra is not installed.
    """
    check_whole("horizon", horizon, 1)
    return _environment_class()(game, horizon)


@functools.cache
def _environment_class() -> Any:
    base = import_extra("pettingzoo", "pettingzoo").ParallelEnv
    return type("LookaxParallelEnv", (Parallel, base), {"__doc__": "A game of lookax."})
