"""Formulas as MathML, which browsers draw by themselves: a Markdown extension, for what `pymdownx.arithmatex` finds."""

import html
import re
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

FORMULA = re.compile(r"(\\[(\[])(.*)\\[)\]]", re.DOTALL)


def mathml(formula: str, display: str = "inline") -> str:
    r"""MathML of a formula in LaTeX.

    **Raises:** `ValueError` for a command that is not known; it would be printed as it is written.
    """
    converted = convert(formula, display=display)
    if unknown := re.search(r">(\\\w+)", converted):
        raise ValueError(f"{unknown[1]} is not known, in the formula {formula}")
    return converted


class MathsTreeprocessor(Treeprocessor):
    """Puts MathML in the place of LaTeX."""

    def run(self, root: Element) -> None:
        """All formulas of a page."""
        for element in root.iter():
            if element.get("class") == "arithmatex" and (found := FORMULA.search(element.text or "")):
                display = "block" if found[1] == r"\[" else "inline"
                element.text = self.md.htmlStash.store(mathml(html.unescape(found[2]).strip(), display))


class MathsExtension(Extension):
    """Makes MathML of the formulas in a page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Called by Markdown."""
        md.treeprocessors.register(MathsTreeprocessor(md), "maths", priority=15)


def makeExtension(**settings: Any) -> MathsExtension:  # noqa: N802
    """Called by Markdown."""
    return MathsExtension(**settings)
