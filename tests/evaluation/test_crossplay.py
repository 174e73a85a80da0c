import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.crossplay import cross_scores, independent, pairings
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.policies.strategies import strategy
from lookax.policies.tabular import TabularPolicy


@pytest.mark.parametrize(
    ("first", "second", "itself", "pairs"),
    [
        (3, 3, True, [[0, 1], [1, 2], [2, 0]]),
        (3, 3, False, [[0, 0], [1, 1], [2, 2]]),
        (2, 3, False, [[0, 0], [1, 1], [0, 2]]),
        (None, 2, False, [[0, 0], [0, 1]]),
        (None, None, False, [[0, 0]]),
        (1, 1, True, [[0, 0]]),
    ],
)
def test_who_meets_whom(first, second, itself, pairs):
    assert pairings(first, second, itself=itself).tolist() == pairs


def test_pairings_that_share_an_agent_count_once():
    values = np.array([1.0, 2.0, 5.0])
    assert independent(values, 2, 3).tolist() == [3.0, 2.0]
    assert independent(values, 3, None).tolist() == [1.0, 2.0, 5.0]
    assert independent(values[:1], None, None).tolist() == [1.0]


def test_strategies_meet():
    game = MatrixGame(contribution_payoffs(1.33))
    play = jax.jit(functools.partial(cross_scores, game, horizon=10, batch_size=2))
    scores = play(
        strategy("grim", game, 0), (strategy("always-defect", game, 1),), jax.random.split(jax.random.key(0), 3)
    )
    # Exploited at the first step alone.
    np.testing.assert_allclose(scores, [[-0.0335, 0.0665]] * 3, rtol=1e-6)


def test_plain_functions_and_arrays_meet():
    game = MatrixGame(contribution_payoffs(1.33))
    always = lambda observation: jnp.array([9.0, -9.0]) + 0 * observation.sum()
    # Three tables, of which the second always cooperates, the others never.
    tables = jax.vmap(TabularPolicy)(jnp.array([-50.0, 50.0, -50.0])[:, None, None] * jnp.ones((3, 5, 1)))
    play = eqx.filter_jit(functools.partial(cross_scores, game, horizon=2, batch_size=2))
    scores = play(tables, (always,), jax.random.split(jax.random.key(0), 3))
    np.testing.assert_allclose(scores, [[0, 0], [-0.335, 0.665], [0, 0]], atol=1e-6)
