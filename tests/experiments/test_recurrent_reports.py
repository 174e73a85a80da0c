"""Tables and drawings of agents with a memory, from histories written by hand."""

import dataclasses

import numpy as np
import pytest

from lookax.experiments.figures import pola_figure4 as published_figure4
from lookax.experiments.figures import pola_figure5 as published_figure5
from lookax.experiments.preset import Result
from lookax.experiments.presets import pola_figure4, pola_figure5
from lookax.experiments.reports.recurrent import (
    Published,
    Reading,
    coin_maps,
    draw_by_environment_steps,
    draw_run,
    draw_scores,
    score_table,
)

SETTINGS = pola_figure4.LAPTOP_FIGURE.presets[0].settings


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
    table = score_table([result("a-b", 0.3)], {})
    assert table.columns[:2] == ["setting", "self-play"]
    assert table.columns[2:] == [
        "against always-defect", "against always-cooperate", "against tit-for-tat",
    ]  # fmt: skip
    assert table.rows[0][:3] == ["a-b", "0.300 [0.275, 0.325]", "0.000 [0.000, 0.000]"]
    assert table.verdicts == [None]


def test_reciprocal_pairs_are_counted_at_the_end_and_ever():
    reciprocal = np.array([[False, False, False], [True, True, False], [True, False, False]])
    table = score_table([result("one", 0.3, reciprocal=reciprocal), result("other", 0.3)], {})
    assert table.columns[-1] == "reciprocal at the end (ever)"
    assert [row[-1] for row in table.rows] == ["1 of 3 (2)", "–"]


@pytest.mark.parametrize(
    ("self_play", "defected", "agrees"),
    [(0.333, 0.0, True), (0.335, 0.0, False), (0.333, 0.011, True), (0.333, -0.013, False)],
)
def test_it_agrees_where_no_difference_is_larger_than_chance_explains(self_play, defected, agrees):
    # Half of our interval is 0.0248, of the published one 0.02: differences up to 0.0319, and 0.002 of reading off.
    # Against always-defect we always get 0, and the published interval counts alone.
    published = Published(Reading(self_play, 0.02), Reading(defected, 0.01))
    table = score_table([result("one", 0.3)], {"one": published})
    assert table.verdicts == [agrees]
    assert table.rows[0][1].endswith(f"({self_play} ± 0.02)")


@pytest.mark.parametrize(("self_play", "agrees"), [(0.35, True), (0.36, False)])
def test_one_seed_has_no_interval_and_is_judged_by_the_published_spread(self_play, agrees):
    # Another seed lies within 0.02 · √11 = 0.0663 of the published mean; ours is at 0.29.
    three = result("one", 0.3)
    one = dataclasses.replace(three, history={name: values[:, :1] for name, values in three.history.items()})
    table = score_table([one], {"one": Published(Reading(self_play, 0.02), Reading(0.0, 0.01))})
    assert table.rows[0][1] == f"0.290 ({self_play} ± 0.02)"
    assert table.verdicts == [agrees]


@pytest.mark.parametrize("seeds", [1, 10])
@pytest.mark.parametrize("figure", [pola_figure4.FIGURE, pola_figure5.FIGURE])
def test_naive_learners_agree_with_no_row_of_pola(figure, seeds):
    # Nobody cooperates, and half of the coins that they pick up are of their own colour.
    nothing = np.zeros((2, seeds, 2))
    scores = {"score": nothing, "against_always_defect": nothing, "own_coin_share": nothing + 0.5}
    naive = [Result(preset.name, preset.settings, scores) for preset in figure.presets]
    table = figure.report.table(naive)
    pola = ["pola-dice" in row[0] or "pola-om" in row[0] for row in table.rows]
    assert sum(pola) == 2
    assert [verdict for verdict, is_pola in zip(table.verdicts, pola, strict=True) if is_pola] == [False, False]


@pytest.mark.parametrize("figure", [published_figure4, published_figure5])
def test_who_always_defects_is_told_from_pola_by_always_defect_alone(figure):
    for name, published in figure.REFERENCES.items():
        if "pola-dice" in name or "pola-om" in name:
            assert not published.against_always_defect.agrees_with(np.zeros(10))


def test_published_lola_of_figure4_is_told_from_naive_learners():
    nothing = np.zeros((2, 10, 2))
    [lola] = [preset for preset in pola_figure4.FIGURE.presets if preset.name.endswith("lola-dice")]
    result = Result(lola.name, lola.settings, {"score": nothing, "against_always_defect": nothing})
    assert pola_figure4.FIGURE.report.table([result]).verdicts == [False]


def test_own_coins_are_told_where_there_are_coins():
    share = np.full((3, 3, 2), 0.75)
    coins = np.arange(4.0).reshape(2, 2)
    one = result("one", 0.3, own_coin_share=share, coins=np.broadcast_to(coins, (3, 3, 2, 2)))
    published = Published(Reading(0.3, 0.02), Reading(0.0, 0.02), Reading(0.5, 0.02))
    table = score_table([one], {"one": published})
    assert table.rows[0][-1] == "0.750 [0.750, 0.750] (0.5 ± 0.02)"
    assert table.verdicts == [False]
    [heat_map] = coin_maps(one, [])
    np.testing.assert_array_equal(heat_map.values, coins)
    assert not coin_maps(result("one", 0.3), [])


def test_lines_are_drawn_by_outer_steps_and_named_by_what_tells_them_apart():
    drawing = draw_scores([result("figure-small-pola-dice", 0.3), result("figure-small-lola-dice", 0.2, outer_steps=1)])
    pola, lola = drawing.axes[0].lines
    np.testing.assert_array_equal(pola.get_xdata(), [0, 20, 40])
    np.testing.assert_allclose(np.asarray(pola.get_ydata()), [0.0, 0.15, 0.3], atol=1e-12)
    np.testing.assert_array_equal(lola.get_xdata(), [0, 1, 2])
    [legend] = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["pola-dice", "lola-dice"]


def test_lines_are_drawn_by_environment_steps_of_both_agents():
    settings = dataclasses.replace(SETTINGS, batch_size=10, horizon=5, inner_steps=1, outer_steps=3)
    both = dataclasses.replace(result("one", 0.3), settings=settings)
    alone = dataclasses.replace(both, settings=dataclasses.replace(settings, opponent="random"))
    drawing = draw_by_environment_steps([both, alone])
    both, alone = drawing.axes[0].lines
    # Two agents, three outer steps, the opponent's step and one's own, ten games of five steps.
    np.testing.assert_allclose(np.asarray(both.get_xdata()), [0, 600e-6, 1200e-6])
    np.testing.assert_allclose(np.asarray(alone.get_xdata()), [0, 300e-6, 600e-6])


def test_a_run_is_drawn_seed_by_seed():
    drawing = draw_run([result("one", 0.3)])
    assert [len(panel.lines) for panel in drawing.axes] == [3 + 1] * 4
    mean = drawing.axes[0].lines[-1]
    np.testing.assert_allclose(np.asarray(mean.get_ydata()), [0.0, 0.15, 0.3], atol=1e-12)
