"""POLA's Figure 3: CPU-seconds a run, against the original code's.

A run is one seed learned to the end; ours are 20 seeds in the lanes of one program, one contribution factor at a time.
The original's seconds were measured once, on two cores of a like machine, with the same settings (PyTorch 2.13).
"""

import resource
import time

import jax
from rich.console import Console
from rich.table import Table

from lookax.experiments.registry import PRESETS
from lookax.runs.programs.lanes import Lanes

# Preset: CPU-seconds of the original for as many runs.
ORIGINAL = {
    "pola-figure3-pola-tabular-1.1": (85.0, 7),
    "pola-figure3-pola-tabular-1.33": (41.2, 12),
    "pola-figure3-pola-tabular-1.6": (57.0, 12),
    "pola-figure3-pola-mlp-1.1": (41.7, 3),
    "pola-figure3-pola-mlp-1.33": (63.0, 6),
    "pola-figure3-pola-mlp-1.6": (45.4, 2),
}


def cpu_seconds() -> float:
    """CPU time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def learn(lanes: Lanes, total_updates: int) -> None:
    """All updates of all seeds."""
    state, metrics = lanes.start()
    for update in range(1, total_updates + 1):
        state, metrics = lanes.step(update, state)
    jax.block_until_ready(metrics)


def main() -> None:
    """Prints the table."""
    table = Table(title="Figure 3 of POLA, 20 seeds in lanes (rows of a kind share a program)")
    for column in ("preset", "compile s", "CPU-s a run", "original's", "ratio"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name, (seconds, runs) in ORIGINAL.items():
        experiment = PRESETS[name].settings
        lanes = Lanes([experiment])
        started = time.perf_counter()
        learn(lanes, 1)
        first = time.perf_counter() - started
        started = time.perf_counter()
        learn(lanes, 1)
        compiling = first - (time.perf_counter() - started)
        cpu = cpu_seconds()
        learn(lanes, experiment.total_updates)
        ours = (cpu_seconds() - cpu) / experiment.seeds
        theirs = seconds / runs
        table.add_row(name, f"{max(compiling, 0):.1f}", f"{ours:.4f}", f"{theirs:.1f}", f"{theirs / ours:.0f}x")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
