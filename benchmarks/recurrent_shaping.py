"""Agents with a memory, at published scale: seconds and memory of an outer step.

Every case is a process of its own, so that its peak memory is its own, with a device for every core:
`python -m benchmarks.recurrent_shaping`. A second table is what was recorded beside the original code elsewhere.
"""

import dataclasses
import json
import resource
import subprocess
import sys
import time
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from rich.console import Console
from rich.table import Table

from benchmarks import recorded
from lookax.experiments.registry import PRESETS
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping
from lookax.experiments.studies.recurrent_shaping import RecurrentShapingStudy
from lookax.rollouts.sharding import games_over
from lookax.runs.programs.devices import use_cores

# Preset, and outer steps (or batches of games for the model).
CASES = {
    "IPD POLA-DiCE": ("pola-figure4-pola-dice", 2),
    "coin POLA-DiCE": ("pola-figure5-pola-dice", 2),
    "IPD LOLA-DiCE": ("pola-figure4-lola-dice", 2),
    "IPD opponent model": ("pola-figure4-pola-om", 4),
}

REPEATS = 3


def compiled(experiment: RecurrentShaping, lanes: int = 1) -> tuple[Any, Any]:
    """A program of one agent's outer steps, or of fitting its model, and the state that it is given beside a key.

    Several lanes are seeds that learn at once, on one device; the games of one lane are sharded over all devices.
    """
    study = RecurrentShapingStudy(experiment)
    [update, _], [imitation, _] = study.agents().updates, study.agents().imitations

    def work(key, state):
        if imitation is not None:
            return imitation.fit(key, 0, state.agents, state.models[0])
        assert update is not None
        return update.update(key, 0, state.agents[0], (state.agents[1],), state.optimisers[0])

    key = jax.random.key(0)
    if lanes > 1:
        state = jax.jit(jax.vmap(study.init))(jax.random.split(key, lanes))
        return jax.jit(jax.vmap(work, (None, 0))).lower(key, state).compile(), state
    state = jax.jit(study.init)(key)
    with games_over(NamedSharding(Mesh(np.array(jax.devices()), ("games",)), PartitionSpec("games"))):
        return jax.jit(work).lower(key, state).compile(), state


def measured(case: str, steps: int) -> dict[str, float]:
    """Seconds of compiling, and of a step: wall and CPU, the least of several; peak memory in MiB."""
    experiment = dataclasses.replace(PRESETS[CASES[case][0]].settings, outer_steps=steps, model_batches=steps)
    began = time.perf_counter()
    program, state = compiled(experiment)
    compiling = time.perf_counter() - began
    wall, cpu = [], []
    for number in range(REPEATS + 1):
        began = time.perf_counter(), time.process_time()
        jax.block_until_ready(program(jax.random.key(number), state))
        wall.append((time.perf_counter() - began[0]) / steps)
        cpu.append((time.process_time() - began[1]) / steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"compile": compiling, "wall": min(wall[1:]), "cpu": min(cpu[1:]), "MiB": peak}


def main() -> None:
    """Prints the table and what is recorded; with the words `case STEPS`, one case's numbers."""
    if len(sys.argv) == 3:
        use_cores()
        sys.stdout.write(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
        return
    table = Table(title="An outer step of one agent (a batch of games for the model): seconds, and MiB at the peak")
    for column in ("case", "compile", "wall", "CPU", "MiB"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, (_, steps) in CASES.items():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.recurrent_shaping", case, str(steps)],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = json.loads(done.stdout)
        cells = f"{ours['compile']:.1f}", f"{ours['wall']:.2f}", f"{ours['cpu']:.2f}", f"{ours['MiB']:.0f}"
        table.add_row(case, *cells)
    Console(width=150).print(table, recorded.jax_table())


if __name__ == "__main__":
    main()
