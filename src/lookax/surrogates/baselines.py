"""Baselines from the batch of games itself, without a critic that learns.

Both are of B games of T steps and Gₜ, the discounted return of what is left of a game from step t on. The games may be
of several kinds, such as against several opponents, one kind after the other.
"""

import itertools
from collections.abc import Sequence

import jax.numpy as jnp
import lineax
from jaxtyping import Array, Float, ScalarLike

RIDGE = 1.0
"""Added to the diagonal of least squares: as much as one step of one game with features of size 1."""

CG_TOLERANCE = 1e-3
"""Of least squares, relative to the largest component of their right-hand side."""


def other_games_mean(returns: Float[Array, "T B"], ends: Sequence[int]) -> Float[Array, "T B"]:
    """bₜ of a game is the mean of Gₜ over the other games of its kind; 0 where there are none.

    It does not depend on what is drawn in the game itself: with advantages Gₜ − bₜ (λ = 1) first derivatives are
    unbiased. With games of one kind they are B/(B − 1) times what
    [`self_normalised_dice`][lookax.surrogates.off_policy.self_normalised_dice] gives. With λ < 1 they are biased.

    **Arguments:**

    - `returns`: Gₜ, `[T, B]`.
    - `ends`: 0, and where each kind of games ends.
    """

    def of_kind(returns: Float[Array, "T _"]) -> Float[Array, "T _"]:
        return (returns.sum(axis=1, keepdims=True) - returns) / max(returns.shape[1] - 1, 1)

    return jnp.concatenate([of_kind(own) for own in _kinds(returns, ends)], axis=1)


def linear_baseline(
    features: Float[Array, "T F B"], returns: Float[Array, "T B"], discount: ScalarLike, ends: Sequence[int]
) -> Float[Array, "T B"]:
    """bₜ = (mean of Gₜ over the other games of its kind) + wᵀ(xₜ − x̄ₜ), w by least squares of the same games.

        w = argmin Σₜ γ²ᵗ Σ_b (Gₜ − Ḡₜ − wᵀ(xₜ − x̄ₜ))² + |w|²,

    with means x̄ₜ and Ḡₜ over games of a kind. It is the linear feature baseline of Duan et al. 2016 (Benchmarking Deep
    Reinforcement Learning for Continuous Control), with an intercept for every step. As w is fitted to the games that
    it is a baseline of, first derivatives have a bias that falls with 1/B. Without features it is `other_games_mean`.

    **Arguments:**

    - `features`: xₜ, what is known before step t's actions, `[T, F, B]`.
    - `returns`: Gₜ, `[T, B]`.
    - `discount`: γ.
    - `ends`: 0, and where each kind of games ends.
    """
    if not features.shape[1]:
        return other_games_mean(returns, ends)
    centred = _centred(features, ends)
    weighted = centred * jnp.power(discount, 2 * jnp.arange(len(returns)))[:, None, None]
    matrix = jnp.einsum("tfb,tgb->fg", weighted, centred) + RIDGE * jnp.eye(features.shape[1], dtype=features.dtype)
    vector = jnp.einsum("tfb,tb->f", weighted, _centred(returns, ends))
    # Of size 1, for a tolerance that is one number: relative to each component it is 0 where a feature does not vary.
    size = jnp.abs(vector).max() + jnp.finfo(vector.dtype).tiny
    # Not by a factorisation: those of many lanes at once can hang on a processor.
    solution = lineax.linear_solve(
        lineax.MatrixLinearOperator(matrix, lineax.positive_semidefinite_tag),
        vector / size,
        lineax.CG(rtol=0.0, atol=CG_TOLERANCE, max_steps=features.shape[1]),
        throw=False,
    )
    weights = size * solution.value
    return other_games_mean(returns, ends) + jnp.einsum("tfb,f->tb", centred, weights)


def _kinds(leaf: Float[Array, "*_ B"], ends: Sequence[int]) -> list[Float[Array, "..."]]:
    return [leaf[..., start:end] for start, end in itertools.pairwise(ends)]


def _centred(leaf: Float[Array, "*_ B"], ends: Sequence[int]) -> Float[Array, "*_ B"]:
    return jnp.concatenate([own - own.mean(axis=-1, keepdims=True) for own in _kinds(leaf, ends)], axis=-1)
