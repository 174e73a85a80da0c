"""Returns and advantages of one trajectory.

`rewards` are r₀ … r_{T−1}, `[T]`; `values` are V(s₀) … V(s_T), `[T+1]`, the last one standing for what comes after
(zero where nothing does). Everything is differentiable in both.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.errors import check_at_least


def discounts(discount: ScalarLike, num_steps: int) -> Float[Array, " T"]:
    """1, γ, γ², …, `[T]`."""
    return jnp.power(discount, jnp.arange(num_steps))


def running_sums(terms: Float[Array, "T ..."]) -> Float[Array, "T ..."]:
    """xₜ = Σ_{k ≤ t} termₖ over the first axis, `[T, …]`.

    By a scan: of many trajectories, and differentiated twice, XLA's own cumulative sum takes more than twice as long.
    """

    def add(earlier, term):
        total = earlier + term
        return total, total

    return jax.lax.scan(add, jnp.zeros_like(terms[0]), terms)[1]


def discounted_returns(
    rewards: Float[Array, " T"], discount: ScalarLike, bootstrap: ScalarLike = 0.0
) -> Float[Array, " T"]:
    """Gₜ = Σ_{k ≥ t} γ^{k−t} r_k + γ^{T−t} · bootstrap, `[T]`.

    **Arguments:** `rewards`, `[T]`; the `discount` γ; `bootstrap`, the value of what comes after the last step.
    """
    return _backwards(rewards, discount, bootstrap)


def temporal_differences(
    rewards: Float[Array, " T"], values: Float[Array, " T+1"], discount: ScalarLike | Float[Array, " T"]
) -> Float[Array, " T"]:
    """δₜ = rₜ + γₜ V(sₜ₊₁) − V(sₜ), `[T]`.

    **Arguments:** `rewards`, `[T]`; `values`, V(s₀) … V(s_T), `[T+1]`; the `discount`, one γ or γₜ of every step,
    `[T]`.
    """
    return rewards + discount * values[1:] - values[:-1]


def generalised_advantages(
    rewards: Float[Array, " T"],
    values: Float[Array, " T+1"],
    discount: ScalarLike | Float[Array, " T"],
    gae_lambda: ScalarLike = 1.0,
) -> Float[Array, " T"]:
    """GAE, Aₜ = δₜ + γₜ λ Aₜ₊₁, `[T]`, which for one γ is Σ_{k ≥ t} (γλ)^{k−t} δ_k (Schulman et al. 2016, eq. 16).

    A γₜ of zero ends an episode: nothing that comes after step t counts for what came before. With λ = 1 it is the
    return of all that is left, bootstrapped, less the value: Gₜ − V(sₜ). With λ = 0, δₜ.

    **Arguments:**

    - `rewards`: `[T]`.
    - `values`: V(s₀) … V(s_T), `[T+1]`.
    - `discount`: one γ, or γₜ of every step, `[T]`.
    - `gae_lambda`: λ, from 0 to 1.
    """
    return _backwards(temporal_differences(rewards, values, discount), discount * jnp.asarray(gae_lambda), 0.0)


def n_step_advantages(
    rewards: Float[Array, " T"], values: Float[Array, " T+1"], discount: ScalarLike, n: int
) -> Float[Array, " T"]:
    """Aₜ = rₜ + … + γ^{m−1} r_{t+m−1} + γᵐ V(s_{t+m}) − V(sₜ), m = min(n, T − t), `[T]`.

    **Arguments:** `rewards`, `[T]`; `values`, V(s₀) … V(s_T), `[T+1]`; the `discount` γ; `n`, the number of rewards
    that are summed, at least 1.

    **Raises:** `ValueError` for n below 1.
    """
    check_at_least("n", n, 1)
    differences = temporal_differences(rewards, values, discount)
    num_steps = differences.shape[0]
    ahead = jnp.arange(num_steps)[None, :] - jnp.arange(num_steps)[:, None]
    counted = (ahead >= 0) & (ahead < n)
    return jnp.where(counted, jnp.power(discount, jnp.where(counted, ahead, 0)), 0) @ differences


def _backwards(
    terms: Float[Array, " T"], factors: ScalarLike | Float[Array, " T"], last: ScalarLike
) -> Float[Array, " T"]:
    """xₜ = termₜ + factorₜ · xₜ₊₁, from x_T = last."""

    def back(later, step):
        term, factor = step
        total = term + factor * later
        return total, total

    dtype = jnp.result_type(terms, factors, last)
    terms, last = terms.astype(dtype), jnp.asarray(last, dtype)
    return jax.lax.scan(back, last, (terms, jnp.broadcast_to(factors, terms.shape)), reverse=True)[1]
