"""What Zensical does not notice: pages of the menu that do not exist, and pages that ask other hosts for something."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ASKED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*\s(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")


def menu(entry: Any) -> Iterator[str]:
    """The pages of a menu, as `zensical.toml` nests them."""
    if isinstance(entry, str):
        yield entry
    else:
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from menu(inner)


def missing_pages(root: Path) -> list[str]:
    """Pages that the menu of `zensical.toml` names and `docs/` does not have."""
    pages = menu(tomllib.loads((root / "zensical.toml").read_text())["project"]["nav"])
    return [f"{page}: in the menu, but not in docs/" for page in pages if not (root / "docs" / page).is_file()]


def foreign_resources(site: Path) -> list[str]:
    """What the pages of a built site would fetch from elsewhere."""
    pages = {page.relative_to(site): page.read_text() for page in sorted(site.rglob("*.html"))}
    return [f"{page}: asks for {url}" for page, text in pages.items() for url in ASKED.findall(text)]
