"""What may befall a run, one test each; runs of all learners are killed in `tests/faults/`."""

import contextlib
import json
import logging
import os
import pickle
import re
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

from lookax.cli import main
from lookax.runs.programs import stopping
from lookax.runs.programs.lanes import Lanes
from lookax.runs.storage import checkpoints as checkpoints_module
from lookax.runs.storage.checkpoints import Checkpoints, DamagedError, Progress
from lookax.runs.storage.folder import RunFolder, updates_in
from lookax.runs.storage.run import read_run
from tests.faults import child
from tests.faults.process import PATIENCE, Process

NAIVE = ["run", "ipd-naive", "--seeds", "2", "--out"]


def resumed(folder, *words):
    return main(["resume", str(folder), *words])


def same_files(one, other, *names):
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


# Damage


STATE = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array([7, 8]), "none": np.ones((2, 0))}


def saved(path):
    checkpoints = Checkpoints(path, 3, None)
    for update in (1, 2):
        checkpoints.save(jax.tree.map(lambda leaf, u=update: u * leaf, STATE), Progress(update, [update], [{}]))
    checkpoints.close()
    return [file.relative_to(path) for file in sorted((path / "2").rglob("*")) if file.is_file()]


def damaged_in_half(file):
    os.truncate(file, file.stat().st_size // 2)


def damaged_in_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 64
    file.write_bytes(content)


def test_checkpoints_are_quiet_and_leave_the_logging_of_others_alone(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="absl"):
        saved(tmp_path)
        checkpoints = Checkpoints(tmp_path)
        assert checkpoints.updates() == [1, 2]
        checkpoints.read(2, STATE)
        checkpoints.close()
        assert logging.getLogger("absl").level == logging.INFO
        assert not caplog.records
        logging.getLogger("absl").info("of another library")
        assert len(caplog.records) == 1


@pytest.mark.parametrize("damage", [damaged_in_half, damaged_in_a_bit, Path.unlink])
def test_whichever_file_of_a_checkpoint_is_damaged_a_sound_state_is_read(damage, tmp_path, caplog, capfd):
    files = saved(tmp_path / "whole")
    sound = 0
    for number, file in enumerate(files):
        path = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", path)
        damage(path / file)
        checkpoints = Checkpoints(path, 3, None)
        caplog.clear()
        found = checkpoints.newest(STATE, lambda _: True)
        assert found is not None
        state, progress = found
        jax.tree.map(lambda one, other, u=progress.update: np.testing.assert_array_equal(one, u * other), state, STATE)
        warnings = [record.getMessage() for record in caplog.records if record.name == "lookax"]
        assert len(warnings) == 2 - progress.update, file
        assert all(f"checkpoint of update 2 in {path} " in warning for warning in warnings)
        sound += progress.update == 2
        # What was passed over is in nobody's way.
        checkpoints.save(STATE, Progress(3, [3], [{}]))
        assert checkpoints.updates() == [*range(1, progress.update + 1), 3]
        checkpoints.close()
    assert 0 < sound < len(files)
    assert "Traceback" not in capfd.readouterr().err


def test_a_state_that_is_not_what_was_written_is_not_read(tmp_path, monkeypatch):
    # What checksums of its files do not see.
    with monkeypatch.context() as changed:
        changed.setattr(checkpoints_module, "_digest", lambda *_: "another")
        saved(tmp_path)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(DamagedError, match="has changed since it was written"):
        checkpoints.read(2, STATE)
    checkpoints.close()


def test_a_damaged_checkpoint_is_passed_over_and_written_anew(folder, undisturbed, caplog):
    damaged_in_half(folder / "checkpoints" / "6" / "progress" / "metadata")
    assert resumed(folder) == 0
    assert "checkpoint of update 6" in caplog.text
    assert "going back to the one before" in caplog.text
    assert same_files(folder, undisturbed, "metrics.jsonl", "policies/seed-0.json", "policies/seed-1.json")
    caplog.clear()
    assert resumed(folder) == 0
    assert not caplog.records


def test_without_a_sound_checkpoint_a_run_begins_again(folder, undisturbed, caplog):
    for update in (2, 4, 6):
        shutil.rmtree(folder / "checkpoints" / str(update) / "state")
    assert resumed(folder) == 0
    assert len([record for record in caplog.records if record.name == "lookax"]) == 3
    assert same_files(folder, undisturbed, "metrics.jsonl", "policies/seed-0.json")
    assert updates_in(folder / "checkpoints") == [2, 4, 6]


def test_metrics_that_are_short_of_a_checkpoint_send_it_back(folder, undisturbed, caplog):
    os.truncate(folder / "metrics.jsonl", (folder / "metrics.jsonl").stat().st_size - 5)
    assert resumed(folder) == 0
    assert "checkpoint of update 6" in caplog.text
    assert "belongs to metrics that are not there any more" in caplog.text
    assert same_files(folder, undisturbed, "metrics.jsonl")


def test_what_comes_after_the_checkpoint_is_forgotten(folder, undisturbed):
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write((folder / "metrics.jsonl").read_bytes()[-1000:] + b'{"update": 7, "se')
    assert resumed(folder) == 0
    assert same_files(folder, undisturbed, "metrics.jsonl")


# Disks


@contextlib.contextmanager
def files_of_at_most(size):
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def full_disk(words: Sequence[str], said: str, phase: str) -> None:
    """The command, where files end at 10 kB."""
    with files_of_at_most(10_000):
        child.run(words, said, phase)


def test_a_full_disk_is_told_in_a_line_and_leaves_checkpoints_as_they_were(tmp_path):
    out = tmp_path / "run"
    process = Process([*NAIVE, str(out), "--total-updates", "60", "--checkpoint-updates", "5"], out, full_disk)
    assert process.wait(PATIENCE) == 1
    assert process.said.read_text().splitlines()[-1] == (
        f"lookax run: File too large ({out}); what was written before is kept: mend that, and "
        f"`lookax resume {out}` goes on"
    )
    last = updates_in(out / "checkpoints")[-1]
    assert resumed(out) == 0
    assert last < 60
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(row["update"], row["seed"]) for row in rows] == [(u, s) for u in range(61) for s in range(2)]


def test_a_checkpoint_that_does_not_fit_is_told_in_few_words_and_the_last_one_stays(tmp_path):
    saved(tmp_path / "here")
    checkpoints = Checkpoints(tmp_path / "here", 3, None)
    noise = {"noise": np.random.default_rng(0).integers(256, size=(1, 1_000_000), dtype=np.uint8)}
    with files_of_at_most(100_000), pytest.raises(OSError, match="File too large") as told:
        checkpoints.save(noise, Progress(3, [3], [{}]))
    assert told.value.filename == str(tmp_path / "here")
    checkpoints.close()
    found = Checkpoints(tmp_path / "here", 3, None).newest(STATE, lambda _: True)
    assert found is not None
    assert found[1].update == 2


def test_a_file_that_cannot_be_written_is_named(folder, capsys):
    (folder / "metrics.jsonl").unlink()
    (folder / "metrics.jsonl").mkdir()
    assert resumed(folder) == 1
    assert f"lookax resume: Is a directory ({folder / 'metrics.jsonl'}); what" in capsys.readouterr().err


# Going on


def test_a_folder_in_use_is_refused(folder, capsys):
    with RunFolder(folder).claimed():
        assert resumed(folder) == 2
    assert "is in use by another process; wait for it, or stop it, then" in capsys.readouterr().err
    assert resumed(folder) == 0


def test_changed_settings_are_refused_by_name(folder, capsys):
    assert resumed(folder, "--discount", "0.5", "--memory-length", "2") == 2
    told = capsys.readouterr().err
    assert "memory_length (was 1, is 2), discount (was 0.96, is 0.5): may not change when" in told
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("learning_rate: 1.0", "learning_rate: 2.5"))
    assert resumed(folder) == 2
    told = capsys.readouterr().err
    assert "learning_rate (was 1.0, is 2.5): may not change when" in told
    assert "total_updates may; put back what was, or start a new run" in told
    assert told.count("\n") == 1


def test_more_updates_end_as_if_they_had_been_asked_for_at_once(undisturbed, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*NAIVE, str(out), "--total-updates", "3"]) == 0
    assert resumed(out, "--total-updates", "6") == 0
    assert same_files(out, undisturbed, "metrics.jsonl", "policies/seed-0.json", "table.json")
    assert yaml.safe_load((out / "config.yaml").read_text())["settings"]["total_updates"] == 6
    capsys.readouterr()
    assert resumed(out, "--total-updates", "5") == 2
    assert "total_updates: 5 is not allowed; it must be at least 6, where the run is" in capsys.readouterr().err


def test_a_run_that_failed_keeps_its_last_sound_checkpoint_and_fails_again(tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*NAIVE, str(out), "--learning-rate", "1e308", "--contribution-factor", "1e9"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    failed = re.search(r"ipd-naive: (\w+) is not finite at update (\d) of seed (\d); what came before is in", told)
    assert failed is not None, told
    assert (out / "failed.txt").read_text().strip() in told
    last = int(failed[2]) - 1
    run = read_run(out)
    checkpoints = Checkpoints(out / "checkpoints", 3, None)
    state, progress = checkpoints.read(last, Lanes([run.settings]).template)
    checkpoints.close()
    assert progress.update == last
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))
    assert resumed(out) == 1
    assert capsys.readouterr().err.splitlines()[-1] == told.replace("lookax run", "lookax resume")


def test_what_is_no_run_is_not_resumed(tmp_path, capsys):
    for words, complaint in (
        ([str(tmp_path)], f"{str(tmp_path)!r} is not the folder of a run (it has no config.yaml); name a run's"),
        ([str(tmp_path / "none")], "none' does not exist; name a run's, such as those in runs/"),
        ([], "the folder of a run is missing; `lookax runs` names those there are"),
    ):
        assert main(["resume", *words]) == 2
        assert complaint in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_a_member_of_a_figure_names_the_folder_to_resume(folder, capsys):
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["checkpoints"] = {"folder": "../checkpoints/000", "place": 0}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert resumed(folder) == 2
    assert f"learns together with others; resume {str(folder.parent)!r}" in capsys.readouterr().err


def test_a_folder_that_a_killed_run_left_empty_may_be_used(tmp_path):
    out = tmp_path / "run"
    with RunFolder(out).claimed():
        pass
    assert main([*NAIVE, str(out), "--total-updates", "1"]) == 0


# Pickles


def test_nothing_is_ever_unpickled(folder, undisturbed, monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    shutil.rmtree(folder / "checkpoints" / "6")
    assert resumed(folder) == 0
    assert same_files(folder, undisturbed, "metrics.jsonl", "policies/seed-0.json")
    for file in (Path(stopping.__file__).parents[1]).rglob("*.py"):
        assert not re.search(r"pickle|joblib|shelve|marshal|yaml\.(unsafe_|full_)?load\(", file.read_text()), file
