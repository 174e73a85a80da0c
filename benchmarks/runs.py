"""What surrounds learning: recording, checkpoints every minute and progress; and lanes on one device and on two.

The loop alone and the whole run take turns in one process, and the cheapest turn of each counts: whatever else the
machine does makes turns dearer. Devices are made before JAX starts, so this is a program of its own:
`python -m benchmarks.runs`.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

import jax
from rich.console import Console
from rich.table import Table

from lookax.experiments.registry import PRESETS
from lookax.runs.commands import terminal
from lookax.runs.programs.devices import use_cores
from lookax.runs.programs.lanes import LOOP, Lanes
from lookax.runs.programs.stopping import Stop
from lookax.runs.programs.training import arranged, train
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run

# Preset: seeds and updates that take some ten seconds.
RUNS = {"ipd-lola": (20, 50_000), "ipd-lola-dice": (10, 600)}

TURNS = 3

THROUGHPUT = {"ipd-lola-dice": (8, 60), "pola-figure3-pola-mlp-1.25": (20, 10), "gmrl-ipd-off-policy": (8, 10)}


def alone(experiment) -> tuple[float, float]:
    """Wall and CPU seconds of the loop over updates, and nothing else; its program compiled before."""
    lanes = Lanes([experiment])
    state, _ = lanes.start()
    state, metrics = lanes.steps(1, 1, state)
    wall, cpu = time.perf_counter(), time.process_time()
    for update in range(2, experiment.total_updates + 1, LOOP):
        state, metrics = lanes.steps(update, min(LOOP, experiment.total_updates + 1 - update), state)
    lanes.fetch(metrics)
    return time.perf_counter() - wall, time.process_time() - cpu


def recorded(name: str, experiment) -> tuple[float, float]:
    """Wall and CPU seconds from the second update to the end of a run, checkpoint, figures' data and all."""
    began: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, terminal.progress(experiment.total_updates) as follow:

        def watch(runs, updates, metrics, *, resumed=False):
            follow(runs, updates, metrics, resumed=resumed)
            if updates and not began:
                began.append((time.perf_counter(), time.process_time()))

        preset = dataclasses.replace(PRESETS[name], settings=experiment)
        path = Path(folder) / "run"
        run = Run(name, preset, RunFolder(path), Recording(checkpoint_minutes=1.0))
        run.write_config()
        assert not train(arranged([run], path / "checkpoints")[0], watch, Stop(path))
        [(wall, cpu)] = began
        return time.perf_counter() - wall, time.process_time() - cpu


def overhead() -> Table:
    """The table of what recording costs."""
    table = Table(title="A run with and without recording: seconds after compiling")
    for column in ("preset", "seeds", "updates", "CPU-s alone", "CPU-s recorded", "cost", "wall: cost"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name, (seeds, updates) in RUNS.items():
        experiment = dataclasses.replace(PRESETS[name].settings, seeds=seeds, total_updates=updates)
        turns = [(*alone(experiment), *recorded(name, experiment)) for _ in range(TURNS)]
        wall, cpu, wall_recorded, cpu_recorded = map(min, zip(*turns, strict=True))
        table.add_row(
            name, str(seeds), str(updates), f"{cpu:.1f}", f"{cpu_recorded:.1f}",
            f"{cpu_recorded / cpu - 1:.1%}", f"{wall_recorded / wall - 1:.1%}",
        )  # fmt: skip
    return table


def devices() -> Table:
    """The table of updates per second on one device and on two."""
    table = Table(title="Seeds on one and on two devices: seconds per update")
    for column in ("preset", "seeds", "one device", "two", "ratio"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name, (seeds, updates) in THROUGHPUT.items():
        experiment = dataclasses.replace(PRESETS[name].settings, seeds=seeds)
        seconds = []
        for number in (1, 2):
            lanes = Lanes([experiment], jax.devices()[:number])
            state, _ = lanes.start()
            state, metrics = lanes.steps(1, 1, state)
            lanes.fetch(metrics)
            began = time.perf_counter()
            for update in range(2, 2 + updates, LOOP):
                state, metrics = lanes.steps(update, min(LOOP, 2 + updates - update), state)
            lanes.fetch(metrics)
            seconds.append((time.perf_counter() - began) / updates)
        table.add_row(name, str(seeds), *(f"{one:.4f}" for one in seconds), f"{seconds[0] / seconds[1]:.2f}x")
    return table


def main() -> None:
    """Prints the tables."""
    use_cores()
    Console(width=120).print(devices(), overhead())


if __name__ == "__main__":
    main()
