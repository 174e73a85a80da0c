"""Whose error is in a shaping gradient: that of the opponents' steps, or that of the return after them."""

import dataclasses

import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree

from lookax.evaluation.gradient_quality import correlation
from lookax.learners.learner import Metrics
from lookax.learners.lola_dice import LOLADiCE, LOLADiCEState
from lookax.learners.objectives.game_returns import PlayedReturn
from lookax.lookahead.total_derivative import Ahead


def gradient_correlations(
    learner: LOLADiCE,
    gradients: tuple[PyTree, ...],
    ahead: tuple[Ahead, ...],
    key: Key[Array, ""],
    state: LOLADiCEState,
) -> Metrics:
    """Pearson correlations, over coordinates, of each player's gradients, `[N]`.

    - `correlation`: of the gradient with the exact one.
    - `inner_correlation`: of the exact derivative of the return at the end of the opponents' steps, through those steps
      as they were estimated, with the exact gradient: what the steps alone do (Liu et al. 2022's "outer exact").
    - `outer_correlation`: of the gradient with that: what the estimate after the steps does.

    **Arguments:** the learner; its `gradients` and where it looked `ahead`, at this state with this key.
    """
    assert isinstance(learner.outer, PlayedReturn)
    exact_return = dataclasses.replace(learner.outer, estimator="exact")
    outer_exact, _ = learner.gradients(exact_return, ahead, key, state)
    oracle = dataclasses.replace(learner, inner=exact_return, hessian=None, outer=exact_return)
    exact, _ = oracle.gradients(exact_return, oracle.look_ahead(key, state)[0], key, state)
    return {
        "correlation": _correlations(gradients, exact),
        "inner_correlation": _correlations(outer_exact, exact),
        "outer_correlation": _correlations(gradients, outer_exact),
    }


def _correlations(estimates: tuple[PyTree, ...], exact: tuple[PyTree, ...]) -> Float[Array, " N"]:
    flat = [(ravel_pytree(estimate)[0], ravel_pytree(own)[0]) for estimate, own in zip(estimates, exact, strict=True)]
    return jnp.stack([correlation(estimate, own) for estimate, own in flat])
