import shutil

import jax
import pytest

from lookax.cli import main

WORDS = ["run", "ipd-naive", "--seeds", "2", "--total-updates", "6", "--checkpoint-updates", "2"]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("faults") / "undisturbed"
    with jax.enable_x64(True):
        assert main([*WORDS, "--out", str(out)]) == 0
    return out


@pytest.fixture
def folder(undisturbed, tmp_path):
    """A copy of a run that has come to its end, with checkpoints of updates 2, 4 and 6."""
    shutil.copytree(undisturbed, tmp_path / "run")
    return tmp_path / "run"
