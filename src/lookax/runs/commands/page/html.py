"""A page in one file that opens anywhere: its style, its scripts and everything to be shown."""

from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
from plotly.offline import get_plotlyjs

from lookax import __version__
from lookax.errors import check


def html_page(script: str, content: Mapping[str, Any]) -> str:
    """A page as one text that asks for nothing else.

    **Arguments:** the name of the `script` that draws it, without its ending; the `content`, which that reads, beside
    the version and the time, which are added.
    """
    data = {**content, "version": __version__, "made": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"}
    text = page_file("page.html")
    for mark, part in {
        "<!-- style -->": page_file("page.css"),
        "<!-- plotly -->": get_plotlyjs(),
        "<!-- script -->": "\n".join(map(page_file, ("elements.js", "parts.js", f"{script}.js"))),
        # Escaped: no name or message, whatever it holds, ends the element that the data stand in.
        "<!-- data -->": orjson.dumps(data).decode().replace("<", r"\u003c"),
    }.items():
        text = text.replace(mark, part, 1)
    return text


def check_page(out: Path) -> None:
    """Raises `ValueError` unless a page's file has the name of one."""
    check(out.suffix == ".html", "out", str(out), "a file whose name ends in .html")


def page_file(name: str) -> str:
    """What is in a file that pages are made of."""
    return (resources.files("lookax.runs.commands") / "page" / name).read_text(encoding="utf-8")
