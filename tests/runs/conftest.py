import dataclasses
import http.client
import json
import shutil
import threading
import time
from pathlib import Path

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


@pytest.fixture(scope="session")
def first_agents():
    """Writes a run whose agents are NumPy's draws, with other settings than that one's: no program for that."""

    def write(folder, preset="pola-figure4-pola-dice", **changes):
        preset = PRESETS[preset]
        there = {field.name for field in dataclasses.fields(preset.settings)}
        tiny = {name: value for name, value in TINY.items() if name in there}
        experiment = dataclasses.replace(preset.settings, **tiny | changes)
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


@dataclasses.dataclass(frozen=True)
class Served:
    """A page that is served: where, for whom, and of which runs."""

    port: int
    token: str
    runs: Path

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/#{self.token}"

    def request(self, method, path, body=None, **headers):
        """The status and the text that answer a request; headers of None are left out."""
        usual = {"host": f"127.0.0.1:{self.port}", "origin": f"http://127.0.0.1:{self.port}"}
        usual |= {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.putrequest(method, path, skip_host=True)
            content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            for name, value in ({"content-length": str(len(content))} | given).items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(content)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def ask(self, name, **fields):
        status, text, _ = self.request("POST", f"/api/{name}", fields)
        assert status == 200, text
        return json.loads(text)

    def number(self, name):
        """Of the run in a folder."""
        [found] = [run["id"] for run in self.ask("runs")["runs"] if Path(run["folder"]).name == name]
        return found


@pytest.fixture(scope="session")
def studio(tmp_path_factory, small_run, first_agents):
    """A page that is served of a coin game's, a matrix game's and an environment's agents."""
    from lookax.runs.studio.server import listening, server_of

    runs = tmp_path_factory.mktemp("studio")
    shutil.copytree(small_run, runs / "exact")
    first_agents(runs / "coin", "pola-figure5-laptop-pola-dice", inner_steps=1)
    first_agents(runs / "loqa", "coin-loqa", recurrent_unit="gru")
    first_agents(runs / "watched", "mgrl-minatar", seeds=1, inner_steps=1)
    with listening(0) as own:
        served = Served(own.getsockname()[1], "a-token", runs)
        server = server_of([runs], served.port, served.token)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield served
        server.should_exit = True
        thread.join()


@pytest.fixture
def unlearned(tmp_path):
    """The folder of a run that has not begun, of policies without a memory."""
    folder = tmp_path / "unlearned"
    Run("ipd-lola", PRESETS["ipd-lola"], RunFolder(folder), Recording(), folder / "checkpoints").write_config()
    return folder
