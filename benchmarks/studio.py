"""How soon the page of `lookax studio` is there, with many runs.

    python -m benchmarks.studio OUT.json [--runs 50] [--repeats 5]

A short run is learned and copied; then a fresh browser opens the page, again and again. Times are milliseconds since
the page was asked for: until the browser paints the first text, the list of runs is there, and the curves are drawn.
"""

import argparse
import json
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import lookax as lx
from tests.browser import browser

MOMENTS = {
    "first_contentful_paint": "performance.getEntriesByName('first-contentful-paint')[0]?.startTime",
    "runs_listed": "performance.getEntriesByName('runs-listed')[0]?.startTime",
    "curves_drawn": "performance.getEntriesByName('curves-drawn')[0]?.startTime",
}


def copies(folder: Path, number: int, updates: int) -> None:
    """As many runs, of which all have metrics of their own."""
    first = folder / "run-00"
    lx.run("ipd-lola", seeds=3, total_updates=updates, out=first)
    for i in range(1, number):
        copy = folder / f"run-{i:02}"
        copy.mkdir()
        for name in ("config.yaml", "metrics.jsonl", "provenance.json"):
            shutil.copy(first / name, copy)


def times(folder: Path) -> dict[str, float]:
    """Of one visit of a fresh browser to a fresh server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = (
        f"import sys; from lookax.cli import main; sys.exit(main(['studio', {str(folder)!r}, '--port', '{port}']))"
    )
    with (
        subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            with browser(Path(profile)) as page:
                page.open(address)
                page.wait(MOMENTS["curves_drawn"])
                time.sleep(0.5)
                return {name: page.value(moment) for name, moment in MOMENTS.items()}
        finally:
            server.terminate()


def main() -> None:
    """Measures, and writes what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--updates", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copies(Path(folder), given.runs, given.updates)
        found = [times(Path(folder)) for _ in range(given.repeats)]
    medians = {name: round(float(np.median([own[name] for own in found]))) for name in MOMENTS}
    worst = {name: round(max(own[name] for own in found)) for name in MOMENTS}
    about = {"runs": given.runs, "updates": given.updates, "repeats": given.repeats, "machine": platform.machine()}
    given.out.write_text(json.dumps({**about, "median_ms": medians, "worst_ms": worst}, indent=1) + "\n")
    print(given.out.read_text())


if __name__ == "__main__":
    main()
