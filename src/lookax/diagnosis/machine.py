"""What this machine has: devices, the cache of compiled programs, space on the disk, locks."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lookax.diagnosis.findings import Finding, Section
from lookax.imports import how_to_install

SECONDS = 120
"""How long JAX may take to start its devices."""

LEAST_FREE = 2**30
"""Bytes on a disk below which runs may fail to save."""

MOST_READ = 2**28
"""Bytes of the cache's entries that are read."""

PROGRAM = """\
import json, jax
print(json.dumps([f"{device.platform}: {device.device_kind}" for device in jax.devices()]))
"""


def diagnose_devices(names: Mapping[str, object], run: Callable[[Sequence[str]], str] | None = None) -> Section:
    """The devices that JAX sees, in a process of its own, as a broken driver may end it.

    **Arguments:** the installed packages' `names`; what `run`s a command and gives its output, by default a process.
    """
    run = _run if run is None else run
    plugins = sorted(name for name in names if name.startswith("jax-cuda") and name.endswith("-plugin"))
    try:
        driver = run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]).strip()
    except (OSError, subprocess.SubprocessError):
        driver = ""
    lines = [f"NVIDIA: {line}" for line in driver.splitlines()]
    try:
        devices = json.loads(run([sys.executable, "-c", PROGRAM]).splitlines()[-1])
    except subprocess.CalledProcessError as failed:
        said = (failed.stderr or "").strip().splitlines() or [f"exit status {failed.returncode}"]
        mend = "see `packages` and `versions` above"
        return Section("devices", lines, [Finding(f"JAX does not start: {said[-1][:300]}", mend)])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as failed:
        return Section("devices", lines, [Finding(f"JAX does not start ({type(failed).__name__})")])
    lines += devices
    findings = []
    if driver and not any(device.startswith(("gpu", "cuda")) for device in devices):
        newest = driver.splitlines()[0].split(",")[-1].strip().split(".")[0]
        extra = "cuda13" if newest.isdecimal() and int(newest) >= 580 else "cuda12"
        installed = f"JAX sees no GPU, though {' and '.join(plugins)} is installed"
        if not plugins:
            what = "there is an NVIDIA GPU, and JAX has no plugin for it"
            findings.append(Finding(what, how_to_install(extra), wrong=False))
        elif hiding := _hiding():
            findings.append(Finding(f"{installed}: {hiding}={os.environ[hiding]!r} hides it", f"unset {hiding}", False))
        elif f"jax-{extra}-plugin" not in plugins:
            mend = f"pip uninstall {' '.join(plugins)}, and then {how_to_install(extra)}, which suits the driver"
            findings.append(Finding(installed, mend))
        else:
            findings.append(Finding(installed, f"{sys.executable} -c \"import jax; jax.devices('cuda')\" says why"))
    return Section("devices", lines, findings)


def _hiding() -> str | None:
    """The variable of the environment that keeps JAX from GPUs."""
    for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME"):
        platforms = {own.strip().lower() for own in os.environ.get(name, "").split(",")} - {""}
        if platforms and not platforms & {"cuda", "gpu"}:
            return name
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "CUDA_VISIBLE_DEVICES" if visible is not None and visible.strip() in ("", "-1") else None


def cache_folder() -> Path:
    """Where compiled programs are kept."""
    given = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else home / "lookax" / "xla"


def diagnose_cache(folder: Path, is_truncated: Callable[[bytes], bool] | None = None) -> Section:
    """The cache of compiled programs: its size, and entries that end too early.

    **Arguments:** the `folder`; what says whether an entry `is_truncated`, by default what commands ask.
    """
    # A bucket's address, of whose slashes a path keeps one.
    if "://" in os.environ.get("JAX_COMPILATION_CACHE_DIR", ""):
        return Section("compiled programs", [f"{os.environ['JAX_COMPILATION_CACHE_DIR']}: not looked into"])
    if not folder.is_dir():
        return Section("compiled programs", [f"{folder}: nothing yet"])
    sizes = {}
    for entry in folder.glob("*-cache"):
        with contextlib.suppress(OSError):
            sizes[entry] = entry.stat().st_size
    findings = []
    if not os.access(folder, os.W_OK):
        mend = f"chmod u+w {folder}, or another folder in JAX_COMPILATION_CACHE_DIR"
        findings.append(Finding(f"{folder} cannot be written to, so every command compiles anew", mend))
    lines = [f"{folder}: {len(sizes)} programs, {sum(sizes.values()) / 1e6:.0f} MB"]
    try:
        truncated, unread = _truncated(sizes, is_truncated or _checker())
    except Exception as failed:
        return Section("compiled programs", [*lines, f"not checked ({type(failed).__name__})"], findings)
    if truncated:
        findings.append(Finding(f"{truncated} of them end too early", "the next command removes them", wrong=False))
    return Section("compiled programs", [*lines, *([f"{unread} of them not checked"] if unread else [])], findings)


def _checker() -> Callable[[bytes], bool]:
    from lookax.runs.programs.compilation_cache import is_truncated

    return is_truncated


def _truncated(sizes: Mapping[Path, int], is_truncated: Callable[[bytes], bool]) -> tuple[int, int]:
    """How many entries end too early, and how many were not read, of which there may be too many."""
    truncated, read, number = 0, 0, 0
    for entry, size in sizes.items():
        if read + size > MOST_READ:
            continue
        read, number = read + size, number + 1
        with contextlib.suppress(OSError):
            truncated += is_truncated(entry.read_bytes())
    return truncated, len(sizes) - number


def diagnose_disk(folders: Sequence[Path]) -> Section:
    """Space where runs and compiled programs are kept, and whether files can be locked there."""
    lines, findings = [], []
    for folder in folders:
        there = next(own for own in (folder, *folder.parents) if own.exists())
        free = shutil.disk_usage(there).free
        lines.append(f"{folder}: {free / 2**30:.1f} GiB free")
        if free < LEAST_FREE:
            findings.append(Finding(f"only {free / 2**20:.0f} MiB are free in {folder}", "make room, or use --out"))
    with contextlib.suppress(PermissionError):
        try:
            _lock(folders[0])
        except OSError as reason:
            what = f"files in {folders[0]} cannot be locked ({reason.strerror}), which runs need"
            findings.append(Finding(what, "keep runs on another file system: --out"))
    return Section("disk", lines, findings)


def _lock(folder: Path) -> None:
    import fcntl

    with tempfile.TemporaryFile(dir=folder) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
