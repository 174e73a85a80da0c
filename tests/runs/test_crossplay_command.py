"""Agents of runs in games with each other and with fixed strategies, by the command."""

import json
import shutil

import jax
import numpy as np
from PIL import Image

import lookax as lx
from lookax.cli import main
from lookax.evaluation.matches import match, scores
from lookax.games.coin_game import OneCoinGame
from lookax.policies.published.agent_files import write_agents
from lookax.runs.programs import sides
from tests.networks import drawn_network


def test_runs_of_different_networks_meet(memory_run, first_agents, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first_agents(
        tmp_path / "other", "pola-figure4-lola-dice", hidden_size=3, recurrent_unit="none", seeds=3, first_seed=5
    )
    assert main(["crossplay", str(memory_run), "other", "--games", "16"]) == 0
    printed = capsys.readouterr().out
    names = ["pola-figure4-pola-dice", "pola-figure4-lola-dice", "always-defect", "always-cooperate", "tit-for-tat"]
    for text in (*names, "16 games a pair", "never with the partner", "drawn in crossplay.png"):
        assert text in printed
    written = json.loads((tmp_path / "crossplay.json").read_text())
    paying = {"game": "contribution", "contribution_factor": 1.33, "num_players": 2}
    assert written["rules"] == paying | {"start": "separate", "horizon": 4}
    assert [run["update"] for run in written["runs"]] == [1, 0]
    matches = {(match["first"], match["second"]): match for match in written["matches"]}
    assert list(matches) == [(first, second) for first in names for second in names]
    assert matches[names[0], names[0]]["seeds"] == [[0, 1], [1, 0]]
    assert matches[names[0], names[1]]["seeds"] == [[0, 5], [1, 6], [0, 7]]
    assert matches[names[2], names[1]]["seeds"] == [[None, 5], [None, 6], [None, 7]]
    for one in matches.values():
        rewards = np.array(one["rewards_by_pair"])
        assert rewards.shape == (len(one["seeds"]), 2)
        # What both are paid is 1.33 − 1 for each who cooperates, at most two.
        assert ((rewards.sum(axis=1) > -1e-6) & (rewards.sum(axis=1) < 0.66 + 1e-6)).all()
    # By hand: a defector gets 1.33 / 2 from a cooperator, who keeps 1.33 / 2 − 1.
    np.testing.assert_allclose(matches["always-defect", "always-cooperate"]["rewards"], [0.665, -0.335], rtol=1e-5)
    assert matches["always-defect", "always-cooperate"]["half_widths"] == [None, None]
    # Tit-for-tat loses the first of four steps to a defector.
    np.testing.assert_allclose(matches["tit-for-tat", "always-defect"]["rewards"], [-0.335 / 4, 0.665 / 4], rtol=1e-5)
    with Image.open(tmp_path / "crossplay.png") as drawing:
        assert drawing.size[0] > 500


def test_agents_of_files_take_part_and_all_see_the_game_as_they_learned_it(first_agents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sides, "AGAINST", ("always-defect",))  # Fewer programs.
    first_agents(tmp_path / "board", game="coin", seeds=1)
    own = first_agents(tmp_path / "own", game="coin", view="own", seeds=1)
    with jax.enable_x64(False):
        # The same agents once more, and others of the name of a run.
        mine = {"mine/4": [lx.open_run(own).agent(seed=0, player=i).policy for i in (0, 1)]}
        write_agents("mine.npz", mine, view="own")
        others = {f"board/{seed}": drawn_network(seed, 36, 4) for seed in (2, 3)}
        write_agents("others.npz", others, view="egocentric")
    assert main(["crossplay", "board", "mine.npz", "own", "others.npz", "--games", "64"]) == 0
    written = json.loads((tmp_path / "crossplay.json").read_text())
    assert [run["name"] for run in written["runs"]] == ["board", "own"]
    assert written["files"] == [
        {"name": "mine", "file": "mine.npz", "seeds": [4]},
        {"name": "others.npz:board", "file": "others.npz", "seeds": [2, 3]},
    ]
    matches = {(match["first"], match["second"]): match for match in written["matches"]}
    names = ["board", "own", "mine", "others.npz:board", "always-defect"]
    assert list(matches) == [(first, second) for first in names for second in names]
    assert matches["own", "others.npz:board"]["seeds"] == [[0, 2], [0, 3]]
    # Whoever is read from a run or a file plays alike, with a view that is not that of the first run's game.
    for other in names:
        np.testing.assert_array_equal(matches["mine", other]["rewards"], matches["own", other]["rewards"])
        np.testing.assert_array_equal(matches[other, "mine"]["rewards"], matches[other, "own"]["rewards"])
    played = jax.jit(lambda players, key: scores(match(OneCoinGame(view="own"), players, key, 4, 64)))
    with jax.enable_x64(False):
        expected = played(tuple(mine["mine/4"]), jax.random.split(jax.random.key(0), 1)[0])
    np.testing.assert_allclose(matches["own", "own"]["rewards"], expected, rtol=1e-5)


def test_only_files_of_its_own_are_replaced(memory_run, first_agents, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sides, "AGAINST", ("always-defect",))  # Fewer programs.
    again = ["crossplay", str(memory_run), "--games", "1", "-o", str(tmp_path / "a.png")]
    (tmp_path / "a.json").write_text('{"precious": 1}')
    assert main(again) == 2
    assert "a.json' is not allowed; it must be new, or written by `lookax crossplay`" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    (tmp_path / "a.json").unlink()
    alone = first_agents(tmp_path / "alone", seeds=1)
    again[1] = str(alone)
    for _ in range(2):
        assert main(again) == 0
    assert "of pola-figure4-pola-dice there is a single seed" in capsys.readouterr().out.replace("\n", " ")


def test_mistakes_get_one_line(memory_run, unlearned, first_agents, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    longer, coin = first_agents(tmp_path / "longer", horizon=5), first_agents(tmp_path / "coin", game="coin")
    unsaved = shutil.copytree(memory_run, tmp_path / "unsaved", ignore=shutil.ignore_patterns("checkpoints"))
    write_agents(agents := tmp_path / "agents.npz", {"a": drawn_network(0, 36, 4)}, view="egocentric")
    here = set(tmp_path.iterdir())
    for words, complaint in (
        ([memory_run, longer], f"horizon: 4 in '{memory_run}' and 5 in '{longer}'; runs must play the same game"),
        ([memory_run, coin], "game: 'contribution' in "),
        ([memory_run, unlearned], "is a run of ipd-lola, whose players do not meet in sampled games"),
        ([unsaved], "has no checkpoint yet"),
        ([memory_run, memory_run], "the same folder or file is named twice"),
        (["none"], "'none' does not exist"),
        ([], "the folder of a run is missing"),
        (["none.npz"], "the folder of a run is missing; it says which game the agents of files play"),
        ([memory_run, "none.npz"], "'none.npz': cannot be read (No such file or directory)"),
        ([memory_run, agents], f"'{agents}': a: view: 'egocentric' is no view of a MatrixGame"),
        ([memory_run, "--games", "0"], "games: 0 is not allowed; it must be at least 1"),
        ([memory_run, "--out", "x.pdf"], "out: 'x.pdf' is not allowed; it must be a file whose name ends in .png"),
        ([memory_run, "--out", "none/x.png"], "it must be a file in a folder that exists"),
        ([memory_run, "--game", "5"], "game: is not a field (did you mean games?)"),
    ):
        assert main(["crossplay", *map(str, words)]) == 2, words
        said = capsys.readouterr()
        assert complaint in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
    assert set(tmp_path.iterdir()) == here


def test_agents_of_payoffs_of_ones_own_meet(first_agents, tmp_path, monkeypatch):
    monkeypatch.setattr(sides, "AGAINST", ("always-defect",))  # Fewer programs.
    own = first_agents(tmp_path / "own", payoffs=((2.0, 3.0), (0.0, 5.0)), seeds=1)
    assert main(["crossplay", str(own), "--games", "1", "-o", str(tmp_path / "a.png")]) == 0
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["rules"]["payoffs"] == [[2.0, 3.0], [0.0, 5.0]]
    assert [match["rewards"] for match in written["matches"]][-1] == [2.0, 2.0]
