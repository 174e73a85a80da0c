import numpy as np
import pytest

from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs


def test_contribution_game_of_two():
    expected = [[[0, 0.65], [-0.35, 0.3]], [[0, -0.35], [0.65, 0.3]]]
    np.testing.assert_allclose(contribution_payoffs(1.3), expected)


def test_contribution_game_of_three_scaled():
    payoffs = contribution_payoffs(0.6, 3, scaled=True)
    np.testing.assert_allclose(payoffs[:, 1, 0, 1], [0.2, 1.2, 0.2])
    np.testing.assert_allclose(payoffs, contribution_payoffs(1.8, 3))


def test_one_player_is_refused():
    with pytest.raises(ValueError, match="num_players: 1 is not allowed; it must be at least 2"):
        contribution_payoffs(1.3, 1)


@pytest.mark.parametrize("name", ["prisoners-dilemma", "stag-hunt", "chicken"])
def test_symmetric_games_look_the_same_to_both(name):
    mine, theirs = TWO_PLAYER_GAMES[name]
    np.testing.assert_array_equal(mine, theirs.T)


def test_prisoners_dilemma_is_one():
    mine, theirs = TWO_PLAYER_GAMES["prisoners-dilemma"]
    assert (mine[0, 1], mine[1, 1], mine[0, 0], mine[1, 0]) == (0, -1, -2, -3)
    assert theirs[0, 1] == -3


def test_matching_pennies_is_zero_sum():
    np.testing.assert_array_equal(TWO_PLAYER_GAMES["matching-pennies"].sum(0), 0)


def test_battle_of_the_sexes_prefers_different_meetings():
    mine, theirs = TWO_PLAYER_GAMES["battle-of-the-sexes"]
    assert mine[1, 1] == theirs[0, 0] == 2
    assert mine[0, 0] == theirs[1, 1] == 1
    assert mine[0, 1] == mine[1, 0] == theirs[0, 1] == theirs[1, 0] == 0
