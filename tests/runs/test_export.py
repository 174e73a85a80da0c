"""Agents of runs, exported: what comes back plays as the run's own agent does."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.cli import main
from lookax.experiments.registry import PRESETS
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run


def test_a_table_of_an_exact_run(small_run, tmp_path, capsys):
    out = tmp_path / "agent"
    assert main(["export", str(small_run), "--seed", "1", "--player", "1", "--update", "4", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"an agent in {out}\n"
    run, loaded = lx.open_run(small_run), lx.load_agent(out)
    own = run.agent(seed=1, player=1, update=4)
    for state in jnp.eye(5):
        logits, memory = loaded(state, loaded.initial_memory())
        np.testing.assert_allclose(logits, own.logits(None, state)[1], rtol=1e-6)
        assert memory.shape == (0,)
    about = loaded.description
    assert about["name"] == "ipd-lola/1"
    assert about["actions"] == ["defect", "cooperate"]
    assert about["observation"]["layout"].endswith("DD, DC, CD, CC, start")
    payoffs = lx.MatrixGame(lx.contribution_payoffs(run.settings.contribution_factor)).payoffs
    np.testing.assert_allclose(about["game"]["payoffs"], payoffs, rtol=1e-6)
    given = about["provenance"]
    assert (given["preset"], given["seed"], given["player"], given["update"]) == ("ipd-lola", 1, 1, 4)
    assert given["settings"] == json.loads(json.dumps(as_fields(run.settings)))
    assert given["versions"]["lookax"] == lx.__version__


def test_a_network_of_a_run_with_a_view(first_agents, tmp_path):
    folder = first_agents(tmp_path / "run", "pola-figure5-laptop-pola-dice", view="own")
    with jax.enable_x64(False):
        out = lx.export(folder, player=1, out=tmp_path / "agent")
        run = lx.open_run(folder)
        loaded, own = lx.load_agent(out), run.agent(seed=run.settings.first_seed, player=1)
        memory, hidden_state = loaded.initial_memory(), own.initial_hidden_state()
        for observation in np.eye(36)[:5]:
            logits, memory = loaded(jnp.asarray(observation, float), memory)
            hidden_state, expected = own.logits(hidden_state, jnp.asarray(observation, float))
            np.testing.assert_array_equal(logits, expected)
    assert loaded.description["actions"] == ["right", "left", "down", "up"]
    assert loaded.description["observation"]["view"] == "own"
    assert loaded.description["game"]["grid_size"] == 3


def test_what_cannot_be_exported(small_run, first_agents, unlearned, tmp_path, capsys):
    given: Any
    for given, complaint in (
        ({"seed": 9}, "seed: 9 is not allowed; it must be one of 0 … 2"),
        ({"player": 2}, "player: 2 is not allowed; it must be one of the 2 players, from 0"),
        ({"player": -1}, "player: -1 is not allowed"),
        ({"update": 3}, "update: 3 has no checkpoint; there are those of"),
        ({"out": small_run}, "exists; it must be a new folder"),
    ):
        with pytest.raises(ValueError, match=complaint):
            lx.export(small_run, **{"out": tmp_path / "none"} | given)
    with pytest.raises(ValueError, match="has no checkpoint yet"):
        lx.export(unlearned, out=tmp_path / "none")
    against = first_agents(tmp_path / "against", opponent="tit-for-tat")
    with pytest.raises(ValueError, match="is no table, and no network of dense layers"):
        lx.export(against, player=1, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert main(["export", str(tmp_path / "nothing")]) == 2
    assert main(["export"]) == 2
    assert "the folder of a run is missing" in capsys.readouterr().err


def test_runs_without_players_export_nothing(tmp_path):
    settings = PRESETS["a2c-minatar"]
    Run("a2c-minatar", settings, RunFolder(tmp_path), Recording(), tmp_path / "checkpoints").write_config()
    with pytest.raises(ValueError, match="is a run of a2c-minatar, whose agents are not exported"):
        lx.export(tmp_path, out=tmp_path / "none")
