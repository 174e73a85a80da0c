"""The published Atari presets at their own size: what runs log is what the emulators have counted; seeds repeat."""

import numpy as np
import pytest

from lookax.cli import main
from lookax.games.atari import Atari
from lookax.runs.metrics import read_history

UPDATES = {"a2c-atari": 200, "mgrl-atari": 67, "mgrl-lvc-atari": 67}
"""Two hundred of the network: a window has three."""


class Counted:
    """Emulators, and returns of every game that ended: a game has where its frames are counted from 0 again."""

    def __init__(self, emulators):
        self._emulators = emulators
        self.single_action_space = emulators.single_action_space
        self.returns: list[float] = []

    def reset(self, **words):
        frames, info = self._emulators.reset(**words)
        self._ages, self._running = info["episode_frame_number"], np.zeros(len(frames))
        return frames, info

    def step(self, actions):
        frames, rewards, terminated, truncated, info = self._emulators.step(actions)
        again = info["episode_frame_number"] < self._ages
        self.returns += list(self._running[again])
        self._ages, self._running = info["episode_frame_number"], np.where(again, 0, self._running) + rewards
        self._over = (terminated & (info["lives"] == 0)) | truncated
        return frames, rewards, terminated, truncated, info

    def all_returns(self):
        """Those of games whose reset is the next step too."""
        return self.returns + list(self._running[self._over])


@pytest.mark.slow
@pytest.mark.parametrize("game", ["qbert", "pong"])
@pytest.mark.parametrize("preset", UPDATES)
def test_every_game_that_ends_is_logged(preset, game, tmp_path, monkeypatch):
    counted: dict[int, Counted] = {}
    make = Atari.emulators

    def emulators(self, batch_size):
        counted[batch_size] = Counted(make(self, batch_size))
        return counted[batch_size]

    monkeypatch.setattr(Atari, "emulators", emulators)
    folder = tmp_path / "run"
    words = ["--game", game, "--total-updates", str(UPDATES[preset]), "--out", str(folder)]
    assert main(["run", preset, *words]) == 0
    history = read_history(folder)
    returns = counted[64].all_returns()
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
