import jax
import jaxtyping
import pytest


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
