"""Runs of every learner, killed again and again at random moments, end as those that nobody disturbed.

Learning, and writing checkpoints while at it, takes up most of each run; programs come from the compilation cache.
"""

import collections
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.faults.process import PATIENCE, Process

KILLS = {signal.SIGKILL: 50, signal.SIGTERM: 10}

STOPPED = {signal.SIGKILL: (-signal.SIGKILL,), signal.SIGTERM: (-signal.SIGTERM, 128 + signal.SIGTERM)}
"""Exit statuses; a signal that comes before the command is at work ends its process at once."""

COMMANDS = {
    "naive": "run ipd-naive --total-updates 12000 --seeds 4 --checkpoint-updates 1000",
    "LOLA": "run ipd-lola --total-updates 8000 --seeds 4 --checkpoint-updates 800",
    "LOLA with opponent models": "run pola-b16-lola-tabular --total-updates 12 --seeds 2 --checkpoint-updates 1",
    "POLA": "run ipd-pola --total-updates 10 --seeds 2 --checkpoint-updates 1",
    "POLA, implicit": "run ipd-pola-implicit --total-updates 10 --seeds 2 --checkpoint-updates 1",
    "LOLA-DiCE": "run ipd-lola-dice --total-updates 30 --seeds 2 --horizon 20 --inner-batch-size 32 "
    "--hessian-batch-size 32 --outer-batch-size 32 --checkpoint-updates 5",
    "LOLA-DiCE, off-policy": "run gmrl-ipd-off-policy --total-updates 30 --seeds 2 --horizon 20 --inner-batch-size 16 "
    "--hessian-batch-size 16 --outer-batch-size 16 --buffer-size 64 --checkpoint-updates 5",
    "POLA-DiCE with models": "run pola-figure4-laptop-pola-om-tremble-defectors --total-updates 6 --seeds 2 "
    "--outer-steps 2 --model-batches 2 --batch-size 16 --horizon 8 --hidden-size 4 --evaluation-games 16 "
    "--checkpoint-updates 1",
    "MGRL": "run mgrl-minatar --total-updates 12 --seeds 2 --batch-size 4 --steps 2 --checkpoint-updates 1",
    "MAML": "run gmrl-tabular-maml-learning-lvc --total-updates 25 --seeds 2 --num-tasks 2 --checkpoint-updates 2",
    "LIRPG": "run gmrl-tabular-lirpg-learning-lvc --total-updates 25 --seeds 2 --checkpoint-updates 2",
    "gradients, many presets": "reproduce gmrl-tabular-hessian-bias --seeds 1 --checkpoint-updates 1",
}


@pytest.mark.faults
@pytest.mark.parametrize("learner", COMMANDS)
def test_killed_runs_end_as_undisturbed_ones(learner, tmp_path):
    words = COMMANDS[learner].split()
    for name in ("first", "reference"):  # the first one compiles
        reference = tmp_path / name
        process = Process([*words, "--out", str(reference)], reference)
        expected = process.wait(PATIENCE)
        seconds = time.monotonic() - process.began
        assert expected in (0, 1), process.said.read_text()
    chance = random.Random(learner)
    left = collections.Counter(KILLS)
    phases: collections.Counter[str] = collections.Counter()
    chains = 0
    while left.total():
        folder = tmp_path / f"chain{chains}"
        chains += 1
        while True:
            resuming = any(folder.glob("config.yaml"))
            process = Process(["resume", str(folder)] if resuming else [*words, "--out", str(folder)], folder)
            status = process.wait(chance.uniform(0, 0.8 * seconds) if left.total() else PATIENCE)
            if status is None:
                number = chance.choice([n for n in left if left[n]])
                status = process.send(number)
                if status in STOPPED[number]:
                    left[number] -= 1
                    phases[f"{number.name} {process.phase()}"] += 1
                    continue
            assert status == expected, process.said.read_text()
            break
        equal_runs(folder, reference)
    counts = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))
    sys.stdout.write(f"{learner}: {sum(KILLS.values())} kills in {chains} runs of {seconds:.1f} s: {counts}\n")


def equal_runs(folder: Path, reference: Path) -> None:
    for kind in ("metrics.jsonl", "seed-*.json", "table.json"):
        names = {file.relative_to(reference) for file in reference.rglob(kind)}
        assert names == {file.relative_to(folder) for file in folder.rglob(kind)}
        for name in names:
            assert (folder / name).read_bytes() == (reference / name).read_bytes(), f"{folder / name}"
    assert not [*folder.rglob("failed.txt")]
    for state in last_states(reference):
        expected, found = (arrays(top / state) for top in (reference, folder))
        assert {name: leaf.tobytes() for name, leaf in found.items()} == {
            name: leaf.tobytes() for name, leaf in expected.items()
        }
    for curves in folder.rglob("tensorboard"):
        events = EventAccumulator(str(curves)).Reload()
        for tag in events.Tags()["scalars"]:
            updates = [event.step for event in events.Scalars(tag)]
            assert updates == sorted(set(updates))


def last_states(folder: Path) -> list[Path]:
    """The last checkpoint of every program, relative to the folder."""
    found = {state.parents[1]: state for state in sorted(folder.rglob("state"), key=lambda s: int(s.parent.name))}
    return [state.relative_to(folder) for state in found.values()]


def arrays(state: Path) -> dict[str, np.ndarray]:
    with ocp.StandardCheckpointer() as reader:
        return {name: np.asarray(leaf) for name, leaf in reader.restore(state.absolute()).items()}
