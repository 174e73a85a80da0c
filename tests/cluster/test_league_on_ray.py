"""A league on a Ray cluster gives the numbers that it gives in one process."""

import pytest

from lookax.cli import main
from tests.runs.conftest import first_agents

pytestmark = pytest.mark.cluster

__all__ = ["first_agents"]


@pytest.mark.filterwarnings("ignore")
def test_the_numbers_are_those_of_one_process(first_agents, tmp_path):
    mine, other = first_agents(tmp_path / "mine", seeds=2), first_agents(tmp_path / "other", seeds=1, first_seed=5)
    words = ["league", str(mine), str(other), "--games", "4"]
    assert main([*words, "--out", str(tmp_path / "here.html")]) == 0
    assert main([*words, "--engine", "ray", "--out", str(tmp_path / "there.html")]) == 0
    assert (tmp_path / "here.json").read_bytes() == (tmp_path / "there.json").read_bytes()
