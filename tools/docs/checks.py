"""What Zensical does not notice: pages and menu that differ, and pages that ask other hosts for something."""

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


def menu_faults(root: Path) -> list[str]:
    """Pages that the menu of `zensical.toml` names and `docs/` does not have, and pages that the menu leaves out."""
    named = set(menu(tomllib.loads((root / "zensical.toml").read_text())["project"]["nav"]))
    pages = {str(page.relative_to(root / "docs")) for page in (root / "docs").rglob("*.md")}
    return [
        *(f"{page}: in the menu, but not in docs/" for page in sorted(named - pages)),
        *(f"{page}: in docs/, but not in the menu" for page in sorted(pages - named)),
    ]


def foreign_resources(site: Path) -> list[str]:
    """What the pages of a built site would fetch from elsewhere."""
    pages = {page.relative_to(site): page.read_text() for page in sorted(site.rglob("*.html"))}
    return [f"{page}: asks for {url}" for page, text in pages.items() for url in ASKED.findall(text)]
