"""POLA's Figure 3: CPU-seconds a run.

A run is one seed learned to the end; ours are 20 seeds in the lanes of one program, one contribution factor at a time.
What was recorded of the original code on another machine stands beside it.
"""

import resource
import time

import jax
from rich.console import Console
from rich.table import Table

from benchmarks import recorded
from lookax.experiments.registry import PRESETS
from lookax.runs.programs.lanes import Lanes

PRESETS_MEASURED = tuple(f"pola-figure3-pola-{policy}-{f}" for policy in ("tabular", "mlp") for f in (1.1, 1.33, 1.6))


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
    """Prints the table, and what is recorded."""
    table = Table(title="Figure 3 of POLA, 20 seeds in lanes (rows of a kind share a program)")
    for column in ("preset", "compile s", "CPU-s a run"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name in PRESETS_MEASURED:
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
        table.add_row(name, f"{max(compiling, 0):.1f}", f"{ours:.4f}")
    Console(width=120).print(table, recorded.pytorch_table(PRESETS_MEASURED))


if __name__ == "__main__":
    main()
