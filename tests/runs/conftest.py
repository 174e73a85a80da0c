import shutil

import pytest

from lookax.cli import main

SMALL = ["ipd-lola", "--seeds", "3", "--total-updates", "5", "--checkpoint-updates", "2"]


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
