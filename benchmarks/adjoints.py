"""Differentiating through K gradient steps: time and memory of every adjoint.

Two cases on a network of 3 layers of 64 units and 512 inputs: the gradient in all 8 449 first parameters (as for MAML)
and the gradient in 2 numbers that the objective depends on (as for hyperparameters). Memory is what XLA allocates for
intermediates of the compiled program.
"""

import time

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from rich.console import Console
from rich.table import Table

from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.adjoints import Adjoint, FirstOrderAdjoint, ForwardAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.mlp import MLPPolicy, mlp_policy

STEPS = (1, 8, 64)
REPEATS = 5


def fit(network: MLPPolicy, numbers: jax.Array, inputs: jax.Array) -> jax.Array:
    """How well a network fits a curve, less weight decay; both depend on `numbers`."""
    outputs = jax.vmap(network)(inputs)[:, 1]
    targets = jnp.sin(numbers[0] * inputs.sum(1))
    return -jnp.mean((outputs - targets) ** 2) - 1e-3 * numbers[1] * jnp.sum(ravel_pytree(network)[0] ** 2)


def outer(start: MLPPolicy, numbers: jax.Array, inputs: jax.Array, steps: int, adjoint: Adjoint) -> jax.Array:
    """The fit after K steps."""
    lookahead = Lookahead(optax.adam(1e-3), steps, adjoint)
    end = lookahead.maximise(lambda n: fit(n, numbers, inputs), start)
    return fit(end, jnp.ones(2), inputs)


def measure(argument: int, steps: int, adjoint: Adjoint) -> tuple[float, float]:
    """CPU-seconds of one gradient, and MiB of intermediates."""
    start = mlp_policy(jax.random.key(0), 3, 2, (64, 64, 64))
    arguments = (start, jnp.ones(2), jax.random.normal(jax.random.key(1), (512, 3)))
    program = jax.jit(jax.grad(outer, argument), static_argnums=(3, 4)).lower(*arguments, steps, adjoint).compile()
    jax.block_until_ready(program(*arguments))
    cpu = time.process_time()
    for _ in range(REPEATS):
        jax.block_until_ready(program(*arguments))
    seconds = (time.process_time() - cpu) / REPEATS
    memory = program.memory_analysis()
    return seconds, float("nan") if memory is None else memory.temp_size_in_bytes / 2**20


def main() -> None:
    """Prints a table per case."""
    for argument, title in ((0, "gradient in all 8 449 first parameters"), (1, "gradient in 2 numbers")):
        table = Table(title=f"{title}: CPU-ms and MiB")
        table.add_column("adjoint")
        for steps in STEPS:
            table.add_column(f"K = {steps}", justify="right")
        for adjoint in ADJOINTS.values():
            if isinstance(adjoint, FirstOrderAdjoint) or (isinstance(adjoint, ForwardAdjoint) and argument == 0):
                continue
            cells = [measure(argument, steps, adjoint) for steps in STEPS]
            table.add_row(
                type(adjoint).__name__, *(f"{1000 * seconds:.0f} ms, {mib:.1f} MiB" for seconds, mib in cells)
            )
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
