import shutil

import jax
import pytest

from lookax.cli import main

SMALL = ["ipd-lola", "--seeds", "3", "--total-updates", "5", "--checkpoint-updates", "2"]

WORDS = ["run", "ipd-naive", "--seeds", "2", "--total-updates", "6", "--checkpoint-updates", "2"]


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A run of three seeds and five updates, for tests that only read."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main(["run", *SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run_to_change(small_run, tmp_path):
    """A copy of it."""
    return shutil.copytree(small_run, tmp_path / "runs" / "small")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A run with checkpoints of updates 2, 4 and 6, for tests that only read."""
    out = tmp_path_factory.mktemp("faults") / "undisturbed"
    with jax.enable_x64(True):
        assert main([*WORDS, "--out", str(out)]) == 0
    return out


@pytest.fixture
def folder(undisturbed, tmp_path):
    """A copy of it."""
    return shutil.copytree(undisturbed, tmp_path / "run")
