"""Builds the site: tutorials are run, pages made of them, and all pages checked. Any warning is an error."""

import subprocess
import sys
from pathlib import Path

from tools.docs import checks, notebooks

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Builds `site/`; the exit code."""
    notebooks.build()
    built = subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if built.returncode:
        return built.returncode
    for problem in (problems := checks.problems(ROOT)):
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
