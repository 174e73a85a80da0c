import numpy as np
import pytest

from lookax.games.histories import NOTHING_YET, histories


def test_memory_one_states_are_in_binary_order_then_start():
    table = histories((2, 2), 1, "separate")
    np.testing.assert_array_equal(table.actions[:, 0], [[0, 0], [0, 1], [1, 0], [1, 1], [NOTHING_YET, NOTHING_YET]])
    assert table.start == 4
    np.testing.assert_array_equal(table.successors, np.tile(np.arange(4), (5, 1)))


@pytest.mark.parametrize(("start", "index"), [("all-defect", 0), ("all-cooperate", 15)])
def test_without_a_separate_start_only_full_histories_exist(start, index):
    table = histories((2, 2), 2, start)
    assert table.num_states == 16
    assert table.start == index


def test_longer_memory_forgets_the_oldest_step():
    table = histories((2, 2), 2, "separate")
    assert table.num_states == 16 + 4 + 1
    state = table.start
    for joint in (1, 2, 3):  # DC, CD, CC
        state = table.successors[state, joint]
    np.testing.assert_array_equal(table.actions[state], [[1, 0], [1, 1]])


def test_shorter_histories_are_padded_in_front():
    table = histories((2, 2), 2, "separate")
    after_one = table.successors[table.start, 1]
    np.testing.assert_array_equal(table.actions[after_one], [[NOTHING_YET] * 2, [0, 1]])


def test_a_memory_of_nothing_is_refused():
    with pytest.raises(ValueError, match="memory_length: 0 is not allowed; it must be at least 1"):
        histories((2, 2), 0, "separate")
