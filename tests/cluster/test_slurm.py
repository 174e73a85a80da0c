"""A sweep as jobs of submitit's, which are processes of this machine, one of which is killed, another preempted."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from lookax.cli import main
from lookax.experiments.registry import PRESETS
from lookax.runs.programs.stopping import Stop
from lookax.runs.storage.metrics import last_rows
from lookax.runs.storage.run import Recording
from lookax.runs.sweeps.combinations import Sweep
from lookax.runs.sweeps.slurm_engine import on_slurm

SWEEP = ["sweep", "ipd-lola-dice", "--set", "learning_rate=0.1,0.2", "--seeds", "2"]


def jobs(folder: Path) -> list[int]:
    """Processes that learn programs of the sweep in a folder."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "submitit.core._submit" in words and str(folder / "slurm") in words:
            found.append(process.pid)
    return found


def interrupted(folder: Path, number: signal.Signals, pattern: str, done: list[int]) -> threading.Thread:
    """Sends a signal to a job once a run of the sweep that fits the pattern has made half of its updates."""

    def interrupt() -> None:
        while not done:
            time.sleep(0.05)
            ends = [last_rows(run / "metrics.jsonl", 2) for run in folder.glob(pattern)]
            if any(100 <= rows[0]["update"] < 200 for rows in ends if rows) and (pids := jobs(folder)):
                os.kill(pids[0], number)
                done.append(pids[0])

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    return thread


def same(one: Path, other: Path) -> None:
    assert (one / "results.csv").read_bytes() == (other / "results.csv").read_bytes()
    runs = [folder.parent for folder in one.glob("*/metrics.jsonl")]
    assert runs
    for run in runs:
        assert (run / "metrics.jsonl").read_bytes() == (other / run.name / "metrics.jsonl").read_bytes()


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR2, signal.SIGTERM])
def test_a_sweep_survives_the_death_of_a_job(number, tmp_path):
    there, here = tmp_path / "slurm", tmp_path / "local"
    words = [*SWEEP, "--set", "inner_steps=1,2", "--horizon", "20", "--total-updates", "200",
             "--checkpoint-updates", "20"]  # fmt: skip
    done: list[int] = []
    watcher = interrupted(there, number, "learning*", done)
    assert main([*words, "--engine", "slurm", "--address", "local", "--out", str(there)]) == 0
    assert done
    done.append(0)
    watcher.join()
    assert main([*words, "--out", str(here)]) == 0
    print(f"\n{number.name} to job {done[0]}: 4 settings in 2 programs, tables identical")
    same(there, here)
    assert jobs(there) == []


def test_a_job_may_need_its_time_more_than_a_few_times(monkeypatch, tmp_path):
    submitit = pytest.importorskip("submitit")
    options = {}

    def executor(folder, **given):
        options.update(given)
        raise InterruptedError

    monkeypatch.setattr(submitit, "AutoExecutor", executor)
    sweep = Sweep(PRESETS["ipd-naive"], {"learning_rate": ["1"]}, Recording())
    with pytest.raises(InterruptedError):
        on_slurm(True, {})(sweep, tmp_path, Stop(tmp_path))
    assert options["slurm_max_num_timeout"] > 1000


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
def test_failures_come_back_and_resuming_does_no_more(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["sweep", "ipd-naive", "--set", "learning_rate=1,1e308", "--contribution-factor", "1e9", "--seeds", "2"]
    cluster = ["--engine", "slurm", "--address", "local"]
    assert main([*words, "--total-updates", "3", *cluster, "--out", str(out)]) == 1
    assert "learning_rate=1e+308: " in capsys.readouterr().out
    before = (out / "results.csv").read_bytes()
    assert main(["resume", str(out), *cluster]) == 1
    assert (out / "results.csv").read_bytes() == before
