"""Discounted sums over a Markov chain, which is what a game becomes once everybody's policy is fixed."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.errors import check, check_at_least


def check_discount(discount: ScalarLike, horizon: int | None) -> None:
    """Raises `ValueError` unless 0 ≤ γ ≤ 1, γ < 1 for an infinite horizon, and a finite one is at least 1."""
    if horizon is not None:
        check_at_least("horizon", horizon, 1)
    if isinstance(discount, int | float):  # a traced number has no value to check
        allowed = 0 <= discount < 1 if horizon is None else 0 <= discount <= 1
        check(allowed, "discount", discount, "from 0 to 1, and less than 1 where the horizon is infinite")


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
        return jnp.linalg.solve(
            jnp.eye(transitions.shape[0], dtype=transitions.dtype) - discount * transitions.T, start
        )

    def advance(occupied, _):
        return discount * occupied @ transitions, occupied

    return jax.lax.scan(advance, start, length=horizon)[1].sum(0)


def expected_discounted_sum(
    transitions: Float[Array, "S S"], rewards: Float[Array, " S"], discount: ScalarLike, horizon: int | None
) -> Float[Array, " S"]:
    """V(s) = E[Σₜ γᵗ r(sₜ) | s₀ = s] for every first state s.

    Infinite horizon: the solution of (I − γP) V = r. Finite: `horizon` applications of V ← r + γPV to V = 0.

    Arguments as in [`state_visitation`][lookax.games.markov_chain.state_visitation].
    """
    if horizon is None:
        return jnp.linalg.solve(
            jnp.eye(transitions.shape[0], dtype=transitions.dtype) - discount * transitions, rewards
        )
    return jax.lax.scan(
        lambda values, _: (rewards + discount * transitions @ values, None), jnp.zeros_like(rewards), length=horizon
    )[0]
