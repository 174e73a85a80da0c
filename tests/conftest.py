import os
import shutil
import tempfile

import jax
import jaxtyping
import pytest

# Most of what tests do is compile, and what they compile runs for milliseconds: a program is made quickly rather than
# made quick. Processes that tests start inherit it. XLA ends a process that is given a flag which it does not know.
QUICKLY_COMPILED = "--xla_backend_optimization_level=0"
if jax.__version_info__ < (0, 11):  # later ones do not know it
    QUICKLY_COMPILED += " --xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = f"{QUICKLY_COMPILED} {os.environ.get('XLA_FLAGS', '')}"


# Programs are compiled once in a session, whichever of its processes needs them: those that test share a cache, with
# those that they start. One that is there already is used, and left.
CACHE = None if "JAX_COMPILATION_CACHE_DIR" in os.environ else tempfile.mkdtemp(prefix="lookax-tests-")
if CACHE is not None:
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": CACHE,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
# JAX, which a plugin may have imported, has read the environment already.
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_unconfigure():
    if CACHE is not None:
        shutil.rmtree(CACHE, ignore_errors=True)


@pytest.fixture(autouse=True)
def float64():
    """Oracles are compared to many digits."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def types_unchecked():
    """Without beartype, as people have it: what a type forbids reaches the checks that tell them so in one line."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
