"""Gradients of tabular meta-RL: CPU-seconds a setting; memory by number of trajectories.

A setting is 20 estimates of the meta-gradient in each of 3 MDPs, as in what was recorded of the original code. Ours
are those of 10 MDPs, as presets have them, scaled by 3/10, once the program is compiled: one program serves all
numbers of trajectories and all learning rates, so that the 225 settings of `gmrl-tabular-decompose` need 29.
"""

import dataclasses
import time

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from benchmarks import recorded
from benchmarks.figure3 import cpu_seconds
from lookax.experiments.registry import PRESETS
from lookax.experiments.studies.study import study_of
from lookax.runs.programs.lanes import Lanes

PRESETS_MEASURED = (
    "gmrl-tabular-decompose-loaded-dice-lll-32",
    "gmrl-tabular-decompose-dice-lll-32",
    "gmrl-tabular-decompose-lvc-lll-32",
    "gmrl-tabular-decompose-loaded-dice-ele-32",
    "gmrl-tabular-decompose-score-function-ele-32",
    "gmrl-tabular-lirpg-steps-lvc-1-32",
    "gmrl-tabular-lirpg-steps-score-function-3-32",
)
MDPS = 3
REPEATS = 5
TRAJECTORIES = (32, 1024, 32768)


def speed() -> Table:
    """The table of CPU-seconds."""
    table = Table(title="Meta-gradient studies: 20 estimates in each of 3 MDPs")
    for column in ("preset", "compile s", "CPU-s"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name in PRESETS_MEASURED:
        experiment = PRESETS[name].settings
        lanes = Lanes([experiment])
        started = time.perf_counter()
        state, _ = lanes.start()
        jax.block_until_ready(lanes.step(1, state))
        compiling = time.perf_counter() - started
        cpu = cpu_seconds()
        for update in range(REPEATS):
            jax.block_until_ready(lanes.step(update, state))
        ours = (cpu_seconds() - cpu) / REPEATS * MDPS / experiment.seeds
        table.add_row(name, f"{compiling:.1f}", f"{ours:.4f}")
    return table


def memory() -> Table:
    """The table of what XLA allocates for intermediates of a whole study."""
    table = Table(title="Meta-gradient study, Loaded DiCE everywhere, 10 MDPs × 20 estimates: MiB of intermediates")
    for number in TRAJECTORIES:
        table.add_column(f"{number} trajectories", justify="right")
    cells = []
    for number in TRAJECTORIES:
        preset = PRESETS["gmrl-tabular-decompose-loaded-dice-lll-32"].settings
        counts = dict.fromkeys(("inner_trajectories", "hessian_trajectories", "outer_trajectories"), number)
        experiment = dataclasses.replace(preset, **counts)
        keys = jax.vmap(jax.random.key)(jnp.arange(experiment.seeds))
        mdps = jax.vmap(study_of(experiment).init)(keys)
        # Here numbers are compiled in, unlike in presets' programs, to show that they do not matter.
        usage = jax.jit(jax.vmap(study_of(experiment).update)).lower(keys, mdps).compile().memory_analysis()
        cells.append("–" if usage is None else f"{usage.temp_size_in_bytes / 2**20:.1f}")
    table.add_row(*cells)
    return table


def main() -> None:
    """Prints both tables, and what is recorded."""
    for table in (speed(), recorded.pytorch_table(PRESETS_MEASURED), memory()):
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
