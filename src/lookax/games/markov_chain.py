"""Discounted sums over a Markov chain, which is what a game becomes once all players' policies are fixed."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.concrete import known
from lookax.errors import check, check_at_least


def check_discount(discount: ScalarLike, horizon: int | None) -> None:
    """Raises `ValueError` unless 0 ≤ γ ≤ 1, γ < 1 for an infinite horizon, and a finite one is at least 1."""
    if horizon is not None:
        check_at_least("horizon", horizon, 1)
    value = known(discount)
    if value is not None:
        allowed = 0 <= value < 1 if horizon is None else 0 <= value <= 1
        check(allowed, "discount", value, "from 0 to 1, and less than 1 where the horizon is infinite")


def state_visitation(
    transitions: Float[Array, "S S"], start: Float[Array, " S"], discount: ScalarLike, horizon: int | None
) -> Float[Array, " S"]:
    """Discounted expected number of visits to every state of a Markov chain, d(s) = Σₜ γᵗ Pr(sₜ = s).

    Infinite horizon: the solution of (I − γPᵀ) d = start. Finite: the sum of its first `horizon` terms.

    **Arguments:**

    - `transitions`: P(s'|s), rows s.
    - `start`: distribution of the first state.
    - `discount`: γ, below 1 where the horizon is infinite.
    - `horizon`: number of steps T, or `None` for infinitely many.
    """
    if horizon is None:
        return _solve(transitions, discount, start, transposed=True)

    def advance(occupied, _):
        return discount * occupied @ transitions, occupied

    return jax.lax.scan(advance, start, length=horizon)[1].sum(0)


def expected_discounted_sum(
    transitions: Float[Array, "S S"], rewards: Float[Array, " S"], discount: ScalarLike, horizon: int | None
) -> Float[Array, " S"]:
    """V(s) = E[Σₜ γᵗ r(sₜ) | s₀ = s] for every first state s.

    Infinite horizon: the solution of (I − γP) V = r. Finite: `horizon` applications of V ← r + γPV to V = 0.

    **Arguments:** `rewards`, r(s), `[S]`; `transitions`, `discount` and `horizon` as of
    [`state_visitation`][lookax.games.markov_chain.state_visitation].
    """
    if horizon is None:
        return _solve(transitions, discount, rewards, transposed=False)
    return jax.lax.scan(
        lambda values, _: (rewards + discount * transitions @ values, None), jnp.zeros_like(rewards), length=horizon
    )[0]


def _solve(
    transitions: Float[Array, "S S"], discount: ScalarLike, right: Float[Array, " S"], *, transposed: bool
) -> Float[Array, " S"]:
    """The x with (I − γP) x = right, or (I − γPᵀ) x = right; differentiable to any order, in either mode.

    Not `jnp.linalg.solve`: with few cores, two batched LU decompositions of LAPACK that run at once wait for each other
    forever (jax 0.10 on two cores). A matrix this well-behaved needs no pivots, and without them compiles faster.
    """
    identity = jnp.eye(transitions.shape[0], dtype=transitions.dtype)
    matrix = identity - discount * transitions
    inverse = _inverse(jax.lax.stop_gradient(matrix))
    if transposed:
        matrix, inverse = matrix.T, inverse.T
    return jax.lax.custom_linear_solve(
        lambda x: matrix @ x, right, lambda _, x: inverse @ x, lambda _, x: inverse.T @ x
    )


def _inverse(matrix: Float[Array, "S S"]) -> Float[Array, "S S"]:
    """The inverse by Gauss–Jordan elimination without pivoting.

    I − γP is strictly diagonally dominant by rows, with which elimination in the given order is stable.
    """
    indices = jnp.arange(matrix.shape[0])

    def eliminate(k, matrix):
        pivot, row, column = matrix[k, k], matrix[k] / matrix[k, k], matrix[:, k]
        rest = matrix - column[:, None] * row[None, :]
        rest = jnp.where(indices == k, -column[:, None] / pivot, rest)
        own = jnp.where(indices == k, 1 / pivot, row)
        return jnp.where(indices[:, None] == k, own[None, :], rest)

    return jax.lax.fori_loop(0, matrix.shape[0], eliminate, matrix)
