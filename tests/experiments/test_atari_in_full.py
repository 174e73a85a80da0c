"""The published Atari presets at their own size: what runs log is what the emulators have counted; seeds repeat."""

import numpy as np
import pytest

from lookax.cli import main
from lookax.games.arcade.emulators import Game
from lookax.runs.storage.metrics import read_history

ale_py = pytest.importorskip("ale_py")

UPDATES = {"a2c-atari": 200, "mgrl-atari": 67, "mgrl-lvc-atari": 67}
"""Two hundred of the network: a window has three."""


class Counted:
    """An emulator, and the sum of rewards of every game that went on until it was reset."""

    def __init__(self, emulator):
        self._emulator = emulator
        self.sums, self._running = [], None

    def reset(self, **words):
        if self._running is not None:
            self.sums.append(self._running)
        self._running = None
        return self._emulator.reset(**words)

    def step(self, actions):
        made = self._emulator.step(actions)
        self._running = (self._running or 0) + int(made[1][0])
        return made


@pytest.mark.slow
@pytest.mark.parametrize("game", ["qbert", "pong"])
@pytest.mark.parametrize("preset", UPDATES)
def test_every_game_that_ends_is_logged(preset, game, tmp_path, monkeypatch):
    counted: list[Counted] = []
    # In the order of steps, and of games within a step: seeds count up.
    seen: list[tuple[int, int, int]] = []
    make, step = ale_py.AtariVectorEnv, Game.step

    def emulator(*words, **settings):
        counted.append(Counted(make(*words, **settings)))
        return counted[-1]

    def told(self, action):
        before = len(self._emulator.sums)
        made = step(self, action)
        self.steps = getattr(self, "steps", 0) + 1
        seen.extend((self.steps, self._seed, own) for own in self._emulator.sums[before:])
        return made

    monkeypatch.setattr(ale_py, "AtariVectorEnv", emulator)
    monkeypatch.setattr(Game, "step", told)
    folder = tmp_path / "run"
    words = ["--game", game, "--total-updates", str(UPDATES[preset]), "--out", str(folder)]
    assert main(["run", preset, *words]) == 0
    assert len(counted) == 64
    history, returns = read_history(folder), [own for *_, own in sorted(seen)]
    assert len(returns) == history["episodes"].sum() > 30
    # Sums of whole numbers, exact in single precision.
    assert sum(returns) == history["returns"].sum()
    np.testing.assert_allclose(history["score"][-1, 0], np.mean(returns[-100:]), rtol=1e-5)
    for name in ("entropy", "gradient_norm", "value_loss"):
        assert np.isfinite(history[name]).all()
    if preset != "a2c-atari":
        for name in ("discount", "gae_lambda", "value_coefficient", "entropy_coefficient"):
            # Steps of a thousandth of a logit; where one turns back it may be less than single precision tells.
            assert len(np.unique(history[name])) > UPDATES[preset] / 2


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["a2c-atari", "mgrl-atari"])
def test_a_seed_gives_the_same_curves_again(preset, tmp_path):
    for name in ("one", "other"):
        assert main(["run", preset, "--game", "qbert", "--total-updates", "20", "--out", str(tmp_path / name)]) == 0
    one, other = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in ("one", "other"))
    assert one == other
