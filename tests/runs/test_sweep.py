"""Sweeps on this machine."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from lookax.cli import main
from lookax.runs.storage.frame import read_metrics
from lookax.runs.storage.metrics import read_history

BASE = ["--seeds", "2", "--total-updates", "3"]
SWEEP = ["sweep", "ipd-lola", "--set", "learning_rate=0.5,1", "--set=inner-steps=1,2", *BASE]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "out"
    assert main([*SWEEP, "--out", str(path)]) == 0
    return path


def test_every_combination_is_a_run_of_its_own(swept):
    names = [f"learning_rate={rate},inner_steps={steps}" for rate in (0.5, 1.0) for steps in (1, 2)]
    table = pd.read_csv(swept / "results.csv")
    assert list(table.columns) == [
        "learning_rate",
        "inner_steps",
        "seed",
        "update",
        "state",
        "gradient_norm/1",
        "gradient_norm/2",
        "returns/1",
        "returns/2",
        "tit_for_tat",
    ]
    assert list(zip(table["learning_rate"], table["inner_steps"], table["seed"], strict=True)) == [
        (rate, steps, seed) for rate in (0.5, 1.0) for steps in (1, 2) for seed in (0, 1)
    ]
    for i, name in enumerate(names):
        frame = read_metrics(swept / name)
        assert list(frame["update"]) == [u for u in range(4) for _ in range(2)]
        assert frame["returns"].iloc[-1] == list(table[["returns/1", "returns/2"]].iloc[2 * i + 1])


def test_numbers_share_a_program_and_shapes_do_not(swept):
    # Of four settings those with equally many inner steps learn together.
    assert sorted(folder.name for folder in (swept / "checkpoints").iterdir()) == ["000", "001"]


def test_a_run_of_a_sweep_is_what_it_would_be_alone(swept, tmp_path):
    alone = tmp_path / "alone"
    assert main(["run", "ipd-lola", "--learning-rate", "0.5", "--inner-steps", "2", *BASE, "--out", str(alone)]) == 0
    own, swept_one = read_history(alone), read_history(swept / "learning_rate=0.5,inner_steps=2")
    for name, values in own.items():
        np.testing.assert_allclose(values, swept_one[name], rtol=1e-9, err_msg=name)


def test_resuming_a_finished_sweep_changes_nothing(swept, capsys):
    before = (swept / "results.csv").read_bytes()
    assert main(["resume", str(swept)]) == 0
    assert (swept / "results.csv").read_bytes() == before
    assert "4 settings in 2 programs" in capsys.readouterr().out


def test_a_run_that_fails_leaves_the_others_alone(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["sweep", "ipd-naive", "--set", "learning_rate=1,1e308", "--contribution-factor", "1e9", *BASE]
    assert main([*words, "--out", str(out)]) == 1
    assert re.search(r"learning_rate=1e\+308: \w+ is not finite at update", capsys.readouterr().out)
    table = pd.read_csv(out / "results.csv")
    assert list(table["update"] < 3) == [False, False, True, True]
    assert list(table["state"]) == ["finished", "finished", "failed", "failed"]
    assert (out / "learning_rate=1e+308" / "failed.txt").exists()
    assert not (out / "learning_rate=1.0" / "failed.txt").exists()
    # It stays failed, and the other one finished: nothing is learned again.
    assert main(["resume", str(out)]) == 1
    assert pd.read_csv(out / "results.csv").equals(table)
    assert len(json.loads((out / "learning_rate=1.0" / "provenance.json").read_text())) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["ipd-lola"], "set: is missing; give --set field=value,value,…"),
        (["ipd-lola", "--set", "learning_rate"], "set: 'learning_rate' is not allowed; it must be field=value,value,…"),
        (["ipd-lola", "--set", "learning_rate=1,,2"], "it must be field=value,value,…"),
        (
            ["ipd-lola", "--set", "learning_rte=1,2"],
            "learning_rte: is not a field (did you mean learning_rate or inner_learning_rate?)",
        ),
        (["ipd-lola", "--set", "learning_rate=1,fast"], "could not convert string to float"),
        (["ipd-lola", "--set", "learning_rate=1,-2"], "learning_rate: -2.0 is not allowed"),
        (["ipd-lola", "--set", "learning_rate=1,1.0"], "set: learning_rate=1.0 is there twice"),
        (["ipd-lola", "--set", "learning_rate=1", "--set", "learning-rate=2"], "set: learning_rate is there twice"),
        (["ipd-lola", "--set", "discount=0.5,0.9", "--address", "auto"], "address: 'auto' is not allowed"),
        (["ipd-lola", "--set", "discount=0.5,0.9", "--engine", "spark"], "invalid choice 'spark'"),
        (["ipd-lola", "--set", "discount=0.5,0.9", "--engine", "slurm"], "there is no sbatch on this machine"),
        (
            ["ipd-lola", "--set", "discount=0.5,0.9", "--engine", "slurm", "--address", "auto"],
            "address: 'auto' is not allowed; it must be None or local with the slurm engine",
        ),
        (
            ["ipd-lola", "--set", "discount=0.5,0.9", "--cluster-gpus", "1"],
            "cluster_gpus: 1 is not allowed; it must be left out with the local engine",
        ),
        (
            ["ipd-lola", "--set", "discount=0.5,0.9", "--engine", "slurm", "--cluster-minutes", "0"],
            "cluster_minutes: 0 is not allowed; it must be at least 1",
        ),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(words, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["sweep", *words]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_run_leaves_no_folder(tmp_path, capsys):
    # Settings that their study refuses, which is asked before anything is made.
    swept = tmp_path / "swept"
    assert main(["sweep", "pola-figure4-lola-dice", "--set", "opponent=naive,nobody", "--out", str(swept)]) == 2
    assert "opponent: 'nobody' is not allowed" in capsys.readouterr().err
    assert not swept.exists()
