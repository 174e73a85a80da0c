import jax
import pytest


@pytest.fixture(autouse=True)
def float64():
    """Oracles are compared to many digits."""
    with jax.enable_x64(True):
        yield
