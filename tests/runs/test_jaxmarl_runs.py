"""Runs in a JaxMARL environment, killed half-way and resumed, end as those that nobody disturbed, bit for bit."""

import signal
import time

import pytest

from lookax.cli import main
from tests.faults.process import PATIENCE, Process
from tests.faults.test_kills import equal_runs

UPDATES = 50

GAME = ["--game", "jaxmarl:coin_game(num_inner_steps=8)", "--view", "None", "--horizon", "8"]
SMALL = ["--batch-size", "8", "--hidden-size", "4", "--seeds", "2", "--evaluation-games", "8"]
ALL = [*GAME, *SMALL, "--total-updates", str(UPDATES), "--evaluation-horizon", "8", "--checkpoint-updates", "5"]

PRESETS = {
    "coin-advantage-alignment": ["--steps", "2", "--defector-fraction", "None", "--tit-for-tat-fraction", "None"],
    "coin-pola": ["--outer-steps", "2", "--inner-steps", "1"],
}


def lines(folder):
    file = folder / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_learning_in_a_jaxmarl_environment_resumes_bit_for_bit(preset, tmp_path):
    words = ["run", preset, *ALL, *PRESETS[preset]]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main([*words, "--out", str(whole)]) == 0
    process = Process([*words, "--out", str(killed)], killed)
    began = time.monotonic()
    while lines(killed) < UPDATES // 2 * 2 and process.wait(0.002) is None:
        assert time.monotonic() - began < PATIENCE
    assert process.send(signal.SIGKILL) == -signal.SIGKILL, "it had come to its end"
    assert lines(killed) < lines(whole)
    assert main(["resume", str(killed)]) == 0
    equal_runs(killed, whole)


def test_what_a_jaxmarl_game_does_not_have_is_told_in_one_line(tmp_path, capsys):
    words = ["run", "coin-advantage-alignment", "--game", "jaxmarl:coin_gam", "--view", "None", "--out"]
    assert main([*words, str(tmp_path / "run")]) == 2
    assert "environment: 'coin_gam' is not known; did you mean coin_game?" in capsys.readouterr().err
    words[3] = "jaxmarl:coin_game"
    assert main([*words, str(tmp_path / "run")]) == 2
    assert (
        "defect, a fraction of games: 0.5 is not allowed; it must be None in a game that has no"
        in capsys.readouterr().err
    )
