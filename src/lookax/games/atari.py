"""The Arcade Learning Environment (Bellemare et al. 2013): Atari 2600 games, emulated on the host (extra `atari`).

Frames are 84 × 84 shades of grey, the last four of them as channels; a step is four frames long, the last two of which
are merged; a game begins with up to thirty steps of doing nothing, and with fire where it needs that. Rewards to learn
from are clipped to [−1, 1], returns are the game's. A lost life ends what counts, and not the game, which ends by
itself or after a number of frames (Mnih et al. 2015).

Emulators live in this process, not in the state, which says which ones and at which step. Where there are none at that
step (a run that was resumed), new ones are made, whose seeds come from the state: the step is spent on the reset.
"""

import atexit
import dataclasses
import difflib
import functools
import importlib.util
import threading
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback
from jaxtyping import Array, Float, Int, Key, UInt8

from lookax.errors import BadInputError, check_at_least
from lookax.games.environment import Step

SIDE, STACK = 84, 4

COUNT = jax.ShapeDtypeStruct((), jnp.int32)


class AtariState(eqx.Module):
    """Which emulators, and where they are.

    **Attributes:** the `seed` of the emulators; the number of steps that they have made, `count`; `returns` of the
    games that are going on.
    """

    seed: Int[Array, ""]
    count: Int[Array, ""]
    returns: Float[Array, " B"]


@dataclasses.dataclass(frozen=True)
class Atari:
    """A game by its name, such as `"pong"` or `"ms_pacman"`, as an [`Environment`][lookax.games.environment].

    **Attributes:** the `game`; `sticky_actions`: whether the last action is repeated with probability 0.25, whatever is
    done (Machado et al. 2018; not in the published runs); `max_frames` of a game.

    **Raises:** `ValueError` for an unknown game, or where the extra is not installed.
    """

    game: str
    sticky_actions: bool = False
    max_frames: int = 18_000

    def __post_init__(self):
        check_at_least("max_frames", self.max_frames, 4)
        names = game_names()
        if self.game not in names:
            near = difflib.get_close_matches(self.game, names, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
            raise BadInputError(f"game: {self.game!r} is not known; {hint}")

    @property
    def num_actions(self) -> int:
        """How many the game makes use of."""
        return _num_actions(self)

    @property
    def frame(self) -> tuple[int, int, int]:
        """84 × 84, the last four of them."""
        return SIDE, SIDE, STACK

    def reset(self, key: Key[Array, ""], batch_size: int) -> tuple[AtariState, UInt8[Array, "B 84 84 4"]]:
        """B first games, of new emulators."""
        seed = jax.random.randint(key, (), 0, 2**30)

        def begin(seed: Array) -> tuple[np.int32, np.ndarray]:
            return np.int32(0), _EMULATORS.begin(self, batch_size, int(seed), 0)

        shapes = COUNT, jax.ShapeDtypeStruct((batch_size, *self.frame), jnp.uint8)
        count, frames = io_callback(begin, shapes, seed)
        return AtariState(seed, count, jnp.zeros(batch_size)), frames

    def step(self, key: Key[Array, ""], state: AtariState, actions: Int[Array, " B"]) -> tuple[AtariState, Step]:
        """Four frames of everybody's game; the emulators draw what is random in it."""
        del key
        batch = actions.shape
        frames = jax.ShapeDtypeStruct((*batch, *self.frame), jnp.uint8)
        told = jax.ShapeDtypeStruct((4, *batch), jnp.float32)

        def step(seed: Array, count: Array, actions: Array) -> tuple[np.int32, np.ndarray, np.ndarray]:
            frames, told = _EMULATORS.step(self, int(seed), int(count), np.asarray(actions))
            return np.int32(int(count) + 1), frames, told

        # The count comes back from the host, so that no step is made before the one that it follows.
        made = io_callback(step, (COUNT, frames, told), state.seed, state.count, actions)
        count, frames, (rewards, lost, over, reset) = made
        played = reset == 0
        ended = played & (over > 0)
        returns = jnp.where(played, state.returns, 0) + rewards
        after = AtariState(state.seed, count, returns)
        going_on = played & (lost == 0) & (over == 0)
        return after, Step(frames, jnp.clip(rewards, -1, 1), going_on, played, jnp.where(ended, returns, 0), ended)

    def emulators(self, batch_size: int) -> Any:
        """Emulators of B games."""
        import ale_py

        return ale_py.AtariVectorEnv(
            self.game,
            batch_size,
            max_num_frames_per_episode=self.max_frames,
            repeat_action_probability=0.25 if self.sticky_actions else 0.0,
            life_loss_info=True,
            reward_clipping=False,
        )


def game_names() -> list[str]:
    """All games that can be emulated.

    **Raises:** `ValueError` where the extra is not installed.
    """
    # ale-py has batches of games only where gymnasium is there.
    if any(importlib.util.find_spec(module) is None for module in ("ale_py", "gymnasium")):
        raise BadInputError("game: Atari needs ale-py and gymnasium; pip install 'lookax[atari]'")
    from ale_py import roms

    return sorted(roms.get_all_rom_ids())


@functools.cache
def _num_actions(games: Atari) -> int:
    return int(games.emulators(1).single_action_space.n)


class _Playing:
    """Emulators of B games that are going on, and how many steps they have made."""

    def __init__(self, games: Atari, batch_size: int, seed: int, count: int):
        self._emulators = games.emulators(batch_size)
        # Seeds of the games count up from one that no other emulators of this run begin with.
        first = int(np.random.SeedSequence((seed, count)).generate_state(1)[0]) % 2**30
        frames, info = self._emulators.reset(seed=first)
        self.count = count
        self._age = info["episode_frame_number"]
        self.frames = _channels_last(frames)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        frames, rewards, terminated, truncated, info = self._emulators.step(actions)
        reset = info["episode_frame_number"] < self._age
        over = truncated | (terminated & (info["lives"] == 0))
        self.count, self._age = self.count + 1, info["episode_frame_number"]
        self.frames = _channels_last(frames)
        return self.frames, np.stack([rewards, terminated, over, reset]).astype(np.float32)


class _Emulators:
    """All that are going on in this process, by game and seed; the latest `limit` of them."""

    def __init__(self, limit: int = 64):
        self._limit = limit
        self._playing: dict[tuple[Atari, int], _Playing] = {}
        self._lock = threading.Lock()

    def begin(self, games: Atari, batch_size: int, seed: int, count: int) -> np.ndarray:
        playing = _Playing(games, batch_size, seed, count)
        with self._lock:
            self._playing.pop((games, seed), None)
            self._playing[games, seed] = playing
            while len(self._playing) > self._limit:
                self._playing.pop(next(iter(self._playing)))
        return playing.frames

    def end(self) -> None:
        self._playing.clear()

    def step(self, games: Atari, seed: int, count: int, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        playing = self._playing.get((games, seed))
        if playing is not None and playing.count == count:
            return playing.step(actions)
        frames = self.begin(games, len(actions), seed, count + 1)
        spent = np.zeros((4, len(actions)), np.float32)
        spent[3] = 1
        return frames, spent


_EMULATORS = _Emulators()
# Before the interpreter goes, or ale-py complains of what is left.
atexit.register(_EMULATORS.end)


def _channels_last(frames: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(frames, 1, -1))
