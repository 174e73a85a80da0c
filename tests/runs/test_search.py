"""Searches by Optuna: the same trials for the same seeds, however they were interrupted, in the table of a sweep."""

from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages.journal import JournalFileBackend

import lookax as lx
from lookax.cli import main
from lookax.experiments.registry import PRESETS
from lookax.runs.programs import training
from lookax.runs.storage.metrics import read_history
from lookax.runs.storage.run import Recording
from lookax.runs.sweeps.search import Choice, Goal, Range, Search

BASE = ["sweep", "ipd-lola", "--seeds", "2", "--total-updates", "3"]
VALUES = {"learning_rate": "0.5,1", "inner_steps": "1,2"}
RANGES = [
    "--optimise",
    "learning_rate=log:0.01..3",
    "--optimise",
    "contribution_factor=1.2..1.8",
    "--objective",
    "returns",
]
PRUNED = [
    "sweep", "ipd-lola", "--seeds", "2", "--total-updates", "6", "--checkpoint-updates", "2", *RANGES,
    "--trials", "16", "--at-once", "4", "--prune",
]  # fmt: skip


def trials(folder) -> list[Any]:
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "optuna.journal")))
    found = optuna.load_study(study_name="lookax", storage=storage).trials
    return [(t.number, t.state.name, t.params, t.value, t.intermediate_values) for t in found]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search with pruning."""
    out = tmp_path_factory.mktemp("search") / "out"
    assert main([*PRUNED, "--out", str(out)]) == 0
    return out


@pytest.mark.slow
def test_the_grid_gives_the_table_of_a_sweep(tmp_path):
    swept, grid = tmp_path / "swept", tmp_path / "grid"
    values = [f"{field}={listed}" for field, listed in VALUES.items()]
    assert main([*BASE, *(word for value in values for word in ("--set", value)), "--out", str(swept)]) == 0
    words = [word for value in values for word in ("--optimise", value)]
    assert main([*BASE, *words, "--objective", "returns/1", "--sampler", "grid", "--out", str(grid)]) == 0
    assert (grid / "results.csv").read_bytes() == (swept / "results.csv").read_bytes()
    table = pd.read_csv(grid / "results.csv")
    found = trials(grid)
    assert [t[2] for t in found] == [
        {"learning_rate": rate, "inner_steps": steps} for rate in ("0.5", "1") for steps in ("1", "2")
    ]
    values = table["returns/1"].to_numpy().reshape(4, 2).mean(axis=1)
    np.testing.assert_allclose([t[3] for t in found], values, rtol=1e-12)


def test_trials_are_runs_and_their_values_those_of_the_last_update(searched):
    table = pd.read_csv(searched / "results.csv")
    assert len(table) == 32
    for number, state, params, value, intermediate in trials(searched):
        own = table.iloc[2 * number : 2 * number + 2]
        assert set(own["learning_rate"]) == {params["learning_rate"]}
        assert set(own["state"]) == {"pruned" if state == "PRUNED" else "finished"}
        name = f"learning_rate={params['learning_rate']},contribution_factor={params['contribution_factor']}"
        history = read_history(searched / name)["returns"]
        assert set(own["update"]) == {len(history) - 1} == {max(intermediate) if state == "PRUNED" else 6}
        assert value == pytest.approx(history[-1].mean(), rel=1e-12)
        assert intermediate == {u: pytest.approx(history[u].mean(), rel=1e-12) for u in intermediate}
        assert sorted(intermediate) == [u for u in (2, 4) if u < len(history)]


def test_the_worse_half_is_pruned_and_says_so(searched, capsys):
    found = trials(searched)
    states = [state for _, state, *_ in found]
    assert states[:4] == ["COMPLETE"] * 4  # of the first batch there is no median yet
    assert 0 < states.count("PRUNED") < 12
    for number, state, _, _, intermediate in found[4:]:
        if state == "PRUNED":
            last = max(intermediate)
            before = [t[4][last] for t in found[: number - number % 4] if t[1] == "COMPLETE"]
            assert len(before) >= 5
            assert max(intermediate.values()) < np.median(before)
    assert main(["runs", str(searched)]) == 0
    assert "pruned after update 2" in capsys.readouterr().out


class KilledError(BaseException):
    """As if the process had been killed."""


SLOW = [pytest.param(moment, marks=pytest.mark.slow) for moment in ("ask", "suggest", "report", "tell")]


@pytest.mark.parametrize("moment", ["learn", *SLOW])
def test_a_search_that_is_killed_goes_on_as_if_it_had_not_been(moment, searched, tmp_path, monkeypatch):
    out = tmp_path / "out"
    owner, name, times = {
        "ask": (optuna.Study, "ask", 7),
        "suggest": (optuna.trial.Trial, "suggest_float", 12),
        "learn": (training._Learning, "_prune", 12),
        "report": (optuna.trial.Trial, "should_prune", 28),
        "tell": (optuna.Study, "tell", 11),
    }[moment]
    original, calls = getattr(owner, name), []

    def dying(*arguments, **options):
        calls.append(name)
        result = original(*arguments, **options)
        if len(calls) == times:
            raise KilledError
        return result

    monkeypatch.setattr(owner, name, dying)
    with pytest.raises(KilledError):
        main([*PRUNED, "--out", str(out)])
    assert main(["resume", str(out)]) == 0
    assert trials(out) == trials(searched)
    assert (out / "results.csv").read_bytes() == (searched / "results.csv").read_bytes()


@pytest.mark.parametrize(("few", "more"), [(2, 4), pytest.param(3, 5, marks=pytest.mark.slow)])
def test_more_trials_go_on_from_a_batch_that_was_small(few, more, tmp_path):
    out = tmp_path / "out"
    words = [*BASE, *RANGES, "--at-once", "4", "--total-updates", "1"]
    assert main([*words, "--trials", str(few), "--out", str(out)]) == 0
    before = trials(out)
    assert main(["resume", str(out), "--trials", str(more)]) == 0
    after = trials(out)
    assert after[:few] == before
    assert [state for _, state, *_ in after] == ["COMPLETE"] * more
    table = (out / "results.csv").read_bytes()
    assert len(pd.read_csv(out / "results.csv")) == 2 * more
    assert main(["resume", str(out), "--trials", str(more)]) == 0
    assert (trials(out), (out / "results.csv").read_bytes()) == (after, table)


@pytest.mark.slow
def test_samplers_and_seeds_choose_otherwise_and_repeat_themselves(tmp_path):
    def chosen(sampler, seed):
        name = f"{sampler}-{seed}-{len(list(tmp_path.iterdir()))}"
        options = {"objective": "returns", "sampler": sampler, "sampler_seed": seed, "trials": 3, "at_once": 3}
        spaces = {"learning_rate": "log:0.01..3", "inner_learning_rate": "0.1..2", "contribution_factor": [1.2, 1.4]}
        table = lx.optimise("ipd-lola", spaces, seeds=1, total_updates=1, out=tmp_path / name, **options)
        return table[list(spaces)].to_numpy().tolist()

    first = chosen("random", 0)
    assert chosen("random", 0) == first
    assert chosen("random", 1) != first
    assert all(0.01 <= rate <= 3 and 0.1 <= inner <= 2 and factor in (1.2, 1.4) for rate, inner, factor in first)


@pytest.mark.slow
def test_the_same_setting_is_learned_once_and_the_smaller_objective_is_the_best(tmp_path, capsys):
    out = tmp_path / "out"
    words = [*BASE, "--optimise", "learning_rate=0.5,1", "--objective", "returns", "--direction", "minimise"]
    assert main([*words, "--trials", "6", "--at-once", "2", "--sampler", "random", "--out", str(out)]) == 0
    assert len(pd.read_csv(out / "results.csv")) == 4
    found = trials(out)
    assert len(found) == 6
    values = {(t[2]["learning_rate"], t[3]) for t in found}
    assert len(values) == 2
    smaller = min(values, key=lambda own: own[1])[0]
    assert f"learning_rate={float(smaller)}, with returns" in " ".join(capsys.readouterr().out.split())


def test_a_trial_that_diverges_fails_alone(tmp_path, capsys):
    out = tmp_path / "out"
    words = [
        "sweep",
        "ipd-naive",
        "--optimise",
        "learning_rate=1,1e308",
        "--contribution-factor",
        "1e9",
        "--seeds",
        "1",
    ]
    words += ["--total-updates", "2", "--objective", "returns", "--sampler", "grid"]
    assert main([*words, "--out", str(out)]) == 1
    assert [t[1] for t in trials(out)] == ["COMPLETE", "FAIL"]
    assert list(pd.read_csv(out / "results.csv")["state"]) == ["finished", "failed"]
    said = capsys.readouterr().out
    assert "Best: trial 0, learning_rate=1.0" in said
    assert f"lookax run --config {out}/learning_rate=1.0/config.yaml --first-seed 1" in " ".join(said.split())


def test_spaces_are_read_as_they_are_written():
    def read(space, field="inner_steps"):
        return Search(PRESETS["ipd-lola"], {field: space}, Goal("returns"), Recording()).read()[field]

    assert read("1..3") == Range(1, 3)
    assert isinstance(read("1..3").ends()[0], int)
    assert read("log:1e-3..1", "learning_rate") == Range(0.001, 1.0, log=True)
    assert all(isinstance(end, float) for end in read("1..2.5", "learning_rate").ends())
    assert read([1, 2]) == Choice({"1": 1, "2": 2})


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--optimise", "learning_rate=1..2"], "objective: is missing; give --objective METRIC"),
        (
            ["--optimise", "learning_rate=2..1", "--objective", "returns"],
            "learning_rate=2..1 is not allowed; it must be",
        ),
        (["--optimise", "learning_rate=log:0..1", "--objective", "returns"], "LOW below HIGH, LOW positive"),
        (["--optimise", "learning_rate=a..b", "--objective", "returns"], "learning_rate=a..b is not allowed"),
        (["--optimise", "learning_rate=-1..1", "--objective", "returns"], "learning_rate: -1.0 is not allowed"),
        (["--optimise", "inner_steps=1..2.5", "--objective", "returns"], "Error parsing --inner-steps"),
        (["--optimise", "learning_rte=1..2", "--objective", "returns"], "learning_rte: is not a field (did you mean"),
        (
            ["--optimise", "learning_rate=1..2", "--objective", "return"],
            "'return' is no metric of this preset; there is r",
        ),
        (["--optimise", "learning_rate=1..2", "--objective", "returns/3"], "'returns/3' is no metric of this preset"),
        (
            ["--optimise", "learning_rate=1..2", "--objective", "returns", "--prune"],
            "given with --checkpoint-updates N",
        ),
        (
            ["--optimise", "learning_rate=1..2", "--objective", "returns", "--sampler", "grid"],
            "learning_rate is a range",
        ),
        (["--optimise", "learning_rate", "--objective", "returns"], "optimise: 'learning_rate' is not allowed"),
        (["--optimise", "learning_rate=1..2", "--objective", "returns", "--engine", "ray"], "engine: is not a field"),
    ],
)
def test_searches_that_make_no_sense_are_told_in_a_line(words, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*BASE, *words]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_search_says_what_it_is(searched, capsys):
    assert main(["evaluate", str(searched)]) == 2
    assert "is the folder of a search; name one of the runs in it" in capsys.readouterr().err
