"""A sweep on a Ray cluster of two nodes, one of whose workers is killed."""

import os
import signal
import threading
import time

import pytest

from lookax.cli import main
from lookax.runs.storage.metrics import last_rows

pytestmark = pytest.mark.cluster

SWEEP = [
    "sweep", "ipd-lola-dice", "--set", "inner_steps=1,2,3", "--set", "horizon=20,30", "--set", "learning_rate=0.1,0.2",
    "--seeds", "2", "--total-updates", "200", "--checkpoint-updates", "20",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_a_sweep_survives_the_death_of_a_worker(tmp_path):
    import psutil
    from ray.cluster_utils import Cluster

    there, here = tmp_path / "ray", tmp_path / "local"
    killed: list[int] = []

    def workers() -> list[int]:
        titles = {process.pid: process.name() for process in psutil.process_iter()}
        return [pid for pid, name in titles.items() if name.startswith("ray::learn_program")]

    def kill_one() -> None:
        """The first worker that is seen with half of its updates made."""
        while not killed:
            time.sleep(0.05)
            ends = [last_rows(folder / "metrics.jsonl", 2) for folder in there.glob("inner*")]
            half_way = any(100 <= rows[0]["update"] < 200 for rows in ends if rows)
            if half_way and (pids := workers()):
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        watcher = threading.Thread(target=kill_one, daemon=True)
        watcher.start()
        assert main([*SWEEP, "--engine", "ray", "--address", str(cluster.address), "--out", str(there)]) == 0
        assert killed
    finally:
        killed.append(0)
        cluster.shutdown()
    assert main([*SWEEP, "--out", str(here)]) == 0
    programs = len(list((there / "checkpoints").glob("0*")))
    print(f"\n12 settings in {programs} programs, workers killed: {len(killed) - 1}, tables identical")
    assert (there / "results.csv").read_bytes() == (here / "results.csv").read_bytes()
    for folder in here.glob("inner*"):
        assert (folder / "metrics.jsonl").read_bytes() == (there / folder.name / "metrics.jsonl").read_bytes()
