"""Whole games of actor-critics in a run's checkpoint, by the command; and that Atari's learner resumes bit for bit."""

import jax
import numpy as np
import pytest
from PIL import Image

from lookax.cli import main
from lookax.evaluation.full_games import full_games
from lookax.games.arcade.minatar import MinAtar
from lookax.policies.convolutional import SMALL, actor_critic
from lookax.runs.storage.metrics import read_history

pytest.importorskip("gymnax")

RUN = [
    "mgrl-minatar",
    "--batch-size",
    "4",
    "--steps",
    "2",
    "--inner-steps",
    "1",
    "--total-updates",
    "2",
    "--seeds",
    "2",
]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("play") / "run"
    assert main(["run", *RUN, "--checkpoint-updates", "1", "--out", str(folder)]) == 0
    return folder


def test_every_seed_plays_and_one_game_is_drawn(learned, tmp_path, capsys):
    video = tmp_path / "game.gif"
    assert main(["play", str(learned), "--games", "3", "--video", str(video)]) == 0
    printed = capsys.readouterr().out
    for text in ("mgrl-minatar after update 2 of 2: 3 whole games, actions drawn", "seed 0", "seed 1", "game.gif"):
        assert text in printed
    with Image.open(video) as drawing:
        assert drawing.size == (240, 240)
        assert getattr(drawing, "n_frames", 1) > 3


def test_scores_and_numbers_that_are_tuned_are_known_before_the_first_update(learned):
    history = read_history(learned)
    assert history["score"].shape == (3, 2)
    assert history["discount"].shape == (3, 2)
    assert history["entropy"].shape == (2, 2)


def test_a_seed_gives_the_same_curves_again(learned, tmp_path):
    assert main(["run", *RUN, "--out", str(tmp_path / "again")]) == 0
    again, first = ((folder / "metrics.jsonl").read_bytes() for folder in (tmp_path / "again", learned))
    assert again == first


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--games", "0"], "games: 0 is not allowed; it must be at least 1"),
        (["--video", "game.avi"], "video: 'game.avi' is not allowed; it must be a file that ends in .gif"),
        (["--update", "7"], "update: 7 has no checkpoint; there are those of"),
    ],
)
def test_what_makes_no_sense_is_told(learned, words, complaint, capsys):
    assert main(["play", str(learned), *words]) == 2
    assert complaint in capsys.readouterr().err


def test_runs_of_others_do_not_play(small_run, capsys):
    assert main(["play", str(small_run)]) == 2
    assert "is a run of ipd-lola; it is actor-critics' runs that play" in capsys.readouterr().err


def test_greedy_games_of_one_beginning_are_alike():
    environment = MinAtar("breakout")
    network = actor_critic(
        jax.random.key(0), environment.frame, environment.num_actions, convolutions=SMALL, hidden_size=8
    )
    one, other = (full_games(environment, network, jax.random.key(2), 4, greedy=True) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    assert len(one[1]) == len(other[1]) > 3


@pytest.mark.slow
def test_a_resumed_atari_run_learns_on_with_new_emulators(tmp_path, capsys):
    words = ["mgrl-atari", "--game", "pong", "--batch-size", "2", "--steps", "2", "--checkpoint-updates", "1"]
    folder = tmp_path / "atari"
    assert main(["run", *words, "--total-updates", "1", "--out", str(folder)]) == 0
    assert main(["resume", str(folder), "--total-updates", "2"]) == 0
    history = read_history(folder)
    assert history["discount"].shape == (3, 1)
    assert (np.diff(history["discount"][:, 0]) != 0).all()
    assert np.isfinite(history["gradient_norm"]).all()
    capsys.readouterr()
