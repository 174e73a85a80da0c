"""Keeps compiled programs on disk, so that a command run twice compiles once."""

import contextlib
import os
import zlib
from pathlib import Path

import jax

CHECKED = ".lookax-checked"
"""A file in the cache's folder: entries written before its time of change have been checked."""

SLACK = 60.0
"""Seconds by which the clocks of hosts that share the folder may differ."""

ZSTANDARD = bytes.fromhex("28b52ffd")
"""What data compressed by Zstandard begins with (RFC 8878). JAX compresses with it where it is installed."""

ZLIB = b"\x78"
"""What data compressed by zlib begins with, JAX's choice elsewhere (RFC 1950)."""


def turn_on() -> None:
    """Points JAX's persistent compilation cache to the user's cache folder, unless the user has set one.

    Truncated entries are removed. JAX writes entries in place, so a process that is killed may leave a part of one.
    JAX would fail to read it in every later run, compile again, and never replace it.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "lookax" / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    folder = Path(str(jax.config.values["jax_compilation_cache_dir"]))
    # Not of a bucket in a cloud. A folder that cannot be written to is used as it is.
    if folder.is_dir():
        with contextlib.suppress(OSError):
            _remove_truncated(folder)


def _remove_truncated(folder: Path) -> None:
    """Removes truncated entries, of those that were written since this was done last."""
    checked, beginning = folder / CHECKED, folder / f"{CHECKED}-{os.getpid()}"
    since = checked.stat().st_mtime - SLACK if checked.exists() else 0.0
    beginning.touch()
    for entry in folder.glob("*-cache"):
        # Other processes may remove it meanwhile, and other users' entries may stay.
        with contextlib.suppress(OSError):
            if entry.stat().st_mtime >= since and is_truncated(entry.read_bytes()):
                entry.unlink()
    beginning.replace(checked)


def is_truncated(entry: bytes) -> bool:
    """Whether a compressed entry ends too early; False if it is compressed in an unknown way."""
    if entry.startswith(ZSTANDARD):
        return _is_truncated_zstandard(entry)
    if entry.startswith(ZLIB):
        try:
            zlib.decompress(entry)
        except zlib.error:
            return True
        return False
    return ZSTANDARD.startswith(entry)


def _is_truncated_zstandard(frame: bytes) -> bool:
    """From the sizes of its blocks alone: Python has Zstandard from 3.14 only."""
    try:
        descriptor = frame[4]
        single_segment = descriptor >> 5 & 1
        content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
        at = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size
        last = False
        while not last:
            header = int.from_bytes((frame[at], frame[at + 1], frame[at + 2]), "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            # A block of kind 1 is one byte, repeated.
            at += 3 + (1 if kind == 1 else size)
    except IndexError:
        return True
    return len(frame) < at + 4 * (descriptor >> 2 & 1)
