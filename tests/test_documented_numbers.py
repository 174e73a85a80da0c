"""Numbers in the README and the documentation: those of committed results, and the same on every page that has them.

Results of lookax that are in no committed file are only held to be the same everywhere: `docs/results/index.md` says
where numbers come from.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import adapters, figure3, gmrl_ipd, gmrl_tabular, gradient_cost, recorded, time_to_reciprocity
from lookax.experiments import registry
from lookax.experiments.figures import pola_figure4, pola_figure5
from lookax.experiments.presets.pola_figure3 import FACTORS, PANELS

ROOT = Path(__file__).parents[1]
DATA = ROOT / "src" / "lookax" / "experiments" / "figures" / "data"
EXACT, TABULAR = (json.loads((DATA / f"{name}.json").read_text()) for name in ("pola_exact", "gmrl_tabular"))
RESULTS = ROOT / "docs" / "results" / "data"
FIGURE_1, FIGURE_3, B16 = (
    json.loads((RESULTS / f"pola-{name}.json").read_text()) for name in ("figure1", "figure3", "b16")
)
COIN_CURVES = json.loads((RESULTS / "coin-league.json").read_text())
COUNTS = {name: (int(found.split("/")[0]), int(held.split("/")[0])) for name, found, held, *_ in FIGURE_3["rows"]}


def _text(page):
    """A page, its lines joined."""
    text = (ROOT / page).read_text() if page == "README.md" else (ROOT / "docs" / page).read_text()
    return text.replace("−", "-")


def _flat(page):
    return " ".join(_text(page).replace("**", "").replace("`", "").split())


def _rows(page):
    """Cells of all tables of a page, by row."""
    lines = [line for line in _text(page).splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def _row(page, *first):
    """What follows these cells at the beginning of a row."""
    (found,) = [row for row in _rows(page) if tuple(row[: len(first)]) == first]
    return found[len(first) :]


def _number(cell, after=""):
    """The first number, after a text."""
    found = re.search(re.escape(after) + r"(-?\d+(?:\.\d+)?)", cell)
    assert found, (cell, after)
    return float(found[1])


def test_counts_of_figure_3_are_those_of_the_committed_table():
    rows = iter(_rows("results/pola-exact.md")[2:])
    for policy, title in PANELS.items():
        for method in ("LOLA", "POLA"):
            for part, what in enumerate(("found", "held")):
                cells = next(rows)
                assert cells[0] == (title if (method, what) == ("LOLA", "found") else "")
                assert cells[1] == f"{method}, {what}"
                names = [f"pola-figure3-{method}-{policy.removesuffix('-tabular')}-{f}".lower() for f in FACTORS]
                assert cells[2:] == [str(COUNTS[name][part]) if name in COUNTS else "–" for name in names]


def test_figure_3_agrees_as_often_as_pages_say():
    names = [name for name, *_ in FIGURE_3["rows"]]
    assert names == [preset.name for preset in registry.FIGURES["pola-figure3"].presets]
    compared = [verdict for verdict in FIGURE_3["verdicts"] if verdict is not None]
    referenced = sum(name in EXACT["settings"] for name in names)
    assert (len(compared), sum(compared), len(names)) == (referenced, referenced, 28)
    assert f"{referenced} of the 28 settings have such a reference, and all {referenced} agree" in _flat("README.md")
    assert f"{referenced} of 28 settings have a reference, all {referenced} agree" in _flat("results/index.md")
    assert f"All {referenced} settings with a reference [agree]" in _flat("results/pola-exact.md")


def test_counts_of_appendix_b16_are_those_of_the_committed_table():
    found = {name: int(cell.split("/")[0]) for name, cell, *_ in B16["rows"]}
    for method in ("LOLA", "POLA"):
        (cells,) = [row[1:] for row in _rows("results/pola-exact.md") if row[0] == method and len(row) == 4]
        kinds = ("tabular", "mlp", "preconditioned")
        assert cells == [str(found[f"pola-b16-{method.lower()}-{kind}"]) for kind in kinds]


def test_figure_1_and_appendix_b16_agree():
    for table, figure in ((FIGURE_1, "POLA, Figure 1"), (B16, "POLA, appendix B.1.6")):
        assert all(table["verdicts"])
        assert _row("results/index.md", figure)[2] == "agrees"
    policies = {name: list(map(float, cells.split())) for name, cells, *_ in FIGURE_1["rows"]}
    for method in ("LOLA", "POLA"):
        networks = (policies[f"pola-figure1-{method.lower()}-network{number}"] for number in (1, 2))
        apart = max(abs(first - second) for first, second in zip(*networks, strict=True))
        (stated,) = [row[1] for row in _rows("results/pola-exact.md") if row[0] == method and len(row) == 2]
        # Both policies are written with two digits.
        assert abs(float(stated) - apart) <= 0.01


def test_the_readme_says_what_figure_3_shows():
    assert {COUNTS[f"pola-figure3-{method}-tabular-{f}"] for method in ("lola", "pola") for f in FACTORS} == {(20, 20)}
    assert "With tabular policies both methods always find it" in _flat("README.md")
    preconditioned = {m: [COUNTS[f"pola-figure3-{m}-preconditioned-{f}"][0] for f in FACTORS] for m in ("lola", "pola")}
    assert set(preconditioned["lola"]) == {0}
    assert [count > 0 for count in preconditioned["pola"]] == [f >= 1.33 for f in FACTORS]
    assert "LOLA never finds it, and POLA finds it from factor 1.33 on" in _flat("README.md")


def test_returns_of_the_original_in_single_and_double_precision_are_the_committed_ones():
    for title, preset in (
        ("tabular, 1.1", "tabular-1.1"),
        ("preconditioned, 1.1", "preconditioned-1.1"),
        ("preconditioned, 1.25", "preconditioned-1.25"),
    ):
        setting = EXACT["settings"][f"pola-figure3-pola-{preset}"]
        single, double = (cell for cell in _row("results/pola-exact.md", title)[:2])
        ours = sum(setting["single_precision"]) / 2, sum(map(sum, setting["returns"])) / 2 / len(setting["returns"])
        for cell, value in zip((single, double), ours, strict=True):
            digits = len(cell.partition(".")[2])
            assert abs(float(cell) - value) <= 0.51 * 10**-digits, (title, cell, value)


def test_as_many_tabular_settings_have_a_reference_as_pages_say():
    number = len(TABULAR["settings"])
    assert f"Of its settings, {number} have a reference, and all {number} agree" in _flat("results/index.md")
    assert f"compares {number} settings" in _flat("results/gradient-bias.md")
    assert f"All {number} settings agree" in _flat("results/gradient-bias.md")


def test_speed_beside_the_original_codes_is_what_is_recorded():
    of_jax = [row for row in _rows("results/speed.md") if len(row) == len(recorded.JAX_COLUMNS)]
    assert of_jax[0] == list(recorded.JAX_COLUMNS)
    assert of_jax[2:] == [recorded.jax_cells(row) for row in recorded.rows("jax")]
    of_pytorch = [row for row in _rows("results/speed.md") if len(row) == len(recorded.PYTORCH_COLUMNS)]
    start = of_pytorch.index(list(recorded.PYTORCH_COLUMNS)) + 2
    both = [row for row in recorded.rows("pytorch") if row["lookax"] is not None]
    assert of_pytorch[start : start + len(both)] == [recorded.pytorch_cells(row) for row in both]


def test_recorded_speed_says_where_and_when():
    for row in recorded.rows("jax"):
        assert row["preset"] in registry.PRESETS
        assert row["machine"]
        assert row["original_mib"] > 0
        least, median, most = (row["ratio"][name] for name in ("least", "median", "most"))
        assert least <= (least if median is None else median) <= most
        assert row["pairs"] is None or row["pairs"] > 0
        assert row["date"] is None or re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", row["date"])
    presets = [row["preset"] for row in recorded.rows("pytorch")]
    assert sorted(presets) == sorted(
        figure3.PRESETS_MEASURED + gmrl_ipd.PRESETS_MEASURED + gmrl_tabular.PRESETS_MEASURED
    )


def test_a_new_row_needs_no_more_than_the_file(monkeypatch):
    row = {"case": "a case", "preset": "ipd-lola", "machine": "a machine", "date": "2026-08-01", "pairs": 7}
    row |= {"ratio": {"least": 1.0, "median": 1.5, "most": 2.0}, "original_mib": None}
    shown = ["a case", "1.0–2.0×", "1.5×", "7", "not recorded", "a machine", "2026-08-01"]
    assert recorded.jax_cells(row) == shown
    monkeypatch.setattr(recorded, "rows", lambda kind: [row])
    assert recorded.jax_table().row_count == 1


def test_whole_runs_follow_from_the_seconds_of_a_step():
    for preset, title, unit in (
        ("pola-figure4-pola-dice", "prisoner's dilemma, POLA-DiCE (batch 2000, two inner steps)", 3600),
        ("pola-figure5-pola-dice", "coin game, POLA-DiCE (batch 1000, four inner steps)", 86400),
    ):
        (seconds,) = [float(row[1]) for row in _rows("results/speed.md") if row[0] == title and len(row) == 3]
        settings = registry.PRESETS[preset].settings
        steps, one_seed, _ = _row("results/speed.md", preset)
        assert steps == f"{settings.total_updates} × {settings.outer_steps}"
        total = 2 * settings.total_updates * settings.outer_steps * seconds
        assert _number(one_seed) == pytest.approx(total / unit, rel=0.15)


def test_the_readme_says_what_is_recorded_of_speed():
    by_preset = {row["preset"]: row for row in recorded.rows("jax")}
    ipd, coins = by_preset["pola-figure4-pola-dice"], by_preset["pola-figure5-pola-dice"]
    assert (
        f"{recorded.spread(ipd)} as fast in the prisoner's dilemma and {recorded.spread(coins)} in the coin game"
        in _flat("README.md")
    )
    assert "It needs a fifth of the RAM" in _flat("README.md")
    for row in (ipd, coins):
        (mib,) = [float(own[2]) for own in _rows("results/speed.md") if own[0] == row["case"] and len(own) == 3]
        assert mib / row["original_mib"] == pytest.approx(1 / 5, rel=0.1)


def test_correlations_of_lola_dice_are_the_same_on_all_pages():
    published, normalised = (
        _number(_row("results/lola-dice.md", title)[0])
        for title in ("DiCE with baseline, critic of rewards (published)", "self-normalised DiCE, no critic")
    )
    assert f"correlates {published:.2f} with the exact one" in _flat("README.md")
    assert f"The published estimator correlates {published:.2f}" in _flat("algorithms/lola-dice.md")
    # 0.805, of which the third digit is rounded, too.
    assert abs(_number(_flat("README.md"), "Self-normalised DiCE reaches ") - normalised) < 0.0051
    assert abs(_number(_flat("algorithms/lola-dice.md"), "it correlates ") - normalised) < 0.0051


def test_published_scores_of_figure_4_are_those_that_results_are_compared_with():
    for name, published in pola_figure4.REFERENCES.items():
        for cell, reading in zip(
            _row("results/recurrent-agents.md", name),
            (published.self_play, published.against_always_defect),
            strict=True,
        ):
            assert cell == f"{reading.mean:.3f} ± {reading.half_width:.3f}"


def test_status_of_figures_4_and_5_is_what_their_pages_say():
    (ipd, coins) = [row for row in _rows("results/recurrent-agents.md") if row[0] == "pola-dice" and len(row) == 6]
    (added,) = [
        row for row in _rows("results/recurrent-agents.md") if row[0] == "pola-dice-tremble-defectors" and len(row) == 6
    ]
    stay, stay_with_options = (row[-1].partition(" (")[0] for row in (ipd, added))
    status = f"{stay} published pairs stay reciprocal, {stay_with_options} with two added options"
    assert status in _flat("results/index.md")
    share = pola_figure5.REFERENCES["pola-figure5-pola-dice"].own_coin_share
    assert share is not None
    own = share.mean
    assert f"agents collect {_number(coins[-1]):.0%}".replace("%", " %") in _flat("results/index.md")
    assert f"the paper reports {own:.0%}".replace("%", " %") in _flat("results/index.md")
    assert f"In the paper {own:.0%}".replace("%", " %") in _flat("results/recurrent-agents.md")


COIN_COLUMNS = {
    "self_play": 3, "own_coin_share": 2, "with_other_seeds": 3, "against_always_defect": 3, "always_defect_gets": 3,
}  # fmt: skip
"""What the table of the coin game shows, and with how many digits."""


@pytest.mark.parametrize("label", COIN_CURVES)
def test_the_coin_game_ends_where_the_committed_curves_do(label):
    last = {metric: np.array(COIN_CURVES[label][-1][metric]) for metric in COIN_COLUMNS}
    name = label.replace(" 2 times as long", ", twice as long")
    scores, held = [row[1:] for row in _rows("results/coin-league.md") if row[0] == name and len(row) in (3, 6)]
    assert scores == [f"{last[metric].mean():.{digits}f}" for metric, digits in COIN_COLUMNS.items()]
    each = (last["self_play"] >= 0.3) & (last["own_coin_share"] >= 0.94) & (last["with_other_seeds"] >= 0.28)
    each &= (last["against_always_defect"] >= -0.04) & (last["always_defect_gets"] <= 0.1)
    assert held[0] == str(each.sum())


PLAYERS = json.loads((RESULTS / "players.json").read_text())
MANY = "results/many-players.md"


@pytest.mark.parametrize("name", PLAYERS["learned"])
def test_what_three_players_learn_is_what_was_measured(name):
    own = {metric: np.mean(values) for metric, values in PLAYERS["learned"][name].items()}
    metrics = (
        "score",
        "own_coin_share",
        *(f"against_{other}" for other in ("always_defect", "always_cooperate", "tit_for_tat")),
    )
    digits = (3, 2, 3, 3, 3)
    assert _row(MANY, name) == [f"{own[metric]:.{n}f}" for metric, n in zip(metrics, digits, strict=True)]


def test_what_is_said_of_three_players():
    loqa, aligned = (
        np.array(PLAYERS["learned"][f"coin-three-{name}"]["score"]) for name in ("loqa", "advantage-alignment")
    )
    text = _flat(MANY)
    assert f"LOQA does so in {(loqa >= 0.15).sum()} of eight seeds" in text
    assert "Advantage Alignment cooperates in all eight seeds" in text
    naive = np.mean(PLAYERS["learned"]["coin-three-naive"]["score"])
    said = f"Advantage Alignment earn {aligned.mean():.3f} with themselves, naive learners {naive:.3f}."
    assert said in _flat("README.md")
    assert aligned.min() >= 0.15
    for mine in ("always-defect", "always-cooperate"):
        alone, among, with_others = (
            PLAYERS["strategies"][f"{mine} among {others}"] for others in (mine, "always-defect", "always-cooperate")
        )
        cells = _row(MANY, mine)
        assert [cells[0], cells[2], cells[3]] == [f"{value:.3f}" for value in (alone, among, with_others)]


@pytest.mark.parametrize("learner", PLAYERS["cost"])
def test_what_players_cost_is_what_was_measured(learner):
    own = PLAYERS["cost"][learner]
    (*cells, growth, compiling), products = [row[1:] for row in _rows(MANY) if row[0] == learner]
    counted = {int(number): count for number, count in own["products"].items()}
    assert products == [str(count) for count in counted.values()]
    # Linear in N, or quadratic.
    degree = 2 if learner.endswith("K = 2") else 1
    fit = np.polyfit(list(counted), list(counted.values()), degree)
    np.testing.assert_allclose(np.polyval(fit, list(counted)), list(counted.values()), atol=0.51)
    times = [f"{row['milliseconds']:.1f} ({row['range'][0]:.1f}–{row['range'][1]:.1f})" for row in own["rows"]]
    assert cells == times
    assert growth == f"N^{own['exponent']:.1f}"
    assert compiling == ", ".join(f"{own['rows'][i]['compiling_seconds']:.0f}" for i in (0, -1))


def test_speed_in_atari_is_the_same_on_all_pages():
    (speed,) = [row[0] for row in _rows("results/minatar.md") if row[0].endswith("steps per second")]
    assert f"That is {speed} on two cores" in _flat("algorithms/a2c.md")


GRADIENTS, RECIPROCITY = (
    json.loads((RESULTS / f"pola-{name}.json").read_text()) for name in ("gradient-cost", "time-to-reciprocity")
)
OTHER = json.loads((RESULTS / "pola-time-to-reciprocity-208.json").read_text())
COST = "results/shaping-cost.md"


@pytest.mark.parametrize("steps", [1, 2])
def test_correlations_of_gradients_are_those_of_the_committed_measurement(steps):
    for estimator in gradient_cost.INNER_STEPS[steps]:
        cells = iter(_row(COST, f"K = {steps}, {estimator}"))
        for agents in gradient_cost.UPDATES:
            for games in (32, 512):
                wanted = {"steps": steps, "estimator": estimator, "agents": agents, "games": games}
                [row] = gradient_cost.selected(GRADIENTS, **wanted)
                assert next(cells) == f"{row['correlation']:.2f} ± {row['correlation_standard_error']:.2f}"


def test_the_best_estimator_at_each_budget_is_the_one_that_was_measured():
    for games in gradient_cost.BATCHES:
        costs = [row["cpu_milliseconds"] for row in gradient_cost.selected(GRADIENTS, steps=1, games=games)]
        cells = _row(COST, f"{games} games, {min(costs):.1f} to {max(costs):.1f} CPU-ms")
        for cell, agents in zip(cells, gradient_cost.UPDATES, strict=True):
            own = gradient_cost.selected(GRADIENTS, steps=1, games=games, agents=agents)
            best = max(own, key=lambda row: row["correlation"])
            assert cell == f"{best['estimator'].removesuffix(' (published)')}: {best['correlation']:.2f}"


@pytest.mark.parametrize("steps", [1, 2])
def test_equal_correlations_cost_as_much_as_was_measured(steps):
    for agents in gradient_cost.UPDATES:
        published, best = (
            gradient_cost.selected(GRADIENTS, steps=steps, estimator=estimator, agents=agents)
            for estimator in (gradient_cost.PUBLISHED, gradient_cost.BEST)
        )
        for row in best[:2]:
            cost = gradient_cost.cost_at(published, row["correlation"])
            shown = (f"{row['correlation']:.2f}", f"{row['cpu_milliseconds']:.1f}", f"{cost:.1f}")
            times = f"{cost / row['cpu_milliseconds']:.1f}"
            assert _row(COST, f"K = {steps}, {agents}, {row['games']} games") == [*shown, times]


def test_pairs_become_reciprocal_after_the_seconds_that_were_measured():
    for name, rows in RECIPROCITY.items():
        reached = time_to_reciprocity.reached(rows)
        pairs = np.array([row["reciprocal"] for row in rows])
        shown = "never" if reached is None else f"{reached:.0f}"
        counts = f"{int(pairs[-1].sum())} of 8 ({int(pairs.any(axis=0).sum())})"
        scores = [f"{np.mean(rows[-1][metric]):.3f}" for metric in ("score", "against_always_defect")]
        assert _row(COST, name) == [shown, counts, f"{rows[-1]['cpu_seconds']:.0f}", *scores]


def test_the_readme_says_how_much_sooner_pairs_are_reciprocal():
    cases = time_to_reciprocity.CHEAP, time_to_reciprocity.PUBLISHED
    for recorded_in, words in (
        (RECIPROCITY, "{:.0f} CPU-seconds instead of {:.0f},"),
        (OTHER, "{:.0f} instead of {:.0f}."),
    ):
        shown = words.format(*(time_to_reciprocity.reached(recorded_in[name]) for name in cases))
        assert shown in _flat("README.md")


def test_when_pairs_are_reciprocal_to_the_end():
    def rows(*counts):
        return [{"cpu_seconds": 2.0 * i, "reciprocal": [1.0] * n + [0.0] * (4 - n)} for i, n in enumerate(counts)]

    assert time_to_reciprocity.reached(rows(0, 3, 2, 3, 4)) == 6.0
    assert time_to_reciprocity.reached(rows(3, 4)) == 0.0
    assert time_to_reciprocity.reached(rows(4, 4, 2)) is None


def test_costs_are_read_off_between_two_measurements():
    rows = [{"cpu_milliseconds": cost, "correlation": value} for cost, value in ((1.0, 0.2), (100.0, 0.6))]
    np.testing.assert_allclose([gradient_cost.cost_at(rows, at) for at in (0.1, 0.4, 0.6, 0.7)], [1, 10, 100, np.inf])


def test_how_soon_the_page_is_there_is_what_was_measured():
    found = json.loads((RESULTS / "studio.json").read_text())
    paint, listed = found["median_ms"]["first_contentful_paint"], found["median_ms"]["runs_listed"]
    visits = f"With {found['runs']} runs of {found['updates']} updates the first text is painted after {paint} ms"
    assert visits in _flat("how-to/studio.md")
    assert f"all runs are listed after {listed} ms. These are medians of {found['repeats']} visits" in _flat(
        "how-to/studio.md"
    )
    assert found["worst_ms"]["first_contentful_paint"] < 1000


def test_speeds_of_adapters_are_those_of_the_committed_measurement():
    page = "how-to/environments-of-others.md"
    rows = json.loads(adapters.FILE.read_text())
    assert [row["case"] for row in rows] == list(adapters.CASES)
    for row in rows:
        case, *cells = adapters.cells(row)
        assert _row(page, case) == [*cells, adapters.CASES[case]]
