"""How wrong is an estimated gradient? Correlation, variance and bias, against the exact one."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree

from lookax.errors import check_at_least


class GradientQuality(eqx.Module):
    """Statistics of n estimates ĝ₁ … ĝ_n of a gradient g of D numbers, each with its standard error.

    **Attributes:**

    - `correlation`: Pearson's, over coordinates, of ĝᵢ and g; mean over i. 0 where one of the two has no spread.
    - `variance`: Σ_d std_i(ĝᵢ,d), the sum over coordinates of (unbiased) standard deviations: what Liu et al. 2022 plot
      as variance.
    - `bias`: mean_d (mean_i ĝᵢ,d − g_d)², the mean squared error of the mean estimate. It contains the mean's own
      variance, so that it is positive for unbiased estimates too.
    - `squared_bias`: the same less that variance, `bias − mean_d var_i(ĝᵢ,d)/n`: zero in expectation for an unbiased
      estimate, and maybe negative.
    - `inner_error`: `[K]`, mean squared distance between where a learner's steps 1 … K led and where exact ones would
      have; empty unless iterates are given.
    - `…_error`: standard errors; of the mean over i for correlation and inner error, by the jackknife for the others.
    """

    correlation: Float[Array, ""]
    correlation_error: Float[Array, ""]
    variance: Float[Array, ""]
    variance_error: Float[Array, ""]
    bias: Float[Array, ""]
    bias_error: Float[Array, ""]
    squared_bias: Float[Array, ""]
    squared_bias_error: Float[Array, ""]
    inner_error: Float[Array, " K"]
    inner_error_error: Float[Array, " K"]


def gradient_quality(
    exact_fn: Callable[[], Any],
    sample_fn: Callable[[Key[Array, ""]], Any],
    key: Key[Array, ""],
    n: int,
    *,
    has_iterates: bool = False,
    batch_size: int | None = None,
) -> GradientQuality:
    """Compares n estimates of a gradient, any pytree of floats, with the exact one.

    ```python
    quality = gradient_quality(
        lambda: jax.grad(expected_return)(theta), lambda key: jax.grad(surrogate)(theta, key), jax.random.key(0), 100
    )
    ```

    **Arguments:**

    - `exact_fn`: the exact gradient.
    - `sample_fn`: one estimate, from a random key.
    - `n`: number of estimates, at least 3.
    - `has_iterates`: both functions return a pair of the gradient and a learner's iterates θ₁ … θ_K, `[K, …]`.
    - `batch_size`: how many estimates are computed at once; all unless given.

    **Raises:** `ValueError` for fewer than 3 estimates.
    """
    check_at_least("n", n, 3)
    keys = jax.random.split(key, n)
    flat_sample = lambda key: _flat(sample_fn(key), has_iterates)  # noqa: E731
    exact, exact_iterates = _flat(exact_fn(), has_iterates)
    if batch_size is None:
        estimates, iterates = jax.vmap(flat_sample)(keys)
    else:
        estimates, iterates = jax.lax.map(flat_sample, keys, batch_size=batch_size)
    distances = jnp.mean((iterates - exact_iterates) ** 2, axis=-1)

    def spread(estimates):
        return jnp.std(estimates, axis=0, ddof=1).sum()

    def bias(estimates):
        return jnp.mean((estimates.mean(axis=0) - exact) ** 2)

    def squared_bias(estimates):
        return bias(estimates) - jnp.mean(jnp.var(estimates, axis=0, ddof=1)) / len(estimates)

    return GradientQuality(
        *_mean(jax.vmap(correlation, (0, None))(estimates, exact)),
        *_jackknife(spread, estimates),
        *_jackknife(bias, estimates),
        *_jackknife(squared_bias, estimates),
        *_mean(distances),
    )


def correlation(x: Float[Array, " D"], y: Float[Array, " D"]) -> Float[Array, ""]:
    """Pearson's correlation over coordinates; 0 where x or y has no spread."""
    x, y = x - x.mean(), y - y.mean()
    scale = jnp.sqrt((x @ x) * (y @ y))
    return jnp.where(scale > 0, x @ y / jnp.where(scale > 0, scale, 1), 0)


def _flat(result: Any, has_iterates: bool) -> tuple[Float[Array, " D"], Float[Array, "K P"]]:
    gradient, iterates = result if has_iterates else (result, None)
    return ravel_pytree(gradient)[0], _rows(iterates)


def _rows(iterates: PyTree) -> Float[Array, "K P"]:
    leaves = jax.tree.leaves(iterates)
    return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1) if leaves else jnp.zeros((0, 1))


def _mean(values: Float[Array, "n ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean and standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / jnp.sqrt(len(values))


def _jackknife(
    statistic: Callable[[Float[Array, "n D"]], Float[Array, ""]], samples: Float[Array, "n D"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A statistic of the samples and its standard error, √((n−1)/n Σᵢ (tᵢ − t̄)²) of those that leave sample i out."""
    n = len(samples)
    left_out = jax.lax.map(
        lambda i: statistic(jnp.delete(samples, i, axis=0, assume_unique_indices=True)), jnp.arange(n)
    )
    return statistic(samples), jnp.sqrt((n - 1) * jnp.var(left_out))
