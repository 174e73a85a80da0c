import numpy as np

from lookax.games.matrix_game import MatrixGame, action_one_hot, own_view, state_one_hot
from lookax.games.payoffs import contribution_payoffs

TWO = MatrixGame(contribution_payoffs(1.3))
THREE = MatrixGame(contribution_payoffs(1.3, 3))


def test_second_player_sees_its_own_action_first():
    np.testing.assert_array_equal(own_view(TWO, 0), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(own_view(TWO, 1), [0, 2, 1, 3, 4])


def test_third_player_sees_the_others_in_their_order():
    state = 0b011  # D, C, C
    assert own_view(THREE, 2)[state] == 0b101


def test_own_view_of_a_longer_memory_turns_every_step():
    game = MatrixGame(contribution_payoffs(1.3), memory_length=2)
    state = 0b0110  # DC, then CD
    assert own_view(game, 1)[state] == 0b1001


def test_state_one_hot_selects_the_own_number():
    np.testing.assert_array_equal(state_one_hot(TWO, 1).argmax(1), own_view(TWO, 1))


def test_action_one_hot_has_a_category_for_nothing_yet():
    table = action_one_hot(TWO, 0)
    np.testing.assert_array_equal(table[2], [0, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(table[4], [0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(table, action_one_hot(TWO, 1))
