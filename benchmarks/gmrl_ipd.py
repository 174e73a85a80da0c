"""LOLA-DiCE on the iterated prisoner's dilemma: CPU-seconds per update and seed.

They include the correlations with exact gradients. The 10 seeds are lanes of one program. What was recorded of the
original code on another machine stands beside them.
"""

import time

import jax
from rich.console import Console
from rich.table import Table

from benchmarks import recorded
from benchmarks.figure3 import cpu_seconds
from lookax.experiments.registry import PRESETS
from lookax.runs.programs.lanes import Lanes

PRESETS_MEASURED = (
    "gmrl-ipd-original",
    "gmrl-ipd-original-exact",
    "gmrl-ipd-ablation-hessian-exact",
    "gmrl-ipd-ablation-inner-exact",
    "gmrl-ipd-off-policy",
    "gmrl-ipd-off-policy-inner-on-policy",
    "gmrl-ipd-off-policy-hessian-on-policy",
)
UPDATES = 20


def main() -> None:
    """Prints the table, and what is recorded."""
    table = Table(title="LOLA-DiCE, 10 seeds in lanes: an update of a seed")
    for column in ("preset", "compile s", "CPU-s"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name in PRESETS_MEASURED:
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
        table.add_row(name, f"{compiling:.1f}", f"{ours:.5f}")
    Console(width=120).print(table, recorded.pytorch_table(PRESETS_MEASURED))


if __name__ == "__main__":
    main()
