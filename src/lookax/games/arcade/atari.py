"""The Arcade Learning Environment (Bellemare et al. 2013): Atari 2600 games, emulated on the host (extra `atari`).

Games are wrapped as the original code of MGRL wraps them ([`lookax.games.arcade.emulators`][]). Frames are
84 × 84 shades of grey, the last four of an episode as channels, zeros where it is younger. Rewards to learn from are
clipped to [−1, 1], returns are the game's. A lost life ends an episode, and not the game, which ends by itself or
after a number of frames (Mnih et al. 2015); a cut is no end to learn from, and the value of what is seen last counts.

Emulators live in this process, not in the state, which says which ones and at which step. Where there are none at that
step (a run that was resumed), new ones are made, whose seeds come from the state: the step is spent on the reset.
"""

import dataclasses
import difflib
import functools
import importlib.util

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, UInt8

from lookax.errors import BadInputError, check_at_least
from lookax.games.arcade import on_host
from lookax.games.arcade.emulators import Cartridge, Playing, cartridge
from lookax.games.arcade.environment import Step
from lookax.imports import how_to_install

SIDE, STACK = 84, 4

PUBLISHED_FRAMES = {"space_invaders": 300_000}
"""Where it is not 400 000: gym 0.17.0 allows 100 000 steps of four frames, but of three in this game."""


class AtariState(eqx.Module):
    """Which emulators, and where they are.

    **Attributes:** the `seed` of the emulators; their `number` among those of that seed in this process; how many steps
    they have made, `count`; the last four `frames`.
    """

    seed: Int[Array, ""]
    number: Int[Array, ""]
    count: Int[Array, ""]
    frames: UInt8[Array, "B 84 84 4"]


@dataclasses.dataclass(frozen=True)
class Atari:
    """A game by its name, such as `"pong"` or `"ms_pacman"`, as an [`Environment`][lookax.games.arcade.environment].

    **Attributes:** the `game`; `sticky_actions`: whether the last action is repeated with probability 0.25, whatever is
    done (Machado et al. 2018; not in the published runs); `max_frames` of a game, those of its beginning included and
    rounded up to whole steps; `None` as published: 400 000, of Space Invaders 300 000.

    **Raises:** `ValueError` for an unknown game, or where the extra is not installed.
    """

    game: str
    sticky_actions: bool = False
    max_frames: int | None = None

    def __post_init__(self):
        if self.max_frames is not None:
            # A game begins with up to 30 frames of doing nothing and two steps that nobody chooses.
            check_at_least("max_frames", self.max_frames, 100)
        names = game_names()
        if self.game not in names:
            near = difflib.get_close_matches(self.game, names, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
            raise BadInputError(f"game: {self.game!r} is not known; {hint}")

    @property
    def frame_limit(self) -> int:
        """How many frames a game may last."""
        return self.max_frames or PUBLISHED_FRAMES.get(self.game, 400_000)

    @property
    def num_actions(self) -> int:
        """How many the game makes use of."""
        return self._cartridge.num_actions

    @property
    def frame(self) -> tuple[int, int, int]:
        """84 × 84, the last four of them."""
        return SIDE, SIDE, STACK

    def reset(self, key: Key[Array, ""], batch_size: int) -> tuple[AtariState, UInt8[Array, "B 84 84 4"]]:
        """B first games, of new emulators."""
        batch, screens = on_host.begin(self, key, batch_size, self._screen)
        frames = jnp.zeros((batch_size, *self.frame), jnp.uint8).at[..., -1].set(shrunk(screens))
        return AtariState(*batch, frames), frames

    def step(self, key: Key[Array, ""], state: AtariState, actions: Int[Array, " B"]) -> tuple[AtariState, Step]:
        """Four frames of every game; the emulators draw what is random in it.

        **Arguments:** the `state` before; all games' `actions`, `[B]`. The `key` is not used.
        """
        del key
        before = on_host.Batch(state.seed, state.number, state.count)
        batch, screens, made = on_host.step(self, before, actions, self._screen)
        earlier = jnp.where(made.begins[:, None, None, None], 0, state.frames[..., 1:])
        frames = jnp.concatenate([earlier, shrunk(screens)[..., None]], axis=-1)
        rewards = jnp.clip(made.rewards, -1, 1)
        step = Step(frames, rewards, made.continues, made.played, made.returns, made.ended)
        return AtariState(*batch, frames), step

    def playing(self, batch_size: int, seed: int, count: int) -> Playing:
        """New emulators; as [`HostGames`][lookax.games.arcade.on_host.HostGames] has it.

        **Arguments:** the `batch_size` B; `seed` and `count`, which seed them.
        """
        return Playing(self, batch_size, seed, count)

    @property
    def _cartridge(self) -> Cartridge:
        return cartridge(self.game)

    @property
    def _screen(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((self._cartridge.height, self._cartridge.width, 3), jnp.uint8)


def game_names() -> list[str]:
    """All games that can be emulated.

    **Raises:** `ValueError` where the extra is not installed.
    """
    # ale-py has batches of games only where gymnasium is there.
    if any(importlib.util.find_spec(module) is None for module in ("ale_py", "gymnasium")):
        raise BadInputError(f"game: Atari needs ale-py and gymnasium; {how_to_install('atari')}")
    from ale_py import roms

    return sorted(roms.get_all_rom_ids())


def shrunk(screens: UInt8[Array, "B height width 3"]) -> UInt8[Array, "B 84 84"]:
    """Shades of grey, and means of them over 84 × 84 rectangles, both rounded to whole numbers.

        grey = (9798 R + 19235 G + 3735 B) / 2¹⁵

    These are OpenCV's `COLOR_RGB2GRAY` and `INTER_AREA`, in whole numbers. OpenCV's means are rounded from single
    precision, so that a mean of n + ½ becomes n or n + 1 there; here it is the even one.
    """
    _, height, width, _ = screens.shape
    red, green, blue = jnp.moveaxis(screens.astype(jnp.int32), -1, 0)
    grey = (9798 * red + 19235 * green + 3735 * blue + 2**14) >> 15
    area = height * width
    total = _overlapped(_overlapped(grey, 1), 2) + area // 2
    means = total // area
    return (means - (means * area == total) * (means % 2)).astype(jnp.uint8)


def _overlapped(pixels: Int[Array, "B height width"], axis: int) -> Int[Array, "B _ _"]:
    """Sums over 84 equal intervals of an axis, each pixel times the 84ths of it that lie in an interval."""
    size = pixels.shape[axis]
    first, weights = _overlaps(size)
    shape = (-1,) + (1,) * (2 - axis)
    parts = [
        jnp.take(pixels, np.minimum(first + k, size - 1), axis) * own.reshape(shape) for k, own in enumerate(weights)
    ]
    return functools.reduce(jnp.add, parts)


@functools.cache
def _overlaps(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first pixel of each piece, and 84ths of it and of those that follow it, `[pixels, 84]`."""
    pieces = np.arange(SIDE) * size
    first = pieces // SIDE
    begins = (first + np.arange(-(-size // SIDE) + 1)[:, None]) * SIDE
    overlap = np.minimum(begins + SIDE, pieces + size) - np.maximum(begins, pieces)
    return first, np.maximum(overlap, 0).astype(np.int32)
