"""Builds the site: runs the tutorials, makes pages of them, and checks all pages. Any warning is an error."""

import subprocess
import sys
from pathlib import Path

from tools.docs import checks, notebooks

ROOT = Path(__file__).parents[2]


def main() -> str | None:
    """Builds `site/`; what is wrong with it, if anything."""
    notebooks.build(ROOT / "docs" / "tutorials")
    if faults := checks.menu_faults(ROOT):
        return "\n".join(faults)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=True)
    return "\n".join(checks.foreign_resources(ROOT / "site")) or None


if __name__ == "__main__":
    sys.exit(main())
