"""What the documentation's site adds to Zensical."""

import asyncio
import base64
import inspect
from pathlib import Path

import griffe
import markdown
import nbformat
import pytest
from math_core import LatexError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import lookax
from tools.docs import checks, exports, notebooks

ROOT = Path(__file__).parents[1]
FIGURE = b"\x89PNG\r\n\x1a\n" + bytes(8) + (1280).to_bytes(4, "big") + (960).to_bytes(4, "big")
CLASSES = [getattr(lookax, name) for name in lookax.__all__ if isinstance(getattr(lookax, name), type)]
MODULES = [kind.__name__ for kind in CLASSES if not getattr(kind, "_is_protocol", False)]


@pytest.fixture(scope="module")
def source():
    extensions = griffe.load_extensions("tools.docs.modules")
    return griffe.load("lookax", search_paths=[ROOT / "src"], extensions=extensions)


def _formulas(text):
    extensions = {"pymdownx.arithmatex": {"generic": True}, "tools.docs.maths": {}}
    return markdown.markdown(text, extensions=list(extensions), extension_configs=extensions)


def test_the_core_api_has_every_name_at_the_front_door_and_says_what_it_is():
    modules = {name: module for names in exports.exports().values() for name, module in names.items()}
    assert sorted(modules) == sorted(lookax.__all__)
    assert [name for name, module in modules.items() if not exports.summary(module, name)] == []
    page = "\n".join(exports.tables())
    assert all(f"[`{name}`][lookax.{module}.{name}]" in page for name, module in modules.items())


@pytest.mark.parametrize("name", MODULES)
def test_signatures_in_the_reference_are_the_constructors(source, name):
    shown = list(source[name].parameters)[1:]
    true = inspect.signature(getattr(lookax, name)).parameters.values()
    assert [parameter.name for parameter in shown] == [parameter.name for parameter in true]
    assert [parameter.required for parameter in shown if "variadic" not in parameter.kind.value] == [
        parameter.default is parameter.empty
        for parameter in true
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def test_formulas_become_mathml():
    assert "<math><mi>a</mi><mo>&lt;</mo><mi>θ</mi></math>" in _formulas(r"Where $a < \theta$.")
    assert '<math display="block">' in _formulas("$$\n\\sum_i \\theta_i\n$$")
    with pytest.raises(LatexError, match="thetta"):
        _formulas(r"$\thetta$")


def test_pages_of_notebooks_have_code_outputs_figures_and_the_notebook(tmp_path):
    outputs = [
        new_output("stream", name="stdout", text="tit for "),
        new_output("stream", name="stdout", text="tat\n"),
        new_output("display_data", {"image/png": base64.b64encode(FIGURE).decode(), "text/plain": "<Figure>"}),
        new_output("execute_result", {"text/plain": "0.96"}, execution_count=1),
    ]
    cells = [
        new_markdown_cell("# Title"),
        new_markdown_cell("[Next](next.ipynb#end)."),
        new_code_cell("play()", outputs=outputs, metadata={"alt": "Returns"}),
    ]
    page = notebooks.page(new_notebook(cells=cells), tmp_path / "tutorial.ipynb")
    assert page.startswith("# Title\n\n[Download this page as a notebook](tutorial.ipynb)")
    for part in ("[Next](next.md#end).", "````python\nplay()\n````", "tit for tat", "0.96"):
        assert part in page
    assert '![Returns](tutorial_files/2-1.png){ width="640" }' in page
    assert (tmp_path / "tutorial_files" / "2-1.png").read_bytes() == FIGURE


def test_a_notebook_that_warns_is_not_published(tmp_path):
    cells = [new_code_cell("import warnings\nwarnings.warn('slow', stacklevel=1)")]
    nbformat.write(new_notebook(cells=cells), path := tmp_path / "tutorial.ipynb")
    with pytest.raises(ValueError, match=r"tutorial\.ipynb warns: .*slow"):
        asyncio.run(notebooks.run(path))


def test_committed_notebooks_have_no_outputs():
    for path in (ROOT / "docs" / "tutorials").glob("*.ipynb"):
        assert not any(cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells), path.name


def test_menu_and_pages_are_the_same(tmp_path):
    (tmp_path / "docs" / "results").mkdir(parents=True)
    for page in ("index.md", "results/speed.md"):
        (tmp_path / "docs" / page).touch()
    menu = '[project]\nnav = [{ "Home" = "index.md" }, { "More" = [{ "Questions" = "faq.md" }] }]'
    (tmp_path / "zensical.toml").write_text(menu)
    assert checks.menu_faults(tmp_path) == [
        "faq.md: in the menu, but not in docs/",
        "results/speed.md: in docs/, but not in the menu",
    ]


@pytest.mark.parametrize(
    ("page", "asks"),
    [
        ('<script src="https://elsewhere.org/a.js"></script>', True),
        ('<link rel="stylesheet" href="//elsewhere.org/a.css">', True),
        ('<img src="../images/a.png"><a href="https://elsewhere.org">a link</a>', False),
    ],
)
def test_pages_that_ask_other_hosts_are_found(tmp_path, page, asks):
    (tmp_path / "index.html").write_text(page)
    assert bool(checks.foreign_resources(tmp_path)) == asks
