"""The page opens in a browser, asks for nothing, and draws everything."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats

from lookax.cli import main
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.metrics import read_history
from tests.browser import CHROMIUM, needs_browser

MARKS = "path.js-line, path.point, .hm image"

COUNT = f"""
const marks = () => [...document.querySelectorAll(".chart")].map((box) => box.querySelectorAll("{MARKS}").length);
"""

TRACES = """
const curves = [...document.querySelectorAll(".chart:not(.map)")];
const traces = () => curves.map((box) => box.querySelectorAll(".trace").length);
"""


def _opened(page, script, tmp_path):
    """What a script in the page returns, a moment after the page was drawn; and what the browser's console says."""
    told = f"<script>setTimeout(() => {{ document.body.dataset.told = JSON.stringify(({script})()); }}, 1000);</script>"
    scripted = tmp_path / "scripted.html"
    scripted.write_text(page.read_text().replace("</body>", f"{told}</body>"))
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    words += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    words += ["--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0"]
    words += ["--virtual-time-budget=5000", "--dump-dom", scripted.as_uri()]
    done = subprocess.run([str(CHROMIUM), *words], capture_output=True, text=True, timeout=120, check=True)
    found = re.search('data-told="([^"]*)"', done.stdout)
    assert found is not None, done.stderr
    return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def _data(page):
    found = re.search('id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@needs_browser
def test_a_page_of_one_run_draws_everything_and_asks_for_nothing(small_run, tmp_path):
    out = tmp_path / "report.html"
    assert main(["report", str(small_run), "-o", str(out)]) == 0
    script = f"() => {{ {COUNT} return [document.title, marks(), document.querySelector('main').innerText]; }}"
    (title, marks, text), console = _opened(out, script, tmp_path)
    assert console == []
    assert title == "ipd-lola – lookax"
    # Returns of two players, tit-for-tat, and the policies.
    assert len(marks) == 6
    assert all(marks)
    for told in ("5 of 5", "returns/2", "TFT found", "inner_learning_rate", "Discount factor", "versions"):
        assert told in text


@needs_browser
def test_one_legend_shows_and_hides_runs_in_all_charts(run_to_change, tmp_path):
    other = shutil.copytree(run_to_change, run_to_change.parent / "<img src=x onerror=throw(1)>")
    config = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(config.replace("inner_learning_rate: 3.0", "inner_learning_rate: 2.0"))
    RunFolder(other).write_failure("</script><script>throw new Error('it escaped')</script>")
    begun = shutil.copytree(run_to_change, run_to_change.parent / "begun")
    (begun / "metrics.jsonl").unlink()
    out = tmp_path / "report.html"
    assert main(["report", str(run_to_change.parent), "--out", str(out)]) == 0
    script = f"""() => {{
        {COUNT} {TRACES}
        const shown = traces();
        const [, , first, second, third] = document.querySelectorAll("#legend button");
        first.click();
        const hidden = traces();
        second.dispatchEvent(new Event("dblclick"));
        const alone = traces();
        document.querySelector("#legend .all").click();
        const names = [first, second, third].map((button) => button.textContent);
        return [shown, hidden, alone, traces(), marks(), names, document.querySelector("main").innerText];
    }}"""
    (shown, hidden, alone, again, marks, names, text), console = _opened(out, script, tmp_path)
    assert console == []
    # A band and a curve of each of two runs in every chart, nothing of the run that has only begun.
    assert shown == again == [4] * 5
    assert hidden == [2] * 5
    assert alone == [0] * 5
    assert all(marks)
    assert names == ["<img src=x onerror=throw(1)>", "begun", "small"]
    assert "</script><script>throw new Error('it escaped')</script>" in text
    assert "What differs" in text
    assert re.search(r"inner_learning_rate\s.*2\.0", text, re.DOTALL)


@needs_browser
def test_what_a_page_asks_for_is_refused_and_told(small_run, tmp_path):
    out = tmp_path / "report.html"
    main(["report", str(small_run), "-o", str(out)])
    asking = "() => { const image = new Image(); image.src = 'http://x.example/image.png'; return 0; }"
    _, console = _opened(out, asking, tmp_path)
    assert any("Content Security Policy" in line for line in console)


@needs_browser
def test_many_runs_are_limited_and_the_page_says_so(run_to_change, tmp_path):
    for number in range(29):
        folder = run_to_change.parent / f"copy-{number:02}"
        folder.mkdir()
        for name in ("config.yaml", "metrics.jsonl"):
            shutil.copy(run_to_change / name, folder)
    out = tmp_path / "report.html"
    assert main(["report", str(run_to_change.parent), "-o", str(out)]) == 0
    script = f"() => {{ {COUNT} {TRACES} return [marks(), traces(), document.body.innerText]; }}"
    (marks, traces, text), console = _opened(out, script, tmp_path)
    assert console == []
    assert all(marks)
    assert traces == [32] * 5
    assert "16 of 30 runs shown" in text
    assert "One of 30 runs:" in text


def test_figures_tables_and_runs_named_twice_are_told_once(run_to_change, tmp_path, capsys):
    (run_to_change.parent / "table.json").write_text(
        json.dumps({"columns": ["setting"], "rows": [["one"]], "verdicts": [True], "notes": []})
    )
    out = tmp_path / "report.html"
    assert main(["report", str(run_to_change), "-o", str(out), str(run_to_change.parent)]) == 0
    assert "1 run in" in capsys.readouterr().out
    told = _data(out)
    assert [table["title"] for table in told["tables"]] == ["runs", "ipd-lola"]
    assert told["tables"][0]["verdicts"] == [True]


def test_curves_are_means_with_intervals_by_update(small_run, tmp_path):
    out = tmp_path / "report.html"
    main(["report", str(small_run), "-o", str(out)])
    curves = {curve["name"]: curve["runs"]["0"] for curve in _data(out)["curves"]}
    history = read_history(small_run)
    returns, found = history["returns"][:, :, 1], history["tit_for_tat"]
    interval = stats.t.interval(0.95, 2, returns.mean(axis=1), stats.sem(returns, axis=1))
    curve = curves["returns/2"]
    assert curve["updates"] == list(range(6))
    for part, expected in {"means": returns.mean(axis=1), "lows": interval[0], "highs": interval[1]}.items():
        # Six digits are written.
        np.testing.assert_allclose(curve[part], expected, rtol=1e-5)
    shares = [stats.binomtest(int(count), 3).proportion_ci(method="exact") for count in found.sum(axis=1)]
    np.testing.assert_allclose(curves["tit_for_tat"]["highs"], [share.high for share in shares], rtol=1e-5)


def test_long_curves_are_thinned_between_their_ends(run_to_change, tmp_path):
    lines = (run_to_change / "metrics.jsonl").read_text().splitlines()[:3]
    rows = [json.loads(line) for line in lines]
    more = [json.dumps(row | {"update": update}) for update in range(2001) for row in rows]
    (run_to_change / "metrics.jsonl").write_text("\n".join(more) + "\n")
    out = tmp_path / "report.html"
    main(["report", str(run_to_change), "-o", str(out)])
    updates = _data(out)["curves"][0]["runs"]["0"]["updates"]
    assert (len(updates), updates[0], updates[-1]) == (500, 0, 2000)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--out", "report.txt"], "out: 'report.txt' is not allowed; it must be a file whose name ends in .html"),
        (["-o", "none/report.html"], "out: 'none/report.html' cannot be written (No such file or directory)"),
    ],
)
def test_mistakes_get_one_line(small_run, words, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(small_run), *words]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
