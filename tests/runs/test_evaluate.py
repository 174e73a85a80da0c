"""Checkpoints evaluated once more give what was recorded when they were written."""

import dataclasses
import json

import numpy as np
import pytest

from lookax.cli import main
from lookax.experiments.registry import PRESETS
from lookax.runs.commands.evaluate import evaluate
from lookax.runs.commands.execute import learn
from lookax.runs.programs.stopping import Stop
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.metrics import read_history
from lookax.runs.storage.run import Recording, Run, read_run


def test_a_checkpoint_gives_what_was_recorded(run_to_change, capsys):
    history = read_history(run_to_change)
    for words, update in (([], 5), (["--update", "4"], 4)):
        assert main(["evaluate", str(run_to_change), *words]) == 0
        printed = capsys.readouterr().out
        assert f"ipd-lola after update {update} of 5" in printed
        assert f"{history['returns'][update, :, 1].mean():.4g}" in printed
        for text in ("returns/2", "mean of 3 seeds", "P(cooperate | state)", "player 2"):
            assert text in printed
        written = json.loads((run_to_change / f"evaluation-{update}.json").read_text())
        assert (written["update"], written["seeds"]) == (update, [0, 1, 2])
        for name, values in written["quantities"].items():
            # The same function of the same state, compiled by itself: rounding of double precision.
            np.testing.assert_allclose(values, history[name][update], rtol=1e-12)


def test_runs_that_learned_together_find_their_lanes(tmp_path):
    preset = PRESETS["ipd-lola"]
    runs = []
    for rate in (0.5, 1.0):
        experiment = dataclasses.replace(preset.settings, contribution_factor=rate + 1, seeds=2, total_updates=2)
        changed = dataclasses.replace(preset, settings=experiment)
        runs.append(Run(f"rate-{rate}", changed, RunFolder(tmp_path / f"rate-{rate}"), Recording()))
    learn(runs, tmp_path / "checkpoints", Stop(tmp_path))
    for place, run in enumerate(runs):
        stored = read_run(run.folder.path)
        assert stored.place == place
        evaluation = evaluate(stored, None)
        for name, values in evaluation.quantities.items():
            np.testing.assert_allclose(values, run.result().history[name][-1], rtol=1e-12)


def test_what_is_on_disk_stays_as_it_is(run_to_change):
    unfinished = run_to_change / "checkpoints" / "6.orbax-checkpoint-tmp"
    unfinished.mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in run_to_change.rglob("*"))
    evaluate(read_run(run_to_change), None)
    assert sorted((path, path.stat().st_mtime_ns) for path in run_to_change.rglob("*")) == before


def test_a_damaged_checkpoint_is_passed_over_or_refused(run_to_change, capsys, caplog):
    for file in (run_to_change / "checkpoints" / "5").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    assert main(["evaluate", str(run_to_change)]) == 0
    assert "after update 4 of 5" in capsys.readouterr().out
    assert "update 5" in caplog.text
    assert main(["evaluate", str(run_to_change), "--update", "5"]) == 2
    assert "update: checkpoint of update 5 in" in capsys.readouterr().err


def test_a_folder_that_may_not_be_written_is_evaluated_all_the_same(run_to_change, capsys):
    (run_to_change / "evaluation-5.json").mkdir()
    assert main(["evaluate", str(run_to_change)]) == 0
    printed = capsys.readouterr().out
    assert "tit_for_tat" in printed
    assert "not written seed by seed: Is a directory" in printed


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--update", "3"], "update: 3 has no checkpoint; there are those of 2, 4, 5"),
        (["--against", "x.npz"], "whose players do not meet in sampled games"),
        (["3"], "'3' is not allowed; arguments are given as --field value"),
    ],
)
def test_mistakes_get_one_line(small_run, words, complaint, capsys):
    assert main(["evaluate", str(small_run), *words]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.count("\n") == 1
