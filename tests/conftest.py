import os

import jax
import jaxtyping
import pytest

# Most of what tests do is compile, and what they compile runs for milliseconds: a program is made quickly rather than
# made quick. Processes that tests start inherit it. XLA ends a process that is given a flag which it does not know.
QUICKLY_COMPILED = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = f"{QUICKLY_COMPILED} {os.environ.get('XLA_FLAGS', '')}"


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
