"""Signals to stop, in processes of their own."""

import re
import signal
import time
from collections.abc import Sequence
from unittest import mock

import pytest

from lookax.cli import main
from lookax.runs.programs import stopping
from lookax.runs.programs.lanes import Lanes
from lookax.runs.storage.checkpoints import Checkpoints
from lookax.runs.storage.folder import updates_in
from tests.faults import child
from tests.faults.process import PATIENCE, Process

WORDS = ["run", "ipd-naive", "--seeds", "2", "--total-updates", "6", "--out"]


def stuck(words: Sequence[str], said: str, phase: str) -> None:
    """The command, with a fourth update that does not come to an end."""
    steps = Lanes.steps

    def stuck_steps(self, number, count, state):
        return time.sleep(PATIENCE) if number <= 4 < number + count else steps(self, number, count, state)

    with mock.patch.object(stopping, "GRACE", 0.5), mock.patch.object(Lanes, "steps", stuck_steps):
        child.run(words, said, phase)


def stuck_and_full(words: Sequence[str], said: str, phase: str) -> None:
    """The same, where no checkpoint can be written."""
    full = OSError(28, "No space left on device")
    with mock.patch.object(Checkpoints, "save", side_effect=full):
        stuck(words, said, phase)


def stuck_at_first(words: Sequence[str], said: str, phase: str) -> None:
    """The command, compiling without an end."""

    def never(_):
        time.sleep(PATIENCE)

    with mock.patch.object(stopping, "GRACE", 0.5), mock.patch.object(Lanes, "start", never):
        child.run(words, said, phase)


def wait_for(condition, process):
    began = time.monotonic()
    while not condition():
        assert process.wait(0.05) is None, process.said.read_text()
        assert time.monotonic() - began < PATIENCE


def lines(folder):
    file = folder / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heeded_and_told(number, tmp_path):
    out = tmp_path / "run"
    process = Process([*WORDS, str(out), "--total-updates", "1000000"], out)
    wait_for(lambda: lines(out) > 20, process)
    began = time.monotonic()
    assert process.send(number) == 128 + number
    assert time.monotonic() - began < 10
    told = re.fullmatch(
        rf"lookax run: stopped by {number.name} at update (\d+) of 1000000; `lookax resume {out}` goes on",
        process.said.read_text().splitlines()[-1],
    )
    assert told is not None, process.said.read_text()
    assert updates_in(out / "checkpoints") == [int(told[1])]
    assert lines(out) == 2 * (int(told[1]) + 1)


def test_a_run_that_does_not_notice_is_made_to_leave_with_a_checkpoint(tmp_path):
    out = tmp_path / "run"
    process = Process([*WORDS, str(out)], out, stuck)
    wait_for(lambda: lines(out) > 1, process)
    assert process.wait(1) is None
    assert process.send(signal.SIGTERM) == 143
    told = re.search(r"lookax: stopped by SIGTERM at update (\d) of 6; `lookax resume ", process.said.read_text())
    assert told is not None, process.said.read_text()
    assert updates_in(out / "checkpoints") == [int(told[1])]
    assert main(["resume", str(out)]) == 0
    assert lines(out) == 2 * 7


def test_a_run_leaves_even_if_it_cannot_write(tmp_path):
    out = tmp_path / "run"
    process = Process([*WORDS, str(out)], out, stuck_and_full)
    wait_for(lambda: lines(out) > 1, process)
    assert process.wait(1) is None
    assert process.send(signal.SIGTERM) == 143
    assert "what came last could not be saved ([Errno 28] No space left" in process.said.read_text()


def test_a_run_leaves_while_it_compiles(tmp_path):
    out = tmp_path / "run"
    process = Process([*WORDS, str(out)], out, stuck_at_first)
    wait_for((out / "tensorboard").exists, process)
    assert process.wait(0.5) is None
    assert process.send(signal.SIGINT) == 130
    assert f"stopped by SIGINT before the first update; `lookax resume {out}` goes on" in process.said.read_text()
    assert main(["resume", str(out)]) == 0
