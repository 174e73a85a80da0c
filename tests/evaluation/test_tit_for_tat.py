import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.tit_for_tat import constant_returns, is_tit_for_tat, states_after_defection
from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame, state_one_hot
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.policies.tabular import TabularPolicy


def exact_play(game, discount=0.96, horizon=None):
    seen = tuple(jnp.asarray(state_one_hot(game, i)) for i in range(game.num_players))
    return ExactPlay(game, seen, discount, horizon)


@pytest.fixture
def play():
    return exact_play(MatrixGame(contribution_payoffs(1.33)))


TIT_FOR_TAT = [0.0, 1.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("mean_return", "first", "second", "passes"),
    [
        (6.7, TIT_FOR_TAT, TIT_FOR_TAT, True),
        (6.5, TIT_FOR_TAT, TIT_FOR_TAT, False),  # 0.8 · 0.33/0.04 = 6.6
        (8.25, [0.64, 1, 0.64, 1, 1], TIT_FOR_TAT, True),
        (8.25, [0.66, 1, 0.64, 1, 1], TIT_FOR_TAT, False),
        (8.25, TIT_FOR_TAT, [0.64, 1, 0.66, 1, 1], False),
        (8.25, [0.0, 0.0, 0.0, 1, 1], [0.0, 1, 0, 1, 1], True),  # grim trigger retaliates too
    ],
)
def test_published_test_at_its_thresholds(play, mean_return, first, second, passes):
    returns = jnp.array([mean_return + 1, mean_return - 1])
    assert is_tit_for_tat(play, returns, jnp.array([first, second])) == passes


def test_share_counts_from_mutual_defection_where_payoffs_are_negative():
    play = exact_play(MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"]), discount=0.9)
    np.testing.assert_allclose(constant_returns(play, 0), -20)
    np.testing.assert_allclose(constant_returns(play, 1), -10)
    policies = jnp.array([TIT_FOR_TAT, TIT_FOR_TAT])
    assert is_tit_for_tat(play, jnp.array([-11.9, -11.9]), policies)
    assert not is_tit_for_tat(play, jnp.array([-12.1, -12.1]), policies)


def test_finite_horizon_is_measured_against_its_own_length():
    play = exact_play(MatrixGame(contribution_payoffs(1.5)), discount=0.5, horizon=3)
    np.testing.assert_allclose(constant_returns(play, 1), 0.5 * (1 + 0.5 + 0.25))


def test_states_after_defection():
    np.testing.assert_array_equal(states_after_defection(MatrixGame(contribution_payoffs(1.3))), [0, 2])
    three = MatrixGame(contribution_payoffs(1.3, 3))
    np.testing.assert_array_equal(states_after_defection(three), [0b000, 0b100])
    names = np.array((longer := MatrixGame(contribution_payoffs(1.3), memory_length=2)).state_names)
    assert set(names[states_after_defection(longer)]) == {
        *(f"{before}-{last}" for before in ("DD", "DC", "CD", "CC") for last in ("DD", "CD")),
        "DD",
        "CD",
    }


def test_cooperation_is_reported_in_each_players_own_view(play):
    table = jnp.array([[-1.0], [2.0], [-3.0], [4.0], [5.0]])
    reported = play.cooperation((TabularPolicy(table), TabularPolicy(table)))
    np.testing.assert_allclose(reported, np.tile(1 / (1 + np.exp(-table[:, 0])), (2, 1)))


def test_names_of_states():
    assert MatrixGame(contribution_payoffs(1.3)).state_names == ["DD", "DC", "CD", "CC", "start"]
