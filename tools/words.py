"""What of our writing is hard to read: words that only we use, and sentences of more than 30 words.

`python -m tools.words` names both, a line each, and fails if there are any. It reads the documentation, its notebooks,
the README and the like, and the docstrings of the sources.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")

WORDS = {
    "everybody": "all players",
    "somebody": "a player",
    "nobody": "no player, nothing",
    "sparring": "scripted opponent",
    "bury": "record a failure",
    "dealt": "sharded",
    "dealing": "sharding",
    "judged": "evaluated",
    "climb": "maximise",
    "climbs": "maximises",
    "slope": "gradient",
    "surroundings": "context",
    "retraced": "differentiated",
    "told": "given, said",
    "hands": "actions",
    "pieces": "microbatches, parts",
    "ring": "replay buffer, circle",
    "turned": "swapped, made",
    "watched": "observed",
}
"""Words that only we use, and those of the field."""

MOST = 30
"""Words of a sentence."""

END = re.compile(r"\n\s*(?:[-*]|\d+\.)\s|\n\s*\n|(?<=[.!?:;])\s+")
"""What comes after a sentence."""

ALLOWED = {
    "examples/src/lookax_examples/berries.py": ("ring",),  # the players of this game walk on one
    "docs/concepts/glossary.md": ("ring",),
}
"""Files in which a word means what it says."""


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Prose with the number of the line that it begins at: of a page, a notebook, or the docstrings of a module."""
    text = file.read_text()
    if file.suffix == ".ipynb":
        # A line of a cell is a line of the file, two below that of `"source"`.
        starts = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith('   "source": [')]
        for start, cell in zip(starts, json.loads(text)["cells"], strict=True):
            if cell["cell_type"] == "markdown":
                yield start + 1, _without_code("".join(cell["source"]))
        return
    if file.suffix == ".md":
        yield 1, _without_code(text)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def _without_code(text: str) -> str:
    """The same lines, without blocks of code and formulas."""
    return re.sub(r"```.*?```|\$\$.*?\$\$", lambda block: "\n" * block[0].count("\n"), text, flags=re.DOTALL)


def private_words(file: Path) -> Iterator[str]:
    """Words that only we use, by line."""
    own = set(WORDS) - set(ALLOWED.get(str(file.relative_to(ROOT)), ()))
    pattern = re.compile(r"(?<![\w`])(" + "|".join(sorted(own)) + r")(?![\w`])", re.IGNORECASE)
    for first, text in texts(file):
        for number, line in enumerate(text.splitlines(), first):
            for word in pattern.findall(re.sub(r"`[^`]*`", "", line)):
                yield f"{file.relative_to(ROOT)}:{number}: {word}: write {WORDS[word.lower()]}"


def long_sentences(page: Path) -> Iterator[str]:
    """Sentences of a page with too many words; tables, headings and formulas are none."""
    for first, text in texts(page):
        prose = re.sub(r"^(\||#|!!!|[ \t]*\[).*$", "", text, flags=re.MULTILINE)
        prose = re.sub(r"`[^`]*`|\$[^$]*\$", lambda code: "x" + "\n" * code[0].count("\n"), prose)
        begin = 0
        for end in (*(found.end() for found in END.finditer(prose)), len(prose)):
            sentence = prose[begin:end]
            if len(words := sentence.split()) > MOST:
                line = first + prose.count("\n", 0, begin + len(sentence) - len(sentence.lstrip()))
                yield f"{page.relative_to(ROOT)}:{line}: {len(words)} words: {' '.join(words)[:120]}"
            begin = end


def _written(docs: Path) -> list[Path]:
    """All pages but those that are made from notebooks."""
    found = sorted((*docs.rglob("*.md"), *docs.rglob("*.ipynb")))
    return [page for page in found if page.suffix == ".ipynb" or not page.with_suffix(".ipynb").exists()]


def main() -> int:
    """Names everything; 1 if there is anything."""
    pages = [*(ROOT / page for page in PAGES), *_written(ROOT / "docs")]
    sources = [file for folder in ("src", "examples", "tools") for file in sorted((ROOT / folder).rglob("*.py"))]
    found = [line for file in (*pages, *sources) for line in private_words(file) if file != Path(__file__)]
    found += [line for page in pages for line in long_sentences(page)]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
