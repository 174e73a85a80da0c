"""Runs from Python: the same folders as the command's, opened as objects."""

import dataclasses
import json
import shutil
from datetime import datetime
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import lookax as lx
from lookax.cli import main
from lookax.experiments.preset import Table
from lookax.opened import new_folder
from lookax.runs.storage.metrics import read_history


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("from-python") / "run"
    lx.run("ipd-lola", seeds=2, first_seed=3, total_updates=4, contribution_factor=1.5, out=path)
    return path


def test_a_run_from_python_is_that_of_the_command(folder, tmp_path):
    words = ["run", "ipd-lola", "--seeds", "2", "--first-seed", "3", "--total-updates", "4"]
    assert main([*words, "--contribution-factor", "1.5", "--out", str(tmp_path / "run")]) == 0
    for name in ("metrics.jsonl", "config.yaml", "table.json"):
        assert (folder / name).read_text() == (tmp_path / "run" / name).read_text(), name


def test_metrics_are_a_frame_of_columns_named_as_in_sweeps(folder):
    run = lx.open_run(str(folder))
    metrics, history = run.metrics, read_history(folder)
    assert list(metrics.columns[:2]) == ["update", "seed"]
    assert list(metrics["update"]) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert list(metrics["seed"]) == [3, 4] * 5
    np.testing.assert_array_equal(metrics["returns/2"].to_numpy().reshape(5, 2), history["returns"][:, :, 1])
    norms = metrics["gradient_norm/1"].to_numpy().reshape(5, 2)
    np.testing.assert_array_equal(norms[1:], history["gradient_norm"][:, :, 0])
    assert np.isnan(norms[0]).all()
    assert "cooperation/1" not in metrics


def test_settings_and_states(folder):
    run = lx.open_run(folder)
    assert run.settings.contribution_factor == run.config["contribution_factor"] == 1.5
    assert run.config["keep_last"] == 3
    policies = run.final_states.policies
    assert policies[0].logits.shape[0] == 2
    play = lx.ExactPlay(lx.MatrixGame(lx.contribution_payoffs(1.5)), lx.PolicyMaker(
        lx.MatrixGame(lx.contribution_payoffs(1.5))).observations(), 0.96)  # fmt: skip
    own = jax.tree.map(lambda leaf: leaf[1], policies)
    np.testing.assert_allclose(play.values(own), read_history(folder)["returns"][-1, 1], rtol=1e-9)


def test_agents_act_on_observations(folder):
    run = lx.open_run(folder)
    agent = run.agent(seed=4, player=1)
    table = jax.tree.map(lambda leaf: leaf[1], run.final_states.policies[1])
    observation = jnp.eye(5)[2]
    np.testing.assert_allclose(agent.logits(None, observation)[1], table(observation))
    with pytest.raises(ValueError, match="seed: 2 is not allowed; it must be one of 3 … 4"):
        run.agent(seed=2)
    with pytest.raises(ValueError, match="player: 2 is not allowed; it must be one of the 2 players, from 0"):
        run.agent(seed=3, player=2)


def test_an_update_that_is_being_written_is_left_out(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    before = lx.open_run(copy).metrics
    with (copy / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"update": 5, "seed": 3, "returns": [0.0, 0.0]}) + "\n")
    pd.testing.assert_frame_equal(lx.open_run(copy).metrics, before)


def test_runs_that_begin_at_once_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Still(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr("lookax.opened.datetime", Still)
    folders = [new_folder(None, "x") for _ in range(3)]
    assert [folder.name for folder in folders] == ["x-20260102-030405", "x-20260102-030405-2", "x-20260102-030405-3"]
    (folders[0] / "file").touch()
    with pytest.raises(ValueError, match="must be a new folder"):
        new_folder(folders[0], "x")


def test_tables_can_be_read():
    table = Table(("a", "b"), [["1", "2"]], [None], ["a note"])
    assert str(table).split() == ["a", "b", "1", "2", "a", "note"]
    assert "<td>2</td>" in table._repr_html_()
    assert list(Table(("a",), [["1"], ["2"]], [True, None]).frame().columns) == ["a", "agrees"]


def test_what_a_notebook_shows(folder):
    run = lx.open_run(folder)
    assert "finished, 4 of 4 updates, 2 seeds, returns" in repr(run)
    assert 'src="data:image/png;base64,' in run._repr_html_()
    assert run.figure().axes
    assert run.table().rows[0][0] == "ipd-lola"


def test_resuming(tmp_path):
    run = lx.run("ipd-lola", seeds=1, total_updates=2, out=tmp_path / "run")
    assert len(run.resume(total_updates=3).metrics) == 4
    whole = lx.run("ipd-lola", seeds=1, total_updates=3, out=str(tmp_path / "whole"))
    pd.testing.assert_frame_equal(run.metrics, whole.metrics)
    with pytest.raises(ValueError, match=r"learning_rate \(was 1.0, is 2.0\): may not change"):
        lx.resume(run, learning_rate=2.0)
    with pytest.raises(ValueError, match="total_updates: 2 is not allowed; it must be at least 3, where the run is"):
        lx.resume(tmp_path / "run", total_updates=2)


def test_what_makes_no_sense_is_refused_before_there_is_a_folder(tmp_path):
    for fields, message in (
        ({"learning_rat": 1.0}, r"learning_rat: is not a field \(did you mean learning_rate"),
        ({"learning_rate": -1.0}, "learning_rate: -1.0 is not allowed"),
        ({"keep_last": 0}, "keep_last: 0 is not allowed; it must be at least 1"),
        ({"metrics": ["nowhere:nothing"]}, "metrics: 'nowhere:nothing' cannot be imported"),
        ({"metrics": "nowhere:nothing", "payoffs": [[1, 2], [3, 4]]}, "metrics: 'nowhere:nothing' cannot be imported"),
        ({"policy": "nowhere:make"}, "policy: 'nowhere:make' cannot be imported"),
        ({"payoffs": [[1, 2], [3]]}, "payoffs: .* is not allowed; it must be finite numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            lx.run("ipd-lola", out=tmp_path / "no", **fields)
    with pytest.raises(ValueError, match="metrics: 'no:m' cannot be imported"):
        lx.sweep("ipd-lola", {"seeds": [1]}, metrics=["no:m"], out=tmp_path / "no")
    with pytest.raises(ValueError, match="policy: 'no:m' cannot be imported"):
        lx.run("pola-figure4-laptop-naive", policy="no:m", out=tmp_path / "no")
    with pytest.raises(ValueError, match="preset: 'ipd-lol' is not known; did you mean ipd-lola"):
        lx.run("ipd-lol", out=tmp_path / "no")
    with pytest.raises(ValueError, match=f"{tmp_path / 'no'}' does not exist"):
        lx.open_run(tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_preset_of_ones_own_needs_no_registering(tmp_path):
    settings = lx.ExactShaping(lx.LOLASettings(lx.GradientSteps()), seeds=1, total_updates=1)
    run = lx.run(lx.Preset("my-unregistered", "", settings, lx.EXACT), out=tmp_path / "run")
    assert run.config["total_updates"] == 1
    assert (tmp_path / "run" / "config.yaml").read_text().count(f"plugin: {__name__}") == 1


@pytest.mark.parametrize("field", ["drawing", "closing", "maps"])
def test_reports_and_learners_are_looked_for_before_anything_is_learned(tmp_path, field):
    settings = lx.ExactShaping(lx.LOLASettings(lx.GradientSteps()), seeds=1, total_updates=1)
    report = dataclasses.replace(lx.EXACT, **{field: "no.such:function"})
    with pytest.raises(ValueError, match=f"{field}: 'no.such:function' cannot be imported"):
        lx.run(lx.Preset(f"my-{field}", "", settings, report), out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_sweeps(tmp_path):
    values = {"learning_rate": np.array([0.5, 1.0]), "hidden_sizes": [(4,), (4, 2)]}
    results = lx.sweep("ipd-lola", values, out=tmp_path / "sweep", seeds=2, total_updates=1)
    assert len(results) == 8
    assert sorted(set(results["learning_rate"])) == [0.5, 1.0]
    assert {"returns/1", "returns/2", "seed", "update"} <= set(results.columns)
    again: pd.DataFrame = lx.resume(tmp_path / "sweep")
    pd.testing.assert_frame_equal(again, results)
    with pytest.raises(ValueError, match="seeds: may not change; sweeps and reproductions go on as they were begun"):
        lx.resume(tmp_path / "sweep", seeds=3)
    with pytest.raises(ValueError, match="engine"):
        lx.sweep("ipd-lola", values, engine="roy")


def test_payoffs_of_ones_own(tmp_path):
    payoffs = [[2.0, 3.0], [0.0, 5.0]]
    run = lx.run("ipd-lola", payoffs=np.array(payoffs), seeds=1, total_updates=1, out=tmp_path / "run")
    file = tmp_path / "payoffs.json"
    file.write_text(json.dumps(payoffs))
    for number, words in enumerate(("[[2, 3], [0, 5]]", str(file))):
        out = tmp_path / str(number)
        command = ["run", "ipd-lola", "--payoffs", words, "--seeds", "1", "--total-updates", "1", "--out", str(out)]
        assert main(command) == 0
        pd.testing.assert_frame_equal(lx.open_run(out).metrics, run.metrics)
    assert run.resume(total_updates=2).settings.payoffs == ((2.0, 3.0), (0.0, 5.0))
    # Mutual defection pays 2 a step, 2/(1 − 0.96) = 50.
    assert 50 * 0.9 < run.metrics["returns/1"].iloc[0] < 125


def test_reports_and_lists(folder, tmp_path):
    page = lx.report(folder, out=str(tmp_path / "page.html"))
    assert page == Path(tmp_path / "page.html")
    assert "ipd-lola" in page.read_text()
    assert lx.list_runs(folder.parent).rows[0][1] == "ipd-lola"
    assert ["ipd-lola", "LOLA through one gradient step of the opponent"] in list(lx.list_presets().rows)
    assert any(row[1] == "--learning-rate" for row in lx.show("ipd-lola").rows)


def test_evaluation(folder):
    evaluation = lx.evaluate(folder)
    np.testing.assert_allclose(evaluation.quantities["returns"], read_history(folder)["returns"][-1], rtol=1e-12)
    assert evaluation.table().rows
