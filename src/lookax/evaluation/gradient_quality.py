"""How wrong is an estimated gradient? Correlation, variance and bias, against the exact one."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree

from lookax.errors import BadInputError, check_at_least


class GradientQuality(eqx.Module):
    """Statistics of n estimates ĝ₁ … ĝ_n of a gradient g of D numbers, each with its standard error.

    It shows itself by cosine, relative bias and variance. In what follows ḡ = mean_i ĝᵢ.

    **Attributes:**

    - `cosine`: of the angle between ĝᵢ and g, mean over i; 0 where one of the two is zero. Estimates without errors
      have 1, for one parameter as for many.
    - `relative_bias`: |ḡ − g| / |g|. It is positive for unbiased estimates too: its standard error is √(Σ_d
      var_i(ĝᵢ,d)/n) / |g|, about what it is then.
    - `correlation`: Pearson's, over coordinates, of ĝᵢ and g; mean over i. 0 where one of the two has no spread.
    - `variance`: Σ_d std_i(ĝᵢ,d), the sum over coordinates of standard deviations (with n − 1), which Liu et al. 2022
      plot as variance.
    - `bias`: mean_d (mean_i ĝᵢ,d − g_d)², the mean squared error of the mean estimate. It contains the mean's own
      variance, so that it is positive for unbiased estimates too.
    - `squared_bias`: the same less that variance, `bias − mean_d var_i(ĝᵢ,d)/n`: zero in expectation for an unbiased
      estimate, and maybe negative.
    - `inner_error`: `[K]`, mean squared distance between where a learner's steps 1 … K led and where exact ones would
      have; empty unless iterates are given.
    - `…_standard_error`: of the mean over i for correlation and inner error, by the jackknife for the others.
    """

    cosine: Float[Array, ""]
    cosine_standard_error: Float[Array, ""]
    relative_bias: Float[Array, ""]
    relative_bias_standard_error: Float[Array, ""]
    correlation: Float[Array, ""]
    correlation_standard_error: Float[Array, ""]
    variance: Float[Array, ""]
    variance_standard_error: Float[Array, ""]
    bias: Float[Array, ""]
    bias_standard_error: Float[Array, ""]
    squared_bias: Float[Array, ""]
    squared_bias_standard_error: Float[Array, ""]
    inner_error: Float[Array, " K"]
    inner_error_standard_error: Float[Array, " K"]

    def __repr__(self) -> str:
        if isinstance(self.cosine, Tracer) or jnp.ndim(self.cosine):
            return super().__repr__()
        names = ("cosine", "relative_bias", "variance")
        texts = (f"{getattr(self, name):.3g} ± {getattr(self, f'{name}_standard_error'):.2g}" for name in names)
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in zip(names, texts, strict=True))


class _Moments(NamedTuple):
    """Of samples: their mean, the sum of squared distances from it, and their number."""

    mean: Float[Array, "... D"]
    squares: Float[Array, "... D"]
    number: int


def gradient_quality(
    exact: Any,
    sample: Callable[[Key[Array, ""]], Any],
    key: Key[Array, ""],
    n: int,
    *,
    has_iterates: bool = False,
    batch_size: int | None = None,
) -> GradientQuality:
    """Compares n estimates of a gradient, any pytree of floats, with the exact one.

    ```python
    exact = jax.grad(expected_return)(theta)
    quality = lx.gradient_quality(exact, lambda key: jax.grad(surrogate)(theta, key), jax.random.key(0), 100)
    print(quality)
    ```

    **Arguments:**

    - `exact`: the exact gradient.
    - `sample`: from a random key to one estimate, of the same structure and shapes.
    - `key`: where all randomness comes from.
    - `n`: number of estimates, at least 3.
    - `has_iterates`: `exact` is a pair, and `sample` returns one: of the gradient, and of a learner's iterates
      θ₁ … θ_K, `[K, …]`.
    - `batch_size`: how many estimates are computed at once; all unless given.

    **Raises:** `ValueError` for fewer than 3 estimates, a batch size below 1, and estimates of another structure or
    other shapes than the exact gradient.
    """
    check_at_least("n", n, 3)
    if batch_size is not None:
        check_at_least("batch_size", batch_size, 1)

    def flat_sample(key):
        gradient, iterates = sample(key) if has_iterates else (sample(key), None)
        return ravel_pytree(gradient)[0], iterates

    _check_alike(jax.eval_shape(lambda: exact), jax.eval_shape(sample, key))
    keys = jax.random.split(key, n)
    exact, exact_iterates = _flat(exact, has_iterates)
    if batch_size is None:
        estimates, iterates = jax.vmap(flat_sample)(keys)
    else:
        estimates, iterates = jax.lax.map(flat_sample, keys, batch_size=batch_size)
    # After the loop, which cannot stack the empty array that stands for no iterates.
    iterates = jax.vmap(_rows)(iterates) if has_iterates else jnp.zeros((n, 0, 1))
    distances = jnp.mean((iterates - exact_iterates) ** 2, axis=-1)

    def spread(of: _Moments):
        return jnp.sqrt(of.squares / (of.number - 1)).sum(axis=-1)

    def bias(of: _Moments):
        return jnp.mean((of.mean - exact) ** 2, axis=-1)

    def squared_bias(of: _Moments):
        return bias(of) - jnp.mean(of.squares, axis=-1) / (of.number - 1) / of.number

    length = _length(exact)
    mean = estimates.mean(axis=0)
    noise = jnp.sqrt(estimates.var(axis=0, ddof=1).sum() / n)
    return GradientQuality(
        *_mean(jax.vmap(lambda estimate: _direction(estimate) @ _direction(exact))(estimates)),
        jnp.linalg.norm(mean - exact) / length,
        noise / length,
        *_mean(jax.vmap(correlation, (0, None))(estimates, exact)),
        *_jackknife(spread, estimates),
        *_jackknife(bias, estimates),
        *_jackknife(squared_bias, estimates),
        *_mean(distances),
    )


def _check_alike(exact: PyTree, estimate: PyTree) -> None:
    if jax.tree.structure(exact) != jax.tree.structure(estimate):
        raise BadInputError(
            f"sample: it gives {jax.tree.structure(estimate)}, and the exact gradient is {jax.tree.structure(exact)}; "
            "they must be of the same structure"
        )
    for (path, leaf), like in zip(jax.tree.leaves_with_path(estimate), jax.tree.leaves(exact), strict=True):
        if leaf.shape != like.shape:
            raise BadInputError(
                f"sample: estimates{jax.tree_util.keystr(path)} have shape {leaf.shape}, and the exact gradient "
                f"{like.shape}; they must have the same"
            )


def _length(x: Float[Array, " D"]) -> Float[Array, ""]:
    """The norm of x; 1 where that is zero."""
    norm = jnp.linalg.norm(x)
    return jnp.where(norm > 0, norm, 1)


def _direction(x: Float[Array, " D"]) -> Float[Array, " D"]:
    """X, of length 1; zero where it is. Neither under- nor overflows."""
    largest = jnp.max(jnp.abs(x))
    x = x / jnp.where(largest > 0, largest, 1)
    return x / _length(x)


def correlation(x: Float[Array, " D"], y: Float[Array, " D"]) -> Float[Array, ""]:
    """Pearson's correlation over coordinates; 0 where x or y has no spread but rounding errors."""
    return _unit(x) @ _unit(y)


def _unit(x: Float[Array, " D"]) -> Float[Array, " D"]:
    """X less its mean, of length 1; zero where there is nothing left of it. Neither under- nor overflows."""
    largest = jnp.max(jnp.abs(x))
    x = x / jnp.where(largest > 0, largest, 1)
    x = x - x.mean()
    spread = jnp.linalg.norm(x)
    flat = spread <= 4 * len(x) ** 0.5 * jnp.finfo(x.dtype).eps
    return jnp.where(flat, 0, x / jnp.where(flat, 1, spread))


def _flat(result: Any, has_iterates: bool) -> tuple[Float[Array, " D"], Float[Array, "K P"]]:
    gradient, iterates = result if has_iterates else (result, None)
    return ravel_pytree(gradient)[0], _rows(iterates)


def _rows(iterates: PyTree) -> Float[Array, "K P"]:
    rows = [leaf.reshape(len(leaf), math.prod(leaf.shape[1:])) for leaf in jax.tree.leaves(iterates)]
    return jnp.concatenate(rows, axis=1) if rows else jnp.zeros((0, 1))


def _mean(values: Float[Array, "n ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean and standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / jnp.sqrt(len(values))


def _jackknife(
    statistic: Callable[[_Moments], Float[Array, "..."]], samples: Float[Array, "n D"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A statistic and its standard error, √((n−1)/n Σᵢ (tᵢ − t̄)²) of those that leave sample i out."""
    n = len(samples)
    # From the first one: the mean of equal numbers is then that number, however sums are rounded.
    mean = samples[0] + (samples - samples[0]).mean(axis=0)
    distances = samples - mean
    squares = jnp.sum(distances**2, axis=0)
    # Rounding must not leave less than nothing.
    squares_without = jnp.maximum(squares - distances**2 * n / (n - 1), 0)
    without = statistic(_Moments(mean - distances / (n - 1), squares_without, n - 1))
    return statistic(_Moments(mean, squares, n)), jnp.sqrt((n - 1) * jnp.var(without))
