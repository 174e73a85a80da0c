"""What a run is run with: versions, devices, revision, command line."""

import functools
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from lookax import __version__

PACKAGES = (
    "jax",
    "jaxlib",
    "equinox",
    "optax",
    "optimistix",
    "lineax",
    "numpy",
    "scipy",
    "orbax-checkpoint",
    "matplotlib",
)


def provenance(*, devices: bool) -> dict[str, Any]:
    """Versions, source revision where there is one, command line and time; devices, if asked for, which starts JAX."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        # lookax itself may be on the path without being installed.
        "versions": {"lookax": __version__} | {package: metadata.version(package) for package in PACKAGES},
        "revision": _revision(),
    } | ({"devices": [device.device_kind for device in jax.devices()]} if devices else {})


@functools.cache
def _revision() -> str | None:
    """The commit of the source tree that this file stands in; `None` where it is installed, or git is not."""
    source = Path(__file__).parents[4]
    if not (source / ".git").exists():
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    except OSError:
        return None
