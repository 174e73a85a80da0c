"""What the agents of a run do: told, drawn, and the same as what was recorded."""

import json
import re
import shutil

import jax
import numpy as np
import pytest
from PIL import Image, ImageSequence

import lookax as lx
from lookax.cli import main
from lookax.evaluation.reciprocity import history_names
from lookax.experiments.reports.agents import history_maps
from lookax.policies.published.agent_files import write_agents
from lookax.runs.commands.inspect import inspect
from lookax.runs.storage.metrics import read_history
from tests.networks import drawn_network


def test_agents_in_a_matrix_game(memory_run, tmp_path, capsys):
    folder = shutil.copytree(memory_run, tmp_path / "run")
    assert main(["inspect", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "pola-figure4-pola-dice after update 1 of 1, means over seeds 0 … 1" in printed
    for name in ("start", "DC-CC"):
        assert re.search(rf"^ +{name} +\d\.\d{{3}} \[\d\.\d{{3}}, \d\.\d{{3}}\] ", printed, re.MULTILINE), name
    for name in ("each other", "grim", "win-stay-lose-shift", "random"):
        assert re.search(rf"^ +{name} +-?\d\.\d{{3}} ± \d\.\d{{3}} +-?\d\.\d{{3}} ± ", printed, re.MULTILINE), name
    assert "one game of seed 0" in printed
    with Image.open(folder / "inspection-1.png") as drawing:
        assert drawing.size[0] > 1000
    with Image.open(folder / "inspection-1-seed-0.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 5


def test_scores_are_those_recorded_and_seeds_can_be_had_by_themselves(memory_run):
    history, everybody = read_history(memory_run / "metrics.jsonl"), inspect(memory_run, None, None)
    # The same games: rounding in single precision. (Against more strategies at once, others are drawn.)
    np.testing.assert_allclose(everybody.quantities["score"], history["score"][1], atol=1e-6)
    assert everybody.cooperation is not None
    assert everybody.cooperation.shape == (2, 2, len(history_names()))
    one = inspect(memory_run, 1, 1)
    assert one.cooperation is not None
    np.testing.assert_allclose(one.cooperation, everybody.cooperation[1:], rtol=1e-5)
    np.testing.assert_allclose(one.quantities["against_grim"], everybody.quantities["against_grim"][1:], atol=1e-6)


def test_maps_have_the_last_step_in_columns():
    names = history_names()
    [first, _] = history_maps(np.arange(len(names)) * np.ones((1, 2, 1)))
    assert first.title.endswith("start 0.00")
    for row, before in enumerate(first.rows):
        for column, last in enumerate(first.columns):
            name = last if before == "nothing" else f"{before}-{last}"
            assert first.values[row, column] == names.index(name)


@pytest.mark.parametrize("game", ["coin", "two-coins"])
def test_agents_in_a_coin_game(game, first_agents, tmp_path, capsys):
    folder = first_agents(tmp_path / "run", game=game, first_seed=3)
    assert main(["inspect", str(folder), "--seed", "4"]) == 0
    printed = capsys.readouterr().out
    for text in ("after update 0 of 1, seed 4", "coins per game", "blue picks up", "their picker's colour", "grim"):
        assert text in printed
    frames = printed[printed.index("one game of seed 4") :].splitlines()[1:5]
    assert frames[0].split() == ["0", "1", "2", "3", "4"]
    assert all(re.fullmatch(r"([.RBX][.rbx] ?){3}(   ([.RBX][.rbx] ?){3}){4}", line.strip()) for line in frames[1:])
    assert [file.name for file in folder.glob("inspection-*")] == ["inspection-0-seed-4.gif"]


def test_a_folder_that_may_not_be_written_is_inspected_all_the_same(memory_run, tmp_path, capsys):
    folder = shutil.copytree(memory_run, tmp_path / "run")
    (folder / "inspection-1.png").mkdir()
    assert main(["inspect", str(folder)]) == 0
    assert "not drawn: Is a directory" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--seed", "2"], "seed: 2 is not allowed; it must be one of the run's, 0 … 1"),
        (["--update", "3"], "update: 3 has no checkpoint; there are those of"),
        (["--sed", "1"], "sed: is not a field (did you mean seed?)"),
    ],
)
def test_mistakes_get_one_line(memory_run, words, complaint, capsys):
    assert main(["inspect", str(memory_run), *words]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_other_experiments_are_refused(unlearned, capsys):
    assert main(["inspect", str(unlearned)]) == 2
    assert "is a run of ipd-lola, whose players do not meet in sampled games" in capsys.readouterr().err


def test_agents_of_a_file_are_played_against_by_group(first_agents, tmp_path, capsys):
    folder = first_agents(tmp_path / "run", game="coin", first_seed=3)
    with jax.enable_x64(False):
        agents = {f"a/{seed}": drawn_network(seed, 36, 4) for seed in (0, 1)} | {"b-c": drawn_network(2, 36, 4)}
    write_agents(path := tmp_path / "agents.npz", agents, view="own")
    assert main(["inspect", str(folder), "--against", str(path)]) == 0
    printed = capsys.readouterr().out
    for name in ("a", "b-c"):
        assert re.search(rf"^ +{name} +-?\d\.\d{{3}} ± \d\.\d{{3}} +-?\d\.\d{{3}} ± ", printed, re.MULTILINE), name
    assert main(["evaluate", str(folder), "--against", str(path)]) == 0
    assert "against_b_c/2" in capsys.readouterr().out
    written = json.loads((folder / "evaluation-0.json").read_text())["quantities"]
    one = lx.inspect(folder, seed=4, against=path)
    assert one.opponents == ("a", "b-c")
    for name in ("against_a", "against_b_c"):
        np.testing.assert_allclose(one.quantities[name], np.array(written[name])[1:], atol=1e-6)


def test_files_of_agents_that_do_not_fit_get_one_line(memory_run, first_agents, tmp_path, capsys):
    write_agents(path := tmp_path / "agents.npz", {"tit-for-tat": drawn_network(0, 36, 4)})
    coin = first_agents(tmp_path / "coin", game="coin")
    for folder, file, complaint in (
        (memory_run, path, f"'{path}': tit-for-tat: policy: that of player 0 does not take the 6 numbers"),
        (memory_run, "none.npz", "'none.npz': cannot be read"),
        (coin, path, "against: 'tit-for-tat' is not allowed; it must be a group with a name of its own"),
    ):
        for command in ("inspect", "evaluate"):
            assert main([command, str(folder), "--against", str(file)]) == 2
            said = capsys.readouterr()
            assert complaint in said.err
            assert said.err.count("\n") == 1
