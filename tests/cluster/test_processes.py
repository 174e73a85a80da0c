"""One run in two processes, which meet on the loopback."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from lookax.runs.storage.metrics import read_history

pytestmark = pytest.mark.cluster

LOOKAX = [sys.executable, "-c", "import sys; from lookax.cli import main; sys.exit(main())"]


def in_processes(number: int, *words: str) -> None:
    """Runs the command in so many processes with one device each."""
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    join = ["--distributed", "--coordinator", address, "--num-processes", str(number)] if number > 1 else []
    started = [
        subprocess.Popen(
            [*LOOKAX, *words, *join, *(["--process-id", str(i)] if join else [])],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(number)
    ]
    told = [process.communicate(timeout=900)[0] for process in started]
    assert [process.returncode for process in started] == [0] * number, told


def test_seeds_in_two_processes_are_the_same_bit_for_bit_also_when_resumed(tmp_path):
    words = ["--seeds", "4", "--checkpoint-updates", "10", "--horizon", "20"]
    in_processes(1, "run", "ipd-lola-dice", *words, "--total-updates", "40", "--out", str(tmp_path / "one"))
    in_processes(2, "run", "ipd-lola-dice", *words, "--total-updates", "25", "--out", str(tmp_path / "two"))
    in_processes(2, "resume", str(tmp_path / "two"), "--total-updates", "40")
    one, two = tmp_path / "one", tmp_path / "two"
    assert (one / "metrics.jsonl").read_bytes() == (two / "metrics.jsonl").read_bytes()
    for file in (one / "policies").iterdir():
        assert file.read_bytes() == (two / "policies" / file.name).read_bytes()
    # Written once: by the first process alone.
    assert len(list((two / "tensorboard").iterdir())) == 2
    print("\n4 seeds in two processes: identical")


def test_agents_with_a_memory_resume_and_follow_a_configuration_in_two_processes(tmp_path):
    sizes = ["--hidden-size", "4", "--horizon", "4", "--batch-size", "8", "--evaluation-games", "8"]
    # A naive learner's program, which compiles soonest.
    steps = ["--outer-steps", "1", "--inner-steps", "0", "--inner-beta", "None", "--outer-beta", "None"]
    often = ["--seeds", "2", "--checkpoint-updates", "1"]
    one, two, again = (tmp_path / name for name in ("one", "two", "again"))
    preset = ["run", "pola-figure4-pola-dice", *sizes, *steps, *often]
    in_processes(1, *preset, "--total-updates", "2", "--out", str(one))
    in_processes(2, *preset, "--total-updates", "1", "--out", str(two))
    in_processes(2, "resume", str(two), "--total-updates", "2")
    in_processes(2, "run", "--config", str(one / "config.yaml"), "--out", str(again))
    for other in (two, again):
        assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    print("\n2 seeds of agents with a memory in two processes, resumed and by configuration: identical")


def test_a_batch_in_two_processes_agrees_within_rounding(tmp_path):
    words = ["run", "ipd-lola-dice", "--seeds", "1", "--horizon", "20", "--total-updates", "3"]
    in_processes(1, *words, "--out", str(tmp_path / "one"))
    in_processes(2, *words, "--out", str(tmp_path / "two"))
    one, two = read_history(tmp_path / "one"), read_history(tmp_path / "two")
    for name, values in one.items():
        # Sums over 128 games in another order, in single precision.
        np.testing.assert_allclose(values, two[name], rtol=1e-4, atol=1e-5, err_msg=name)
    print("\n128 games of one seed in two processes: equal within rounding")
