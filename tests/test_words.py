"""The check of words and sentences that are hard to read."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import words

LONG = " ".join(["word"] * 31) + "."


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "ROOT", tmp_path)
    return tmp_path


def _written(file, text):
    file.write_text(text)
    return file


def test_private_words_are_named_with_their_lines(root):
    page = _written(
        root / "page.md", "# Title\n\nThe slope.\n\n```python\nslope = 1\n```\n\nThe `slope` of\nsomebody.\n"
    )
    assert list(words.private_words(page)) == [
        "page.md:3: slope: write gradient",
        "page.md:10: somebody: write a player",
    ]


def test_docstrings_are_read_and_code_is_not(root):
    module = _written(root / "module.py", '"""What it is.\n\nIts slope.\n"""\n\nslope = "slope"  # slope\n')
    assert list(words.private_words(module)) == ["module.py:3: slope: write gradient"]


def test_long_sentences_are_named_with_the_lines_that_they_begin_at(root):
    text = f"# {LONG}\n\nShort.\n\n[A link](page.md).\n{LONG} Short.\n\n| {LONG} |\n\n- One.\n- {LONG}\n"
    found = list(words.long_sentences(_written(root / "page.md", text)))
    assert [line.partition(" words")[0] for line in found] == ["page.md:6: 31", "page.md:11: 31"]
    short = _written(root / "page.md", LONG.replace("word word.", "word `a b c`."))
    assert list(words.long_sentences(_written(short, " ".join(["word"] * 30) + ".\n"))) == []


def test_notebooks_are_read_by_their_lines(root):
    cells = [new_code_cell("slope = 1"), new_markdown_cell(f"# Title\n\nThe slope.\n\n{LONG}")]
    nbformat.write(new_notebook(cells=cells), page := root / "page.ipynb")
    lines = page.read_text().splitlines()
    (word,), (sentence,) = words.private_words(page), words.long_sentences(page)
    assert "The slope." in lines[int(word.split(":")[1]) - 1]
    assert LONG in lines[int(sentence.split(":")[1]) - 1]
