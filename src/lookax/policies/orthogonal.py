"""Orthogonal weights, drawn without LAPACK."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

ITERATIONS = 45
"""Enough for a smallest singular value of 10⁻⁷ of the largest."""


def orthogonal(key: Key[Array, ""], outputs: int, inputs: int, gain: float = 1.0) -> Float[Array, "out in"]:
    """A matrix drawn uniformly from all orthogonal ones (by Haar's measure), times a gain (Saxe et al. 2014).

    It is the orthogonal factor (XXᵀ)^(−1/2) X of a matrix X of normal numbers. Its rows are orthonormal if there are no
    more outputs than inputs, its columns otherwise.

    It is found by the iteration X ← (3X − XXᵀX)/2 (Björck & Bowie 1971), which converges quadratically in the end.
    JAX's own initialiser calls LAPACK instead: several such calls at once, in the lanes of `jax.vmap`, wait for each
    other for ever (jax 0.10, CPU).

    **Arguments:** the numbers of `outputs`, the rows, and of `inputs`, the columns; the `gain`, by which the matrix is
    multiplied.
    """
    wide = jax.random.normal(key, (min(outputs, inputs), max(outputs, inputs)), float)
    # Divided by no less than the largest singular value, or the iteration runs away.
    start = wide / (1.05 * jnp.sqrt(jnp.abs(wide @ wide.T).sum(axis=1).max()))

    def step(_: Int[Array, ""], x: Float[Array, "n m"]) -> Float[Array, "n m"]:
        return 1.5 * x - 0.5 * (x @ x.T) @ x

    # GPUs multiply with ten bits of mantissa unless set otherwise: rows would be orthonormal to 10⁻³ only.
    with jax.default_matmul_precision("highest"):
        found = jax.lax.fori_loop(0, ITERATIONS, step, start)
    return gain * (found if outputs <= inputs else found.T)
