"""What is told of runs, from the ends of their files."""

import json
import re
import shutil
from pathlib import Path

import pytest

from lookax.cli import main
from lookax.runs.commands.listing import Standing
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.metrics import last_rows
from lookax.runs.storage.run import read_run


def _cut(run, update, seed):
    """As if it had been killed after a seed of an update, in the middle of the next line."""
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    whole = 3 * update + seed + 1
    (run / "metrics.jsonl").write_text("".join(lines[:whole]) + lines[whole][:40])
    for checkpoint in (run / "checkpoints").iterdir():
        if int(checkpoint.name) > update:
            shutil.rmtree(checkpoint)


def _state(run):
    return Standing.of(read_run(run)).state


def test_runs_are_listed_with_what_they_gave(small_run, capsys):
    assert main(["runs", str(small_run.parent)]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if "ipd-lola" in line]
    assert re.match(r" +small +ipd-lola +finished +5 of 5 +3 +\d{4}-\d\d-\d\d \d\d:\d\d +returns \S+, tit_for_tat", row)
    rows = [json.loads(line) for line in (small_run / "metrics.jsonl").read_text().splitlines()]
    means = [sum(row["returns"]) / 2 for row in rows if row["update"] == 5]
    assert f"returns {sum(means) / 3:.4g}," in row


def test_states_are_told_by_files_and_lock(run_to_change):
    assert _state(run_to_change) == "finished"
    _cut(run_to_change, update=4, seed=2)
    assert _state(run_to_change) == "stopped at update 4"
    _cut(run_to_change, update=3, seed=1)
    assert _state(run_to_change) == "stopped at update 2"
    shutil.rmtree(run_to_change / "checkpoints" / "2")
    assert _state(run_to_change) == "stopped at update 2, no checkpoint"
    with RunFolder(run_to_change).claimed():
        assert _state(run_to_change) == "running"
    with RunFolder(run_to_change.parent).claimed():
        assert _state(run_to_change) == "running"
    RunFolder(run_to_change).write_failure("it failed")
    assert _state(run_to_change) == "failed after update 2"
    RunFolder(run_to_change).forget_failure()
    (run_to_change / "metrics.jsonl").unlink()
    assert _state(run_to_change) == "stopped before the first update"
    with RunFolder(run_to_change).claimed():
        assert _state(run_to_change) == "starting"


def test_a_checkpoint_behind_the_metrics_is_told(run_to_change):
    _cut(run_to_change, update=3, seed=2)
    assert _state(run_to_change) == "stopped at update 3, checkpoint at 2"


def test_whoever_looks_leaves_no_trace(run_to_change):
    before = sorted((path, path.stat().st_mtime_ns) for path in run_to_change.rglob("*"))
    main(["runs", str(run_to_change.parent)])
    assert sorted((path, path.stat().st_mtime_ns) for path in run_to_change.rglob("*")) == before


def test_a_run_that_cannot_be_read_is_told_and_the_others_are_listed(run_to_change, capsys):
    for name, text in {"later": "format: 99\n", "strange": "format: 2\npreset: no-such\n"}.items():
        (run_to_change.parent / name).mkdir()
        (run_to_change.parent / name / "config.yaml").write_text(text)
    damaged = shutil.copytree(run_to_change, run_to_change.parent / "damaged") / "metrics.jsonl"
    damaged.write_text(damaged.read_text()[:-20] + "\n")
    assert main(["runs", str(run_to_change.parent)]) == 0
    said = capsys.readouterr()
    assert "finished" in said.out
    assert said.err.count("\n") == 3
    for text in ("is of format 99", "preset: 'no-such' is not known", "damaged/metrics.jsonl' is damaged"):
        assert text in said.err


def test_a_run_is_read_without_what_only_starting_it_takes(run_to_change):
    config = run_to_change / "config.yaml"
    config.write_text(config.read_text().replace("initial_policies: null", "initial_policies: gone.json"))
    assert read_run(run_to_change).settings.initial_policies == Path("gone.json")
    assert _state(run_to_change) == "finished"


def test_no_runs_get_a_helpful_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in (["runs"], ["runs", "."]):
        assert main(words) == 0
        assert "`lookax run PRESET" in capsys.readouterr().out


@pytest.mark.parametrize("width", [10, 10_000, 1_000_000])
def test_the_last_complete_update_is_found_from_the_end(tmp_path, width):
    file = tmp_path / "metrics.jsonl"
    assert last_rows(file, 2) == []
    lines = [json.dumps({"update": u, "seed": s, "x": "x" * width}) for u in range(4) for s in range(2)]
    for number, update in {0: None, 1: None, 2: 0, 3: 0, 4: 1, 7: 2, 8: 3}.items():
        file.write_text("".join(f"{line}\n" for line in lines[:number]) + '{"update": 9, "se')
        rows = last_rows(file, 2)
        assert [(row["update"], row["seed"]) for row in rows] == ([] if update is None else [(update, 0), (update, 1)])
