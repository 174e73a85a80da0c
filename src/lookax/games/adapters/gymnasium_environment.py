"""Vector environments of Gymnasium (Towers et al. 2024), on the host, for actor-critics (extra `gymnasium`)."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int, Key, Num

from lookax.errors import BadInputError, check
from lookax.games.adapters.settings import Settings, cannot_be_made, frozen_settings, thawed_settings
from lookax.games.arcade import on_host
from lookax.games.arcade.environment import Step
from lookax.imports import import_extra


class GymnasiumGames:
    """Episodes of a vector environment, one after the other.

    **Attributes:** how many steps they have made, `count`.
    """

    def __init__(self, made: Any, seed: int, count: int):
        self.count = count
        self._made, space = made, made.single_observation_space
        self._start = getattr(made.single_action_space, "start", 0)
        self._frames = len(space.shape or ()) == 3
        first = int(np.random.SeedSequence((seed, count)).generate_state(1)[0]) % 2**30
        self._first = self._seen(made.reset(seed=first)[0])
        self._over, self._returns = np.zeros(len(self), bool), np.zeros(len(self))

    def __len__(self) -> int:
        """B."""
        return self._made.num_envs

    def first(self) -> np.ndarray:
        """What is seen as they begin."""
        return self._first

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Float32[np.ndarray, "6 B"]]:
        """A step of all; an environment whose episode has ended is reset by the next one, whatever is done."""
        seen, rewards, terminated, truncated, _ = self._made.step(actions + self._start)
        self.count += 1
        played, self._over = ~self._over, terminated | truncated
        self._returns = self._returns + rewards * played
        told = rewards * played, played & ~terminated, played, self._returns * self._over, self._over, ~played
        self._returns = np.where(self._over, 0, self._returns)
        return self._seen(seen), np.array(told, np.float32)

    def close(self) -> None:
        """Closes the environments."""
        self._made.close()

    def _seen(self, observations: Any) -> np.ndarray:
        """Frames as they are, everything else as vectors of one pixel."""
        if self._frames:
            shades = observations.dtype == np.uint8
            return np.array(observations) if shades else observations.astype(np.float32)
        from gymnasium import spaces
        from gymnasium.vector.utils import iterate

        each = iterate(self._made.observation_space, observations)
        flat = [spaces.flatten(self._made.single_observation_space, own) for own in each]
        return np.array(flat, np.float32)[:, None, None]


@dataclasses.dataclass(frozen=True)
class GymnasiumEnvironment:
    """A vector environment of Gymnasium as an [`Environment`][lookax.games.arcade.environment].

    Where an episode has ended, of itself or by a limit of time, its last observation is seen, and the next step is
    spent on the reset. Observations that are no frames are flattened, and seen as frames of one pixel.

    The environments live in this process, and a state says which ones. A resumed run begins new episodes.

    **Attributes:** the `name` in Gymnasium, or a function from B to a vector environment of so many; `settings`, pairs
    of a name and a value, as `gymnasium.make_vec` takes them.

    **Raises:** `ValueError` for an unknown name, actions that are not discrete, vector environments that reset in
    another way, or where the extra is not installed.
    """

    name: str | Callable[[int], Any]
    settings: Settings = ()

    def __post_init__(self):
        _ = self._spaces

    @property
    def num_actions(self) -> int:
        """A."""
        return self._spaces[0]

    @property
    def frame(self) -> tuple[int, int, int]:
        """Height, width and channels; 1, 1, D of a vector of D numbers."""
        height, width, channels = self._spaces[1].shape
        return height, width, channels

    def reset(self, key: Key[Array, ""], batch_size: int) -> tuple[on_host.Batch, Num[Array, "B h w c"]]:
        """B first episodes, of new environments."""
        return on_host.begin(self, key, batch_size, self._spaces[1])

    def step(self, key: Key[Array, ""], state: on_host.Batch, actions: Int[Array, " B"]) -> tuple[on_host.Batch, Step]:
        """A step of every environment, which draws what is random in it.

        **Arguments:** the `state` before; all environments' `actions`, `[B]`. The `key` is not used.
        """
        del key
        after, seen, made = on_host.step(self, state, actions, self._spaces[1])
        return after, Step(seen, made.rewards, made.continues, made.played, made.returns, made.ended)

    def playing(self, batch_size: int, seed: int, count: int) -> GymnasiumGames:
        """New environments; as [`HostGames`][lookax.games.arcade.on_host.HostGames] has it.

        **Arguments:** the `batch_size` B; `seed` and `count`, which seed them.
        """
        return GymnasiumGames(_made(self, batch_size), seed, count)

    @property
    def _spaces(self) -> tuple[int, jax.ShapeDtypeStruct]:
        return _spaces(self)


def from_gymnasium(environment: str | Callable[[int], Any], /, **settings: Any) -> GymnasiumEnvironment:
    """A vector environment of Gymnasium, for actor-critics.

    **Arguments:**

    - `environment`: a name in Gymnasium, such as `"CartPole-v1"`, or a function from B to a vector environment of so
      many, such as `gymnasium.vector.SyncVectorEnv`.
    - `settings`: of an environment by its name, as `gymnasium.make_vec` takes them.

    ```python
    environment = lx.from_gymnasium("CartPole-v1")
    ```

    **Raises:** `ValueError` as
    [`GymnasiumEnvironment`][lookax.games.adapters.gymnasium_environment.GymnasiumEnvironment] does.
    """
    if not isinstance(environment, str):
        check(not settings, "settings", tuple(settings), "of an environment by its name; a function has its own")
    return GymnasiumEnvironment(environment, frozen_settings(settings))


def _made(games: GymnasiumEnvironment, batch_size: int) -> Any:
    gymnasium = import_extra("gymnasium", "gymnasium")
    settings = {"vectorization_mode": "sync"} | thawed_settings(games.settings)
    try:
        if not isinstance(games.name, str):
            return games.name(batch_size)
        return gymnasium.make_vec(games.name, num_envs=batch_size, **settings)
    except Exception as reason:
        raise cannot_be_made(games.name, reason) from reason


@functools.cache
def _spaces(games: GymnasiumEnvironment) -> tuple[int, jax.ShapeDtypeStruct]:
    """The number of actions, and the shape of what is seen of one."""
    made = _made(games, 1)
    from gymnasium import spaces
    from gymnasium.vector import AutoresetMode

    try:
        seen, actions = made.single_observation_space, made.single_action_space
        if not isinstance(actions, spaces.Discrete):
            raise BadInputError(f"environment: actions are a {type(actions).__name__}; they must be discrete")
        mode = made.metadata.get("autoreset_mode")
        if mode != AutoresetMode.NEXT_STEP:
            raise BadInputError(f"environment: autoreset mode {mode!r} is not allowed; it must be NEXT_STEP")
        if len(seen.shape or ()) == 3:
            return int(actions.n), jax.ShapeDtypeStruct(
                seen.shape, jnp.uint8 if seen.dtype == np.uint8 else jnp.float32
            )
        size = math.prod(spaces.flatten_space(seen).shape or ())
        return int(actions.n), jax.ShapeDtypeStruct((1, 1, size), jnp.float32)
    finally:
        made.close()
