"""Tests and measures lookax on a GPU, and writes one JSON file: `python -m benchmarks.gpu [FILE] [--small]`.

Every measurement is a process of its own with a limit of its own: one that fails leaves the others. After `--budget`
seconds what remains is recorded as not reached. The file is written anew after each measurement. `benchmarks/gpu.sh`
calls this with packages that are missing; `benchmarks/gpu_cases.py` says what is measured.

The median of several calls counts, after compiling and one call more. A measurement that is missing says why.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from lookax import __version__

BUDGET = 480.0
"""Seconds for all measurements together."""

LIMITS = {
    "device": 60, "float32": 60, "figure4-lanes-1": 90, "figure5-lanes-1": 90, "figure4-lanes-16": 90,
    "figure5-lanes-16": 90, "tests": 120, "mgrl-minatar": 90, "mgrl-atari": 90, "figure3": 150,
    "figure4-lanes-4": 90, "figure5-lanes-4": 90,
}  # fmt: skip
"""Seconds for a measurement, in the order in which they are made: what is most worth knowing first."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A command that writes what it finds to the JSON file that is its last word, within a number of seconds."""

    name: str
    command: Sequence[str]
    limit: float


def measured(measurement: Measurement, limit: float) -> dict[str, Any]:
    """What a measurement finds; the reason, as `missing`, where it does not come to its end within the limit."""
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder) / "found.json", Path(folder) / "log"
        began = time.monotonic()
        with log.open("w") as output:
            process = subprocess.Popen(
                [*measurement.command, str(file)], stdout=output, stderr=subprocess.STDOUT, process_group=0
            )
            try:
                status = process.wait(limit)
                reason = f"exit status {status}: {log.read_text(errors='replace').strip()[-400:]}" if status else None
            except subprocess.TimeoutExpired:
                reason = f"took longer than {limit:.1f} s"
            finally:
                # With the processes that it has started, also when this one is stopped.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        found = json.loads(file.read_text()) if file.exists() else {}
    if reason is None and not found:
        reason = "nothing was found"
    found |= {} if reason is None else {"missing": reason}
    return found | {"wall_seconds": time.monotonic() - began}


def measure_all(measurements: Sequence[Measurement], file: Path, budget: float, **about: Any) -> dict[str, Any]:
    """Makes all measurements in turn and writes the file after each.

    **Arguments:** the `measurements`; the `file`; the `budget` in seconds for all of them; what else is in the file.

    **Returns:** what is in the file in the end.
    """
    began = time.monotonic()
    results: dict[str, Any] = {}
    content = {"about": about, "measurements": results}
    for measurement in measurements:
        left = budget - (time.monotonic() - began)
        if left < 1:
            results[measurement.name] = {"missing": f"not reached within {budget:g} s"}
        else:
            results[measurement.name] = measured(measurement, min(measurement.limit, left))
        about["seconds"] = time.monotonic() - began
        partly = file.with_name(file.name + ".part")
        partly.write_text(json.dumps(content, indent=1) + "\n")
        partly.replace(file)
        print(_line(measurement.name, results[measurement.name]), flush=True)
    return content


def _line(name: str, found: dict[str, Any]) -> str:
    shown = {field: value for field, value in found.items() if field != "missing"}
    numbers = ", ".join(f"{field} {_rounded(value)}" for field, value in shown.items())
    return f"{name}: {numbers}" + (f"; MISSING: {found['missing']}" if "missing" in found else "")


def _rounded(value: Any) -> str:
    if isinstance(value, list):
        return "–".join(map(_rounded, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=Path("gpu.json"))
    parser.add_argument("--small", action="store_true", help="tiny: tests the measuring itself, on any device")
    parser.add_argument("--budget", type=float, default=BUDGET, metavar="SECONDS")
    parser.add_argument("--only", nargs="+", choices=LIMITS, metavar="NAME", help=f"of {', '.join(LIMITS)}")
    given = parser.parse_args(words)
    # So that the measurement in progress ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    size = []
    if not given.small:
        # In a process of its own, as measurements are: this one would keep the device's memory.
        which = [sys.executable, "-c", "import jax; print(jax.default_backend())"]
        if subprocess.run(which, capture_output=True, text=True, check=True).stdout.strip() == "cpu":
            parser.error("JAX finds no GPU here; --small tries the script on any machine")
    if given.small:
        size = ["--small"]
        # What is tiny runs for milliseconds, so it is compiled quickly.
        os.environ["XLA_FLAGS"] = f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}"
    measure_all(
        [
            Measurement(name, (sys.executable, "-m", "benchmarks.gpu_cases", *size, name), limit)
            for name, limit in LIMITS.items()
            if given.only is None or name in given.only
        ],
        given.file,
        given.budget,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        small=given.small,
        budget_seconds=given.budget,
        versions={"lookax": __version__, "python": platform.python_version()}
        | {package: metadata.version(package) for package in ("jax", "jaxlib")},
    )


if __name__ == "__main__":
    main()
