"""What meta-gradients through K updates cost, by adjoint, in plain updates; convolutions; training beside its emulator.

Every adjoint and K is a process of its own, so that its peak memory is its own. All is on one core, but for steps per
second of training, which has them all: `python -m benchmarks.meta_gradients`.
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ScalarLike
from rich.console import Console
from rich.table import Table

from lookax.experiments.registry import PRESETS
from lookax.experiments.studies.study import study_of
from lookax.games.arcade.atari import Atari
from lookax.games.arcade.emulators import Playing
from lookax.learners.mgrl import InnerObjective, OuterObjective, meta_gradient, recorded_meta_gradient
from lookax.learners.objectives.actor_critic import Coefficients, learning_optimiser
from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.adjoints import ForwardOverReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.recorded import recorded_step
from lookax.policies.convolutional import Convolution, actor_critic
from lookax.rollouts.environments import Rollout

GAMES, STEPS, ACTIONS = 64, 5, 6
INNER_STEPS = (1, 3, 8)
WAYS = {"recorded": ForwardOverReverseAdjoint()} | {
    name: ADJOINTS[name] for name in ("forward-over-reverse", "checkpointed", "reverse", "forward")
}
META = Coefficients(discount=4.6, gae_lambda=2.944, value_coefficient=0.0, entropy_coefficient=-4.6)
REPEATS = 3


def rollout(seed: ScalarLike) -> Rollout:
    keys = jax.random.split(jax.random.key(seed), 3)
    ones = jnp.ones((STEPS, GAMES), bool)
    frames = jax.random.randint(keys[0], (STEPS + 1, GAMES, 84, 84, 4), 0, 256).astype(jnp.uint8)
    actions = jax.random.randint(keys[1], (STEPS, GAMES), 0, ACTIONS)
    return Rollout(frames, actions, jax.random.normal(keys[2], (STEPS, GAMES)), ones, ones)


def seconds(function, *arguments) -> float:
    """CPU-seconds of a compiled function, the least of several; what it returned is thrown away."""
    jax.block_until_ready(function(*arguments))
    took = []
    for _ in range(REPEATS):
        began = time.process_time()
        jax.block_until_ready(function(*arguments))
        took.append(time.process_time() - began)
    return min(took)


def measured(way: str, inner_steps: int) -> dict[str, float]:
    """CPU-seconds of a plain update and of a meta-gradient, and MiB: what a program needs beside what it is given."""
    optimiser = learning_optimiser(7e-4, 0.5, 1000)
    lookahead = Lookahead(optimiser, inner_steps, WAYS[way])
    parts = InnerObjective(), lookahead, OuterObjective()
    network: Any = actor_critic(jax.random.key(0), (84, 84, 4), ACTIONS, critic_discount=True)
    learned: tuple[Any, Any] = network, lookahead.optimiser.init(network)
    rollouts = jax.vmap(rollout)(jnp.arange(inner_steps))
    last_rollout = rollout(100)
    update = jax.jit(lambda now, tau: recorded_step(InnerObjective().objective, *now, (META, tau), lookahead.optimiser))  # pyright: ignore[reportCallIssue]
    plain = seconds(lambda now, tau: update(now, tau)[0], learned, rollout(0))
    if way == "recorded":
        now, steps = jax.jit(lambda now, taus: jax.lax.scan(update, now, taus))(learned, rollouts)
        given: tuple[Any, ...] = META, steps, now[0], rollouts, last_rollout
        program = jax.jit(lambda *given: recorded_meta_gradient(*parts, *given)).lower(*given).compile()
    else:
        given = META, learned, rollouts, last_rollout
        program = jax.jit(lambda *given: meta_gradient(*parts, *given)).lower(*given).compile()
    needs: Any = program.memory_analysis()
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(learned)) / 2**20
    kept = inner_steps * (size + sum(leaf.nbytes for leaf in jax.tree.leaves(network)) / 2**20)
    return {
        "plain": plain,
        "gradient": seconds(program, *given),
        "temporary": needs.temp_size_in_bytes / 2**20,
        "kept": kept if way == "recorded" else 0.0,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def costs() -> Table:
    table = Table(title="A meta-gradient through K updates (Nature network, 64 games × 5 steps, one core)")
    for column in ("adjoint", "K", "CPU-s", "plain update", "of K+1 plain updates", "MiB: temporary", "kept", "peak"):
        table.add_column(column, justify="left" if column == "adjoint" else "right")
    for way in WAYS:
        for inner_steps in INNER_STEPS:
            if way in ("reverse", "forward") and inner_steps == max(INNER_STEPS):
                continue  # all intermediates of eight updates, or four tangents of each: minutes
            command = [sys.executable, "-m", "benchmarks.meta_gradients", way, str(inner_steps)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            table.add_row(
                way,
                str(inner_steps),
                f"{found['gradient']:.2f}",
                f"{found['plain']:.2f}",
                f"{found['gradient'] / (inner_steps + 1) / found['plain']:.2f}",
                *(f"{found[name]:.0f}" for name in ("temporary", "kept", "peak")),
            )
    return table


def convolutions() -> Table:
    """Gradients of the Nature network's convolutions, by matrix products and by XLA's own, alone and in a scan."""

    def by_xla(layer: Convolution, frames):
        strides = layer.stride, layer.stride
        return (
            jax.lax.conv_general_dilated(
                frames, layer.kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            + layer.bias
        )

    layers = actor_critic(jax.random.key(0), (84, 84, 4), ACTIONS).convolutions
    frames = jax.random.normal(jax.random.key(1), (STEPS * GAMES, 84, 84, 4))
    table = Table(title="Gradient of three convolutions of 320 frames, CPU-seconds on one core")
    for column in ("", "alone", "each of two in a scan"):
        table.add_column(column, justify="right")
    for name, apply in (("products of shifted frames", Convolution.__call__), ("XLA", by_xla)):

        def loss(layers, frames, apply=apply):
            for layer in layers:
                frames = jax.nn.relu(apply(layer, frames))
            return (frames**2).mean()

        gradient = jax.grad(loss)

        def twice(layers, frames, gradient=gradient):
            def step(now, _):
                return jax.tree.map(lambda x, g: x - 1e-6 * g, now, gradient(now, frames)), None

            return jax.lax.scan(step, layers, None, length=2)[0]

        alone, scanned = seconds(jax.jit(gradient), layers, frames), seconds(jax.jit(twice), layers, frames) / 2
        table.add_row(name, f"{alone:.2f}", f"{scanned:.2f}")
    return table


def training() -> Table:
    """Steps of the games per second of wall-clock: the emulators alone, and learning with them."""
    updates = 20
    table = Table(title=f"Pong, {GAMES} games, {os.cpu_count()} cores")
    for column in ("", "steps/s"):
        table.add_column(column, justify="right")
    emulators = Playing(Atari("pong"), GAMES, seed=0, count=0)
    drawn = np.random.default_rng(0).integers(0, ACTIONS, (updates * STEPS, GAMES))
    began = time.perf_counter()
    for actions in drawn:
        emulators.step(actions)
    table.add_row("emulators", f"{drawn.size / (time.perf_counter() - began):.0f}")
    for name in ("a2c-atari", "mgrl-atari", "mgrl-lvc-atari"):
        experiment = dataclasses.replace(PRESETS[name].settings, game="pong")
        update = jax.jit(study_of(experiment).update)
        state, _ = update(jax.random.key(1), jax.jit(study_of(experiment).init)(jax.random.key(0)))
        jax.block_until_ready(state)
        began = time.perf_counter()
        for number in range(updates):
            state, _ = update(jax.random.key(number), state)
        jax.block_until_ready(state)
        steps = updates * experiment.frames_per_update() / 4
        table.add_row(name, f"{steps / (time.perf_counter() - began):.0f}")
    return table


def main() -> None:
    """Prints the tables; with the words `ADJOINT K`, one case's numbers, and with `training`, that table alone."""
    console = Console(width=120)
    if sys.argv[1:] == ["training"]:
        console.print(training())
        return
    jax.config.update("jax_num_cpu_devices", 1)
    if len(sys.argv) == 3:
        sys.stdout.write(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
        return
    console.print(convolutions())
    console.print(costs())
    console.print(training())


if __name__ == "__main__":
    main()
