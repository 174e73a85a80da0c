"""An oracle of how the original code of MGRL wraps an Atari game, on a plain emulator, frame by frame.

Written from what gym 0.17.0, stable-baselines3 1.3.0 and the original's stack of frames do; knows nothing of lookax.
"""

import functools
from typing import NamedTuple

import numpy as np
import pytest

ale_py = pytest.importorskip("ale_py")
roms = pytest.importorskip("ale_py.roms")


def no_ops(game, seed, count):
    """How many frames of doing nothing the first games of an emulator with that seed begin with.

    They are drawn from 0 to 30 by ale-py, which goes on drawing whatever is played in between, and again for 0.
    """
    emulator = ale_py.AtariVectorEnv(game, 1, noop_max=31, use_fire_reset=False)
    _, info = emulator.reset(seed=int(seed))
    drawn = []
    while len(drawn) < count:
        if number := int(info["episode_frame_number"][0]):
            drawn.append(number)
        _, info = emulator.reset()
    return drawn


class Seen(NamedTuple):
    """What a learner of the original gets of a step, and the score of a game that ended in it, or `None`."""

    stack: np.ndarray
    reward: float
    done: bool
    score: float | None


class Original:
    """A game whose beginnings have given numbers of no-ops."""

    def __init__(self, game, seed, no_ops, sticky=0.0):
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.ale.setFloat("repeat_action_probability", sticky)
        self.ale.setInt("random_seed", int(seed))
        self.ale.loadROM(str(roms.get_rom_path(game)))
        self.actions = self.ale.getMinimalActionSet()
        self.has_fire = ale_py.Action.FIRE in self.actions
        self.no_ops = iter(no_ops)
        self.scores, self.lives, self.real_done = [], 0, True
        self.stack = np.zeros((84, 84, 4), np.uint8)
        self.push(self.reset())

    def push(self, screen):
        self.stack = np.concatenate([self.stack[..., 1:], grey_84(screen)[..., None]], axis=-1)

    def step(self, action):
        before = len(self.scores)
        screen, reward, done = self.life_step(action)
        if done:
            screen = self.reset()
            self.stack = np.zeros_like(self.stack)
        self.push(screen)
        return Seen(self.stack, np.sign(reward), done, self.scores[before] if len(self.scores) > before else None)

    # Fire, over lives, over the monitor of scores and the merging of frames, over no-ops.

    def reset(self):
        screen = self.life_reset()
        if self.has_fire:
            for action in (1, 2):
                screen, _, done = self.life_step(action)
                if done:
                    self.life_reset()
        return screen

    def life_step(self, action):
        screen, reward, self.real_done = self.merged(action)
        lives = self.ale.lives()
        lost, self.lives = 0 < lives < self.lives, lives
        return screen, reward, self.real_done or lost

    def life_reset(self):
        screen = self.real_reset() if self.real_done else self.merged(0)[0]
        self.lives = self.ale.lives()
        return screen

    def merged(self, action):
        reward, screens = 0, []
        for _ in range(4):
            reward += self.ale.act(self.actions[action])
            screens.append(self.ale.getScreenRGB())
            if self.ale.game_over():
                break
        self.score += reward
        if self.ale.game_over():
            self.scores.append(self.score)
        # What is seen as a game is over is never shown.
        return np.maximum(*screens[-2:]) if len(screens) > 1 else screens[0], reward, self.ale.game_over()

    def real_reset(self):
        self.ale.reset_game()
        for _ in range(next(self.no_ops)):
            self.ale.act(0)
        self.score = 0
        return self.ale.getScreenRGB()


def grey_84(screen):
    """OpenCV's shades of grey, and means over areas, halves rounded to even."""
    grey = np.floor(screen.astype(float) @ [9798, 19235, 3735] / 2**15 + 0.5)
    rows, columns = (pieces(size) for size in grey.shape)
    return np.rint(rows @ grey @ columns.T / grey.size).astype(np.uint8)


@functools.cache
def pieces(size):
    """How many of a pixel's 84 parts lie in each of 84 equal pieces of all of them, whole numbers."""
    return np.repeat(np.eye(size), 84, axis=0).reshape(84, size, size).sum(axis=1)
