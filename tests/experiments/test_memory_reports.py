"""Tables and drawings of agents with a memory, from histories written by hand."""

import dataclasses

import numpy as np
import pytest

from lookax.experiments.memory_reports import Published, coin_maps, draw_memory, draw_run, memory_table
from lookax.experiments.pola_figure4 import LAPTOP_FIGURE
from lookax.experiments.preset import Result

SETTINGS = LAPTOP_FIGURE.presets[0].experiment


def result(name, self_play, defected=0.0, outer_steps=20, **more):
    """Three seeds whose self-play rises in two updates to values around one, with the same score in both seats."""
    last = self_play + np.array([-0.01, 0.0, 0.01])
    score = np.stack([np.zeros(3), last / 2, last])[..., None].repeat(2, axis=-1)
    against = {
        f"against_{other}": np.full((3, 3, 2), value)
        for other, value in (("always_defect", defected), ("always_cooperate", 0.5), ("tit_for_tat", 0.25))
    }
    settings = dataclasses.replace(SETTINGS, outer_steps=outer_steps, seeds=3)
    return Result(name, settings, {"score": score} | against | more)


def test_a_table_has_scores_with_intervals_at_the_end():
    # Student's t of three seeds, 4.303, times the standard error 0.01 / √3.
    table = memory_table([result("a-b", 0.3)], {})
    assert table.columns[:2] == ["setting", "self-play"]
    assert table.columns[2:] == [
        "against always-defect", "against always-cooperate", "against tit-for-tat",
    ]  # fmt: skip
    assert table.rows[0][:3] == ["a-b", "0.300 [0.275, 0.325]", "0.000 [0.000, 0.000]"]
    assert table.verdicts == [None]


def test_reciprocal_pairs_are_counted_at_the_end_and_ever():
    reciprocal = np.array([[False, False, False], [True, True, False], [True, False, False]])
    table = memory_table([result("one", 0.3, reciprocal=reciprocal), result("other", 0.3)], {})
    assert table.columns[-1] == "reciprocal at the end (ever)"
    assert [row[-1] for row in table.rows] == ["1 of 3 (2)", "–"]


@pytest.mark.parametrize(
    ("self_play", "defected", "agrees"), [(0.36, 0.0, True), (0.38, 0.0, False), (0.36, 0.1, False)]
)
def test_it_agrees_where_every_published_mean_is_near_our_interval(self_play, defected, agrees):
    # The interval ends at 0.325 and published means are taken to be right to 0.05.
    table = memory_table([result("one", 0.3)], {"one": Published(self_play, defected)})
    assert table.verdicts == [agrees]
    assert table.rows[0][1].endswith(f"({self_play})")


def test_own_coins_are_told_where_there_are_coins():
    share = np.full((3, 3, 2), 0.75)
    coins = np.arange(4.0).reshape(2, 2)
    one = result("one", 0.3, own_coin_share=share, coins=np.broadcast_to(coins, (3, 3, 2, 2)))
    table = memory_table([one], {"one": Published(0.3, 0.0, 0.5)})
    assert table.rows[0][-1] == "0.750 [0.750, 0.750] (0.5)"
    assert table.verdicts == [False]
    [heat_map] = coin_maps(one, [])
    np.testing.assert_array_equal(heat_map.values, coins)
    assert not coin_maps(result("one", 0.3), [])


def test_lines_are_drawn_by_outer_steps_and_named_by_what_tells_them_apart():
    drawing = draw_memory([result("figure-small-pola-dice", 0.3), result("figure-small-lola-dice", 0.2, outer_steps=1)])
    pola, lola = drawing.axes[0].lines
    np.testing.assert_array_equal(pola.get_xdata(), [0, 20, 40])
    np.testing.assert_allclose(np.asarray(pola.get_ydata()), [0.0, 0.15, 0.3], atol=1e-12)
    np.testing.assert_array_equal(lola.get_xdata(), [0, 1, 2])
    [legend] = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["pola-dice", "lola-dice"]


def test_a_run_is_drawn_seed_by_seed():
    drawing = draw_run([result("one", 0.3)])
    assert [len(panel.lines) for panel in drawing.axes] == [3 + 1] * 4
    mean = drawing.axes[0].lines[-1]
    np.testing.assert_allclose(np.asarray(mean.get_ydata()), [0.0, 0.15, 0.3], atol=1e-12)
