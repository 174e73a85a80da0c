"""A league of runs' agents and fixed strategies, by the command."""

import json
import re

import numpy as np
from PIL import Image

import lookax as lx
from lookax.cli import main
from lookax.runs.programs import sides


def test_runs_and_strategies_are_ranked(first_agents, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine, other = first_agents(tmp_path / "mine"), first_agents(tmp_path / "other", seeds=3, first_seed=5)
    assert main(["league", str(mine), str(other), "--games", "16"]) == 0
    printed = capsys.readouterr().out
    names = ["mine", "other", "always-defect", "always-cooperate", "tit-for-tat"]
    for text in (*names, "worst case", "16 games a pair", "league.html, drawn in league.png"):
        assert text in printed
    assert "xploit" not in printed
    written = json.loads((tmp_path / "league.json").read_text())
    assert written["rules"]["horizon"] == 4
    assert written["best_response"] is None
    assert [side["name"] for side in written["sides"]] == names
    assert [side["seeds"] for side in written["sides"]] == [[0, 1], [5, 6, 7], None, None, None]
    matches = {(match["first"], match["second"]): match for match in written["matches"]}
    assert np.shape(matches["mine", "other"]["rewards"]) == (2, 3, 2)
    assert matches["mine", "other"]["seeds"] == [[0, 1], [5, 6, 7]]
    for match in matches.values():
        # What both are paid is 1.33 − 1 for each who cooperates.
        both = np.array(match["rewards"]).sum(axis=-1)
        np.testing.assert_allclose(both, 0.66 * np.array(match["cooperation"]), atol=1e-6)
    # Tit-for-tat loses the first of four steps to a defector, and gets 0.33 from all others that cooperate with it.
    strategies = {side["name"]: side for side in written["sides"][2:]}
    np.testing.assert_allclose(strategies["tit-for-tat"]["worst"]["mean"], -0.335 / 4, rtol=1e-5)
    np.testing.assert_allclose(strategies["always-cooperate"]["worst"]["mean"], -0.335, rtol=1e-5)
    assert strategies["always-defect"]["worst"]["mean"] == 0
    assert strategies["always-defect"]["rank_by_worst"] == 1
    # By what it earned in the first seat with all others, and in the second seat.
    first = [np.mean(matches["mine", name]["rewards"], axis=(0, 1))[0] for name in names[1:]]
    second = [np.mean(matches[name, "mine"]["rewards"], axis=(0, 1))[1] for name in names[1:]]
    np.testing.assert_allclose(written["sides"][0]["average"]["mean"], np.mean([first, second]), rtol=1e-5)
    with Image.open(tmp_path / "league.png") as drawing:
        assert drawing.size[0] > 500
    page = (tmp_path / "league.html").read_text()
    [content] = re.findall('id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(content)
    assert [table["title"] for table in data["tables"]] == ["Sides", "Who earns what with whom"]
    assert data["maps"][0]["rows"] == names
    # The best average first.
    by_rank = sorted(written["sides"], key=lambda side: side["rank_by_average"])
    assert [row[0] for row in data["tables"][0]["rows"]] == [side["name"] for side in by_rank]
    assert [row[2] for row in data["tables"][0]["rows"]] == [str(side["rank_by_average"]) for side in by_rank]
    # One game of 4 steps would have eighths: there are 8 actions in it.
    eighths = 8 * np.array(matches["mine", "other"]["cooperation"])
    assert (np.abs(eighths - eighths.round()) > 0.01).any()


def test_agents_are_exploited(first_agents, tmp_path, monkeypatch):
    monkeypatch.setattr(sides, "AGAINST", ())  # Fewer programs.
    mine, other = first_agents(tmp_path / "mine", seeds=1), first_agents(tmp_path / "other", seeds=2, first_seed=5)
    league = lx.league([mine, other], games=4, best_response=1)
    again = lx.league([mine, other], games=4, best_response=1)
    written = league.content()
    assert written["best_response"] == {"updates": 1, "games": 128, "horizon": 4}
    found = written["sides"][1]["best_response"]
    assert set(found) == {"responder", "victim", "gain", "loss"}
    assert len(found["gain"]["by_seed"]) == 2
    # What both earn is paid for cooperating, in these games as in all.
    assert 0 <= found["responder"]["mean"] + found["victim"]["mean"] <= 0.66
    assert "exploitability" in league.table().columns
    assert "1 updates of 128 games of 4 steps, 512 steps" in " ".join(league.table().notes)
    assert again.content() == written


def test_only_files_of_its_own_are_replaced(first_agents, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sides, "AGAINST", ())  # Fewer programs.
    mine, other = first_agents(tmp_path / "mine", seeds=1), first_agents(tmp_path / "other", seeds=1, first_seed=5)
    out = tmp_path / "page"
    out.mkdir()
    words = ["league", str(mine), str(other), "--games", "4", "-o", str(out / "a.html")]
    for name in ("a.png", "a.json", "a.html"):
        (out / name).write_text('{"precious": 1}')
        assert main(words) == 2
        assert f"{name}' is not allowed; it must be new, or written by `lookax league`" in capsys.readouterr().err
        (out / name).unlink()
    for _ in range(2):
        assert main(words) == 0
    assert sorted(file.name for file in out.iterdir()) == ["a.html", "a.json", "a.png"]


def test_mistakes_get_one_line(first_agents, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine, longer = first_agents(tmp_path / "mine"), first_agents(tmp_path / "longer", horizon=5)
    monkeypatch.setattr(sides, "AGAINST", ())
    here = set(tmp_path.iterdir())
    for words, complaint in (
        ([mine, longer], "horizon: 4 in "),
        ([mine, mine], "the same folder or file is named twice"),
        ([mine], "sides: 1 is not allowed; it must be at least 2"),
        ([], "the folder of a run is missing"),
        ([mine, "--games", "0"], "games: 0 is not allowed; it must be at least 1"),
        ([mine, "--best-response", "0"], "best_response: 0 is not allowed; it must be at least 1"),
        ([mine, "--out", "x.png"], "out: 'x.png' is not allowed; it must be a file whose name ends in .html"),
        ([mine, "--out", "none/x.html"], "it must be a file in a folder that exists"),
        ([mine, "--address", "auto"], "address: 'auto' is not allowed; it must be None with the local engine"),
        ([mine, "--engine", "grid"], "invalid choice 'grid' for argument '--engine'"),
    ):
        assert main(["league", *map(str, words)]) == 2, words
        said = capsys.readouterr()
        assert complaint in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
    assert set(tmp_path.iterdir()) == here
