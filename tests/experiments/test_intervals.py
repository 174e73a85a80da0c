"""Intervals of means and counts over seeds, by hand."""

import numpy as np
import pytest

from lookax.experiments.reports.intervals import Count, Interval, ends


def test_students_interval_by_hand():
    # Of 1, 2, 3: mean 2, deviation 1, and t of two degrees of freedom at 97.5 % is 4.3027.
    interval = Interval.of(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(
        [interval.mean, interval.low, interval.high], [2, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5], rtol=1e-4
    )


def test_intervals_of_bounded_metrics_stay_within_their_bounds():
    shares = np.array([[0.9, 1.0, 0.95], [0.0, 0.1, 0.02], [0.4, 0.5, 0.6]])
    lows, highs = ends(shares, "own_coin_share")
    free_lows, free_highs = ends(shares)
    assert highs[0] == 1 < free_highs[0]
    assert lows[1] == 0 > free_lows[1]
    np.testing.assert_array_equal([lows[2], highs[2]], [free_lows[2], free_highs[2]])
    assert Interval.of(np.array([-0.9, -1.0]), "correlation").low == -1
    # A number of a metric with several, such as one per player.
    assert Interval.of(np.array([0.9, 1.0]), "correlation/2").high == 1


def test_one_seed_has_no_interval():
    assert str(Interval.of(np.array([0.5]), "own_coin_share")) == "0.500"


@pytest.mark.parametrize(("successes", "low", "high"), [(0, 0.0, 0.3085), (10, 0.6915, 1.0), (5, 0.1871, 0.8129)])
def test_clopper_and_pearsons_interval(successes, low, high):
    # Of none of ten, 1 − 0.025^(1/10).
    np.testing.assert_allclose(Count(successes, 10).interval(), [low, high], atol=1e-4)
