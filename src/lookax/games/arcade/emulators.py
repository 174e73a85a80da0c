"""Atari 2600 games on the host, wrapped as the original code of MGRL wraps them (Liu et al. 2022; extra `atari`).

Its wrappers are those of stable-baselines3 1.3.0 around `NoFrameskip-v4` of gym 0.17.0:

- a game begins with 1 to 30 frames of doing nothing;
- an action is held for four frames, and the last two are merged, colour by colour;
- a game is cut after a number of frames;
- a lost life ends an episode; the next one goes on in the same game, after a step of doing nothing;
- if the game has fire, every episode begins with a step of fire and a step of the third action (`FireResetEnv`).

Steps that no player makes earn nothing to learn from; the game counts what they pay.
"""

import concurrent.futures
import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

if TYPE_CHECKING:
    from lookax.games.arcade.atari import Atari

Screen = UInt8[np.ndarray, "height width 3"]

NOTHING, FIRE, THIRD = range(3)


class Cartridge(NamedTuple):
    """What is known of a game before it is played.

    **Attributes:** `height` and `width` of its screen; `num_actions` that it makes use of; whether the first two of at
    least three are to do nothing and to `fire`.
    """

    height: int
    width: int
    num_actions: int
    fire: bool


@functools.cache
def cartridge(game: str) -> Cartridge:
    """A game by its name."""
    import ale_py
    from ale_py import roms

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    emulator.loadROM(str(roms.get_rom_path(game)))
    actions, (height, width) = emulator.getMinimalActionSet(), emulator.getScreenDims()
    fire = len(actions) > 2 and actions[:2] == [ale_py.Action.NOOP, ale_py.Action.FIRE]
    return Cartridge(height, width, len(actions), fire)


class EmulatorStep(NamedTuple):
    """What a game tells of a step, as in [`Step`][lookax.games.arcade.environment.Step].

    **Attributes:** the `screen`; `reward`, as the game counts it; `continues`; `played`; `returns` of a game that
    `ended`; whether an episode `begins` with the screen.
    """

    screen: Screen
    reward: float
    continues: bool
    played: bool
    returns: float
    ended: bool
    begins: bool


class Game:
    """One game after the other, on an emulator of its own.

    **Attributes:** the first `screen`; `no_ops`: how many frames of doing nothing each game so far began with.
    """

    def __init__(self, games: "Atari", seed: int):
        import ale_py

        own = cartridge(games.game)
        self._fire, self._max_frames, self._seed = own.fire, games.frame_limit, seed
        # Asked for no more than steps of four merged frames in full, and for 0 to 30 no-ops. An emulator for each game:
        # emulators of a batch make all their steps together, and here some are reset while others wait.
        self._emulator = ale_py.AtariVectorEnv(
            games.game,
            1,
            num_threads=1,
            max_num_frames_per_episode=2**30,
            repeat_action_probability=0.25 if games.sticky_actions else 0.0,
            img_height=own.height,
            img_width=own.width,
            grayscale=False,
            stack_num=1,
            frameskip=4,
            maxpool=True,
            noop_max=31,
            reward_clipping=False,
            use_fire_reset=False,
        )
        self._over, self._cut, self._lost = True, False, False
        self._lives, self._returns = 0, 0.0
        self._ended: list[float] = []
        self.no_ops: list[int] = []
        self.screen = self._next_episode()

    def step(self, action: int) -> EmulatorStep:
        """An action of the player, and all steps until the player chooses again."""
        if self._cut:
            return EmulatorStep(self._next_episode(), 0.0, False, False, 0.0, False, True)
        screen, reward = self._hold(action)
        # After a cut the last screen is shown first, whose value counts for what was done.
        begins = self._over or self._lost
        if begins:
            screen = self._next_episode()
        ended, self._ended = self._ended, []
        return EmulatorStep(screen, reward, not begins, True, sum(ended), bool(ended), begins)

    def _next_episode(self) -> Screen:
        screen = self._next_life()
        for action in (FIRE, THIRD) if self._fire else ():
            screen, _ = self._hold(action)
            if self._over or self._cut or self._lost:
                self._next_life()
        return screen

    def _next_life(self) -> Screen:
        screen = None
        if not (self._over or self._cut):
            screen, _ = self._hold(NOTHING)
        if screen is None or self._over or self._cut:
            screen = self._next_game()
        return screen

    def _next_game(self) -> Screen:
        frames, info = self._emulator.reset(seed=self._seed if not self.no_ops else None)
        while info["episode_frame_number"][0] == 0:
            frames, info = self._emulator.reset()
        self.no_ops.append(int(info["episode_frame_number"][0]))
        self._over, self._cut, self._lost = False, False, False
        self._lives, self._returns = int(info["lives"][0]), 0.0
        return frames[0, 0]

    def _hold(self, action: int) -> tuple[Screen, float]:
        """Four frames of an action."""
        frames, rewards, over, _, info = self._emulator.step(np.array([action], np.int32))
        lives = int(info["lives"][0])
        self._over = bool(over[0])
        self._cut = not self._over and info["episode_frame_number"][0] >= self._max_frames
        self._lost, self._lives = 0 < lives < self._lives, lives
        self._returns += float(rewards[0])
        if self._over or self._cut:
            self._ended.append(self._returns)
        return frames[0, 0], float(rewards[0])


class Playing:
    """Games of a batch that are going on, and how many steps they have made, `count`."""

    def __init__(self, games: "Atari", batch_size: int, seed: int, count: int):
        # Seeds of the games count up from one that no other emulators of this run begin with.
        first = int(np.random.SeedSequence((seed, count)).generate_state(1)[0]) % 2**30
        self.games = list(_at_once(lambda own: Game(games, own), range(first, first + batch_size)))
        self.count = count

    def __len__(self) -> int:
        """B."""
        return len(self.games)

    def first(self) -> UInt8[np.ndarray, "B height width 3"]:
        """Those that the first games begin with."""
        return np.stack([game.screen for game in self.games])

    def step(self, actions: np.ndarray) -> tuple[UInt8[np.ndarray, "B height width 3"], Float32[np.ndarray, "6 B"]]:
        """A step of all games: screens, and everything else of it, in its order."""
        steps = list(_at_once(Game.step, self.games, actions.tolist()))
        self.count += 1
        screens, *others = zip(*steps, strict=True)
        return np.stack(screens), np.array(others, np.float32)

    def close(self) -> None:
        """Lets go of the emulators."""
        self.games.clear()


def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """As `map`, on every core: emulators work beside Python's lock."""
    return _threads().map(function, *arguments)


@functools.cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count(), "lookax-atari")
