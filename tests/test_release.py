"""What is released: metadata, the pages about it, and what the wheel holds."""

import json
import re
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import lookax as lx
from tools import wheel

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DATA = ROOT / "docs" / "results" / "data"
COINS, STANDINGS, PAIRS = (
    json.loads((DATA / f"{name}.json").read_text())
    for name in ("coin-league", "coin-league-standings", "pola-time-to-reciprocity")
)


def rows(page):
    """Cells of the tables of a page, by their first cell; several where it stands in several tables."""
    found = {}
    for line in (ROOT / page).read_text().replace("−", "-").splitlines():
        if line.startswith("| "):
            first, *rest = (cell.strip(" `") for cell in line.strip("|").split("|"))
            found.setdefault(first, []).append(rest)
    return found


def test_the_table_of_extras_has_all_of_them():
    table = rows("docs/get-started/installation.md")
    extras = {extra for extra in PROJECT["optional-dependencies"] if extra in table}
    assert extras == set(PROJECT["optional-dependencies"])
    text = (ROOT / "docs/get-started/installation.md").read_text()
    section = text[text.index("## Extras") : text.index("## GPU")]
    named = set(re.findall(r"^\| `([\w-]+)` \|", section, flags=re.MULTILINE))
    assert named == set(PROJECT["optional-dependencies"])


def test_classifiers_name_the_pythons_that_are_allowed():
    named = [own.removeprefix("Programming Language :: Python :: 3.") for own in PROJECT["classifiers"]]
    versions = [int(minor) for minor in named if minor.isdecimal()]
    assert PROJECT["requires-python"] == f">=3.{versions[0]}"
    assert versions == list(range(versions[0], versions[0] + len(versions)))


def test_versions_agree():
    assert f"version: {lx.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    newest = re.search(r"^## \[([\d.]+)\] - (unreleased|\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest[1] == lx.__version__


def test_the_changelog_has_the_usual_headings():
    allowed = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Renamed"}
    headings = re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert set(headings) <= allowed


def test_nothing_is_deprecated_as_the_page_says():
    used = [file for file in (ROOT / "src").rglob("*.py") if "DeprecationWarning" in file.read_text()]
    assert ("At present nothing is deprecated." in (ROOT / "docs/releases.md").read_text()) == (not used)


def test_a_wheel_that_lacks_or_has_too_much_is_noticed(tmp_path):
    def faults(leave_out, more):
        with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
            for file in sorted((ROOT / "src" / "lookax").rglob("*")):
                name = str(file.relative_to(ROOT / "src"))
                if file.is_file() and "__pycache__" not in name and name not in leave_out:
                    archive.writestr(name, "")
            for name in more:
                archive.writestr(name, "")
            archive.writestr("lookax-0.dist-info/METADATA", "Name: lookax\n\n# lookax\n")
        return wheel.wheel_faults(tmp_path / "x.whl")

    assert faults((), ()) == []
    assert faults(("lookax/py.typed",), ("tests/x.py",)) == [
        "the wheel has no lookax/py.typed",
        "the wheel has tests/x.py",
    ]


def interval(values):
    """As cards write it: the mean over seeds, and half the width of Student's 95 % interval."""
    values = np.array(values, float)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {half:.3f}"


COIN_COLUMNS = ("self_play", "own_coin_share", "with_other_seeds", "against_always_defect", "always_defect_gets")


@pytest.mark.parametrize("name", ["coin-loqa", "coin-advantage-alignment"])
def test_cards_of_coin_agents_have_the_measured_numbers(name):
    last = COINS[name][-1]
    assert [interval(last[column]) for column in COIN_COLUMNS] in rows("docs/model-cards.md")[name]
    assert (
        f"Each seed learned from {last['environment_steps'] / 1e6:.2f} million"
        in (ROOT / "docs/model-cards.md").read_text()
    )


@pytest.mark.parametrize("name", ["published estimator", "few games"])
def test_cards_of_pairs_in_the_dilemma_have_the_measured_numbers(name):
    last = PAIRS[name][-1]
    measured = [interval(last["score"]), interval(last["against_always_defect"])]
    measured += [f"{sum(map(bool, last['reciprocal']))} of {len(last['reciprocal'])}", f"{last['cpu_seconds']:.0f}"]
    assert measured in rows("docs/model-cards.md")[name]


LEAGUE = {"coin-loqa": "coin-loqa", "pola": "POLA", "loqa": "LOQA", "aa": "Advantage Alignment"}


@pytest.mark.parametrize("name", LEAGUE)
def test_cards_of_the_league_have_the_measured_numbers(name):
    [side] = [side for side in STANDINGS["sides"] if side["name"] == name]
    quantities = ("itself", "other_seeds", "cooperation", "average", "worst")
    measured = [f"{side[own]['mean']:.3f} ± {side[own]['half_width']:.3f}" for own in quantities]
    assert measured in rows("docs/model-cards.md")[LEAGUE[name]]


def test_exploitability_on_cards_is_that_of_the_results():
    table = rows("docs/results/coin-league.md")
    text = (ROOT / "docs/model-cards.md").read_text().replace("\n ", "")
    gained = {name: table[name][-1] for name in ("LOQA, ours", "Advantage Alignment, ours", "POLA, published")}
    gained |= {name: table[name][-1] for name in ("LOQA, published", "Advantage Alignment, published")}
    ours, theirs = gained["LOQA, ours"], gained["Advantage Alignment, ours"]
    assert f"gains {ours[0]} (LOQA) and {theirs[0]} (Advantage Alignment) per step" in text
    assert f"they lose {ours[1]} and {theirs[1]}" in text
    said = [gained[f"{name}, published"][0] for name in ("POLA", "LOQA", "Advantage Alignment")]
    assert f"gains {said[0]} from POLA's, {said[1]} from LOQA's and {said[2]} from Advantage" in text
