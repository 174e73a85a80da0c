"""LOLA-DiCE on the iterated prisoner's dilemma: CPU-seconds per update and seed, against the original code's.

Both include the correlations with exact gradients; ours are 10 seeds in the lanes of one program. The original's
seconds were measured once, on two cores of a like machine, with the same settings (PyTorch 2.13).
"""

import time

import jax
from rich.console import Console
from rich.table import Table

from benchmarks.figure3 import cpu_seconds
from lookax.experiments.registry import PRESETS
from lookax.runs.programs.lanes import Lanes

# Preset: CPU-seconds of the original per update.
ORIGINAL = {
    "gmrl-ipd-original": 0.416,
    "gmrl-ipd-original-exact": 0.163,
    "gmrl-ipd-ablation-hessian-exact": 0.364,
    "gmrl-ipd-ablation-inner-exact": 0.483,
    "gmrl-ipd-off-policy": 0.345,
    "gmrl-ipd-off-policy-inner-on-policy": 0.492,
    "gmrl-ipd-off-policy-hessian-on-policy": 0.592,
}
UPDATES = 20


def main() -> None:
    """Prints the table."""
    table = Table(title="LOLA-DiCE, 10 seeds in lanes: an update of a seed")
    for column in ("preset", "compile s", "CPU-s", "original's", "ratio"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name, theirs in ORIGINAL.items():
        experiment = PRESETS[name].settings
        lanes = Lanes([experiment])
        started = time.perf_counter()
        state, _ = lanes.start()
        state, _ = jax.block_until_ready(lanes.step(1, state))
        compiling = time.perf_counter() - started
        cpu = cpu_seconds()
        for update in range(2, UPDATES + 2):
            state, _ = jax.block_until_ready(lanes.step(update, state))
        ours = (cpu_seconds() - cpu) / UPDATES / experiment.seeds
        table.add_row(name, f"{compiling:.1f}", f"{ours:.5f}", f"{theirs:.3f}", f"{theirs / ours:.0f}x")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
