"""The folder that a run leaves behind.

config.json      the preset's name and every setting
provenance.json  versions, devices, revision and command line
metrics.jsonl    a line per update and seed, flushed as it is written
policies/        what was learned, a file per seed; opponent shaping's is what `--initial-policies` reads
table.json       the closing table
figure.png, .pdf
"""

import dataclasses
import functools
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

PACKAGES = ("lookax", "jax", "jaxlib", "equinox", "optax", "optimistix", "lineax", "numpy", "scipy", "matplotlib")


class RunFolder:
    """Writes one run's files into a folder, which it makes unless it exists."""

    def __init__(self, path: Path):
        path.mkdir(parents=True, exist_ok=True)
        self.path = path

    def write_config(self, preset: str, settings: Any) -> None:
        """`config.json`: the preset's name and the resolved settings, nested settings under their class's name."""
        self._write_json("config.json", {"preset": preset, **as_plain(settings)})

    def write_provenance(self) -> None:
        """`provenance.json`: what it was run with."""
        self._write_json("provenance.json", provenance())

    def append_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Appends lines to `metrics.jsonl`."""
        with (self.path / "metrics.jsonl").open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def write_policies(self, seed: int, policies: Mapping[str, Any]) -> None:
        """`policies/seed-<seed>.json`."""
        (self.path / "policies").mkdir(exist_ok=True)
        self._write_json(f"policies/seed-{seed}.json", policies)

    def write_figure(self, figure: Any) -> None:
        """`figure.png` and `figure.pdf` of a matplotlib figure."""
        for suffix in ("png", "pdf"):
            figure.savefig(self.path / f"figure.{suffix}", dpi=150)

    def write_table(self, table: Any) -> None:
        """`table.json`: the closing table."""
        self._write_json("table.json", dataclasses.asdict(table))

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        (self.path / name).write_text(json.dumps(content, indent=1) + "\n")


def as_plain(value: Any) -> Any:
    """Settings as JSON can hold them: a dataclass becomes an object with its class's name under `kind`."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, tuple | list):
        return [as_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def metric_rows(update: int, first_seed: int, metrics: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """One row per seed, from metrics whose leading axis is over seeds; none without metrics."""
    if not metrics:
        return []
    num_seeds = len(next(iter(metrics.values())))
    return [
        {"update": update, "seed": first_seed + s} | {name: values[s].tolist() for name, values in metrics.items()}
        for s in range(num_seeds)
    ]


def provenance() -> dict[str, Any]:
    """Versions, devices, source revision where there is one, command line and time."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "devices": [device.device_kind for device in jax.devices()],
        "revision": _revision(),
    }


@functools.cache
def _revision() -> str | None:
    """The commit of the source tree that this file stands in; `None` where it is installed, or git is not."""
    source = Path(__file__).parents[3]
    if not (source / ".git").exists():
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    except OSError:
        return None
