"""Formulas as MathML, which browsers draw by themselves: a Markdown extension, for what `pymdownx.arithmatex` finds."""

import html
import re
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from math_core import LatexToMathML

FORMULA = re.compile(r"(\\[(\[])(.*)\\[)\]]", re.DOTALL)
CONVERTER = LatexToMathML(fancy_error=False)


class MathsTreeprocessor(Treeprocessor):
    """Puts MathML in the place of LaTeX."""

    def run(self, root: Element) -> None:
        """All formulas of a page.

        **Raises:** `math_core.LatexError` for what is not LaTeX, or a command that is not known.
        """
        for element in root.iter():
            if element.get("class") == "arithmatex" and (found := FORMULA.search(element.text or "")):
                formula = html.unescape(found[2]).strip()
                mathml = CONVERTER.convert_with_local_state(formula, displaystyle=found[1] == r"\[")
                element.text = self.md.htmlStash.store(mathml)


class MathsExtension(Extension):
    """Makes MathML of the formulas in a page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown's name)
        """Called by Markdown."""
        md.treeprocessors.register(MathsTreeprocessor(md), "maths", priority=15)


def makeExtension(**settings: Any) -> MathsExtension:  # noqa: N802 (Markdown's name)
    """Called by Markdown."""
    return MathsExtension(**settings)
