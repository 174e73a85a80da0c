"""The page in a browser: a coin game is played with keys, a matrix game with clicks, an actor-critic is watched."""

import itertools
import json
import math
import re
import shutil

import pytest

from tests.browser import browser, needs_browser

pytestmark = needs_browser


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(chromium, studio):
    """The page, opened anew; at the end its console must have said nothing."""
    chromium.open("about:blank")
    chromium.console.clear()
    chromium.open(studio.address)
    chromium.wait("performance.getEntriesByName('runs-listed').length > 0")
    yield chromium
    chromium.value("1")
    assert chromium.console == []


def _text(page, selector):
    return page.value(f"document.querySelector({selector!r}).innerText")


def _begin(page, run, **chosen):
    page.click("#tab-play")
    page.choose("#play-run", run)
    page.wait("!document.querySelector('#start').disabled")
    for name, value in chosen.items():
        page.choose(f"#play-{name}", value)
    page.click("#start")
    page.wait("!document.querySelector('#arena').hidden && !document.querySelector('#start').disabled")


def _wait_for_step(page, number):
    page.wait(f"document.querySelector('#score .step').textContent.startsWith('step {number} ')")


def test_runs_and_their_curves_are_shown_and_hidden(page):
    page.wait("document.querySelectorAll('.card:not([hidden]) .chart path.js-line').length > 0")
    count = "document.querySelectorAll('.card:not([hidden])').length"
    shown = page.value(count)
    # Returns of two players, tit-for-tat, and two more.
    assert shown == 5
    page.click("#metrics button")
    page.wait(f"{count} === {shown - 2}")
    page.click("#metrics button")
    page.wait(f"{count} === {shown}")
    page.click("#none")
    page.wait("document.querySelectorAll('.card:not([hidden]) path.js-line').length === 0")
    assert _text(page, "#curves-note").startswith("0 of 4 runs shown.")
    page.click("#run-list li:nth-child(2) input")
    page.wait("document.querySelectorAll('.card:not([hidden]) path.js-line').length > 0")
    assert "4 runs" in _text(page, "#summary")
    # The token is no longer where people look, and survives that the page is loaded again.
    assert page.value("location.hash") == ""
    page.call("Page.reload")
    page.wait("performance.getEntriesByName('runs-listed').length > 0")


def test_new_updates_and_runs_appear_by_themselves(page, studio, run_to_change):
    there = page.value("document.querySelectorAll('#run-list li:not([hidden])').length")
    lines = (run_to_change / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run_to_change / "metrics.jsonl").write_bytes(b"".join(lines[:9]))
    grown = studio.runs / "grown"
    shutil.copytree(run_to_change, grown)
    try:
        page.wait(f"document.querySelectorAll('#run-list li').length === {there + 1}")
        state = f"document.querySelector('#run-list li:nth-child({there + 1}) .state').textContent"
        page.wait(f"{state}.includes('2 of 5')")
        (grown / "metrics.jsonl").write_bytes(b"".join(lines))
        page.wait(f"{state}.includes('5 of 5')")
    finally:
        shutil.rmtree(grown)
    page.wait(f"document.querySelectorAll('#run-list li:not([hidden])').length === {there}")


def test_a_damaged_run_keeps_no_other_curves_back(page, studio, run_to_change):
    metrics = run_to_change / "metrics.jsonl"
    metrics.write_bytes(b"{" + metrics.read_bytes())
    damaged = studio.runs / "damaged"
    shutil.copytree(run_to_change, damaged)
    try:
        there = page.value("document.querySelectorAll('#run-list li').length")
        page.wait(f"document.querySelectorAll('#run-list li').length > {there}")
        page.call("Page.reload")
        page.wait("document.querySelector('#run-list .state.no')")
        assert "is damaged: a line of it is not JSON" in _text(page, "#run-list .state.no")
        page.wait("document.querySelectorAll('.card:not([hidden]) .chart path.js-line').length > 0")
        assert page.value("document.querySelector('#trouble').hidden")
    finally:
        shutil.rmtree(damaged)
    page.wait("document.querySelectorAll('#run-list li:not([hidden])').length === 4")
    # The console names the request that was refused, once.
    assert [text for text in page.console if "400" not in text] == []
    assert len(page.console) == 1
    page.console.clear()


def test_a_whole_coin_game_is_played_with_keys(page, studio):
    _begin(page, studio.number("coin"), seat=0)
    keys = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]
    player = "document.querySelector('.player.red').style.transform"
    for step, key in enumerate(keys, 1):
        before = page.value(player)
        page.press(key)
        _wait_for_step(page, step)
        # On a torus every move leads to another cell.
        assert page.value(player) != before
    assert "The game is over." in _text(page, "#told")
    # The expected policy comes when it has been computed; it need not wait for a move.
    page.wait("document.querySelector('[data-status=known]')")
    assert page.value("document.querySelectorAll('[data-status=known] .bar').length") == 4
    assert page.value("document.querySelector('canvas.heat').height") == 4
    page.press("ArrowUp")
    page.click("#again")
    _wait_for_step(page, 0)


def test_every_one_of_several_players_and_coins_is_drawn(page):
    view = {"kind": "coin", "size": 3, "seat": 2, "players": [4, 4, 4, 0], "coins": [-1, -1, -1, 8]}
    view["agents"] = [{"seat": seat} for seat in (0, 1, 3)]
    page.click("#tab-play")
    page.value("document.querySelector('#arena').hidden = false")
    page.value(f"Board.draw(document.querySelector('#board'), {json.dumps(view)})")
    discs = "[...document.querySelectorAll('.player')]"
    assert page.value(f"{discs}.map((disc) => disc.textContent)") == ["agent 1", "agent 2", "you", "agent 4"]
    colours = page.value(f"{discs}.map((disc) => getComputedStyle(disc.firstChild).fill)")
    assert len(set(colours)) == 4
    # No disc lies on another, also where three share a cell.
    moved = page.value(f"{discs}.map((disc) => disc.style.transform)")
    places = [[float(number) for number in re.findall(r"-?[\d.]+", text)] for text in moved]
    for (x, y, *own), (other_x, other_y, *other) in itertools.combinations(places, 2):
        radii = sum(29 * (scale or [1])[0] for scale in (own, other))
        assert math.hypot(x - other_x, y - other_y) > radii - 1e-3
    assert page.value("[...document.querySelectorAll('.coin')].map((coin) => coin.style.opacity)") == list("0001")
    label = page.value("document.querySelector('.coins').getAttribute('aria-label')")
    assert label.startswith("agent 1 (red): row 2, column 2; agent 2 (blue): row 2, column 2; you (green): ")
    assert label.endswith("agent 4 (yellow): row 1, column 1; yellow coin: row 3, column 3")


def test_a_matrix_game_is_played_with_clicks(page, studio):
    _begin(page, studio.number("exact"), seat=1)
    for step, move in enumerate(("cooperate", "cooperate", "defect"), 1):
        page.click(f".move.{move}")
        _wait_for_step(page, step)
    page.press("c")
    _wait_for_step(page, 4)
    tiles = page.value("[...document.querySelectorAll('.tile')].map((tile) => tile.textContent).join('')")
    assert tiles.startswith("CCDC")
    assert len(tiles) == 8
    assert page.value("document.querySelectorAll('td.last').length") == 1
    page.wait("document.querySelector('[data-status=known]')")
    assert "P(cooperate | history)" in _text(page, "#minds")
    assert page.value("document.querySelectorAll('.states tbody tr').length") == 5
    # Bars are as long as their shares.
    widths = page.value(
        "[...document.querySelectorAll('.bars .fill')].slice(0, 2).map((fill) => parseFloat(fill.style.width))"
    )
    assert sum(widths) == pytest.approx(100, abs=0.1)


def test_an_actor_critic_is_watched_frame_by_frame(page, studio):
    _begin(page, studio.number("watched"))
    step = "Number(document.querySelector('#score .step').textContent.slice(5))"
    picture = "document.querySelector('canvas.frame').toDataURL()"
    assert page.value(step) == 0
    first = page.value(picture)
    page.click("#step")
    page.wait(f"{step} === 1")
    page.press("ArrowRight")
    page.wait(f"{step} === 2")
    page.click("#toggle")
    page.wait(f"{picture} !== {first!r}")
    page.wait("document.querySelector('#score .step').textContent !== 'step 2'")
    assert _text(page, "#toggle") == "Pause"
    page.click("#toggle")
    assert _text(page, "#toggle") == "Play"
    assert page.value("document.querySelectorAll('.bars .fill').length") == 3


def test_without_the_token_the_page_says_what_to_do(chromium, studio):
    chromium.open("about:blank")
    chromium.open(f"http://127.0.0.1:{studio.port}/#wrong")
    chromium.wait("document.querySelector('#trouble')?.hidden === false")
    assert "open the address that lookax studio printed" in _text(chromium, "#trouble")


def test_a_page_of_another_origin_learns_nothing(chromium, studio):
    chromium.open("data:text/html,<p>elsewhere")
    chromium.wait("document.querySelector('p')?.textContent === 'elsewhere'")
    asking = "fetch('http://127.0.0.1:{}/{}', {}).then((answer) => answer.status, (failure) => String(failure))"
    given = f"{{method: 'POST', body: '{{}}', headers: {{authorization: 'Bearer {studio.token}'}}}}"
    for path, options in (("", "{}"), ("api/runs", "{method: 'POST', body: '{}'}"), ("api/runs", given)):
        assert chromium.value(asking.format(studio.port, path, options)) == "TypeError: Failed to fetch"
