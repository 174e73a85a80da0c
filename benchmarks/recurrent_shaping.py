"""Agents with a memory, at published scale: seconds and memory of an outer step, beside those of the original code.

Every case is a process of its own, so that its peak memory is its own, with a device for every core:
`python -m benchmarks.recurrent_shaping`.
"""

import dataclasses
import json
import resource
import subprocess
import sys
import time

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from rich.console import Console
from rich.table import Table

from lookax.experiments.registry import PRESETS
from lookax.experiments.studies.recurrent_shaping import RecurrentShapingStudy
from lookax.rollouts.sharding import games_over
from lookax.runs.programs.devices import use_cores

# Preset, outer steps (or batches of games for the model), and the original's wall and CPU seconds and MiB: its JAX code
# with the commands' settings, in turn with ours on the same two cores, after compilation, for one agent's step.
CASES = {
    "IPD POLA-DiCE": ("pola-figure4-pola-dice", 2, (3.5, 6.6, 6550)),
    "coin POLA-DiCE": ("pola-figure5-pola-dice", 2, (5.6, 9.8, 7110)),
    "IPD LOLA-DiCE": ("pola-figure4-lola-dice", 2, (1.56, 2.93, 3410)),
    "IPD opponent model": ("pola-figure4-pola-om", 4, (0.45, 0.85, 1740)),
}

REPEATS = 3


def measured(case: str, steps: int) -> dict[str, float]:
    """Seconds of compiling, and of a step: wall and CPU, the least of several; peak memory in MiB."""
    experiment = dataclasses.replace(PRESETS[CASES[case][0]].settings, outer_steps=steps, model_batches=steps)
    state = RecurrentShapingStudy(experiment).init(jax.random.key(0))
    pair = RecurrentShapingStudy(experiment).pair()
    [update, _], [imitation, _] = pair.updates, pair.imitations

    def work(key, state):
        if imitation is not None:
            return imitation.fit(key, 0, state.agents, state.models[0])
        assert update is not None
        return update.update(key, 0, state.agents[0], state.agents[1], state.optimisers[0])

    began = time.perf_counter()
    with games_over(NamedSharding(Mesh(np.array(jax.devices()), ("games",)), PartitionSpec("games"))):
        program = jax.jit(work).lower(jax.random.key(0), state).compile()
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
    """Prints the table; with the words `case STEPS`, one case's numbers."""
    if len(sys.argv) == 3:
        use_cores()
        sys.stdout.write(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
        return
    table = Table(title="An outer step of one agent (a batch of games for the model): seconds, and MiB at the peak")
    for column in ("case", "compile", "wall", "CPU", "MiB", "original: wall", "CPU", "MiB", "wall", "MiB"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, (_, steps, original) in CASES.items():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.recurrent_shaping", case, str(steps)],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = json.loads(done.stdout)
        table.add_row(
            case, f"{ours['compile']:.1f}", f"{ours['wall']:.2f}", f"{ours['cpu']:.2f}", f"{ours['MiB']:.0f}",
            *map(str, original), f"{original[0] / ours['wall']:.1f}x", f"1/{original[2] / ours['MiB']:.1f}",
        )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
