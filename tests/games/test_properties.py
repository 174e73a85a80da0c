"""What must hold for any policies."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame, state_one_hot
from lookax.games.payoffs import contribution_payoffs
from lookax.policies.tabular import TabularPolicy

TABLES = hnp.arrays(float, (2, 5, 1), elements=st.floats(-30, 30))
DISCOUNTS = st.floats(0, 0.99)
FACTORS = st.floats(0.1, 3)


def exact_play(factor, discount):
    game = MatrixGame(contribution_payoffs(factor))
    return ExactPlay(game, tuple(jnp.asarray(state_one_hot(game, i)) for i in range(2)), discount)


@jax.jit
def values(tables, factor, discount):
    return exact_play(factor, discount).values((TabularPolicy(tables[0]), TabularPolicy(tables[1])))


@jax.jit
def divergence(tables):
    return exact_play(1.3, 0.9).divergence(1, TabularPolicy(tables[0]), TabularPolicy(tables[1]))


@settings(deadline=None)
@given(TABLES, FACTORS, DISCOUNTS)
def test_swapping_seats_swaps_values_in_a_symmetric_game(tables, factor, discount):
    np.testing.assert_allclose(
        values(tables, factor, discount), values(tables[::-1], factor, discount)[::-1], rtol=1e-9, atol=1e-9
    )


@settings(deadline=None)
@given(TABLES, FACTORS, DISCOUNTS)
def test_values_lie_between_the_least_and_the_largest_payoff(tables, factor, discount):
    payoffs = np.asarray(contribution_payoffs(factor))
    inside = np.asarray(values(tables, factor, discount)) * (1 - discount)
    assert (inside >= payoffs.min() - 1e-9).all()
    assert (inside <= payoffs.max() + 1e-9).all()


@settings(deadline=None)
@given(TABLES)
def test_divergence_is_positive_and_finite(tables):
    assert -1e-12 <= divergence(tables) < np.inf
