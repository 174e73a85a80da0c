import dataclasses
import shutil

import jax
import numpy as np
import pytest

from lookax.cli import main
from lookax.experiments.registry import PRESETS
from lookax.experiments.studies.study import study_of
from lookax.runs.storage.checkpoints import Checkpoints, Progress
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run

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


TINY = {
    "hidden_size": 4,
    "horizon": 4,
    "batch_size": 8,
    "evaluation_games": 8,
    "outer_steps": 1,
    "inner_steps": 0,
    "inner_beta": None,
    "outer_beta": None,
    "seeds": 2,
    "total_updates": 1,
}


@pytest.fixture(scope="session")
def memory_run(tmp_path_factory):
    """A run of agents with a memory in the contribution game, for tests that only read."""
    out = tmp_path_factory.mktemp("memory") / "learned"
    words = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    with jax.enable_x64(True):
        assert main(["run", "pola-figure4-pola-dice", *words, "--out", str(out)]) == 0
    return out


@pytest.fixture
def first_agents():
    """Writes a run whose agents are NumPy's draws, with other settings than that one's: no program for that."""

    def write(folder, preset="pola-figure4-pola-dice", **changes):
        preset = PRESETS[preset]
        experiment = dataclasses.replace(preset.settings, **TINY | changes)
        with jax.enable_x64(False):
            seeds = experiment.first_seed + np.arange(experiment.seeds)
            state = jax.eval_shape(jax.vmap(lambda seed: study_of(experiment).init(jax.random.key(seed))), seeds)
        drawn = np.random.default_rng(experiment.first_seed)
        state = jax.tree.map(lambda leaf: (0.3 * drawn.normal(size=leaf.shape)).astype(leaf.dtype), state)
        run = Run(preset.name, dataclasses.replace(preset, settings=experiment), RunFolder(folder), Recording())
        run = dataclasses.replace(run, checkpoints=folder / "checkpoints")
        run.write_config()
        checkpoints = Checkpoints(run.checkpoints, 1)
        checkpoints.save(state, Progress(0, [0], [{}]))
        checkpoints.close()
        return folder

    return write


@pytest.fixture
def unlearned(tmp_path):
    """The folder of a run that has not begun, of policies without a memory."""
    folder = tmp_path / "unlearned"
    Run("ipd-lola", PRESETS["ipd-lola"], RunFolder(folder), Recording(), folder / "checkpoints").write_config()
    return folder
