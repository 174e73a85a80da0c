"""Keeps compiled programs on disk, so that a command run twice compiles once."""

import os
from pathlib import Path

import jax


def turn_on() -> None:
    """Points JAX's persistent compilation cache to the user's cache folder, unless the user has set one."""
    if jax.config.values["jax_compilation_cache_dir"] is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "lookax" / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
