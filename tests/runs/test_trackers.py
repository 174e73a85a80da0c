"""Curves at trackers, read back from what they keep on this machine; nothing may reach for the network."""

import json
import re
import shutil
import socket
import struct
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import yaml

from lookax.cli import main
from lookax.errors import BadInputError
from lookax.experiments.registry import PRESETS
from lookax.imports import how_to_install
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.metrics import read_history
from lookax.runs.storage.run import Recording, Run, read_run, stored_recording
from lookax.runs.storage.trackers import Trackers

pytestmark = pytest.mark.filterwarnings("ignore")  # of trackers' own packages

TRACKERS = ["tensorboard", "wandb", "trackio", "mlflow"]
WORDS = ["ipd-lola", "--seeds", "2", "--total-updates", "6", "--checkpoint-updates", "2", "--project", "of tests"]


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """Trackers' own folders are new ones; connections to other machines fail, and are noted."""
    top = tmp_path_factory.mktemp("trackers")
    tried = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def local(address):
        return isinstance(address, str | bytes) or address[0] in ("127.0.0.1", "::1", "localhost")

    def guarded(own, address):
        if not local(address):
            tried.append(address)
            raise OSError("no network in tests")
        return connect(own, address)

    def resolved(host, *arguments, **options):
        if not local((host,)):
            tried.append(host)
            raise socket.gaierror("no network in tests")
        return resolve(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket, "getaddrinfo", resolved)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WANDB_BASE_URL"):
            patch.setenv(name, "http://127.0.0.1:9")
        for name, value in {"MODE": "offline", "SILENT": "true"}.items():
            patch.setenv(f"WANDB_{name}", value)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        import trackio.sqlite_storage
        import trackio.utils

        for module in (trackio.utils, trackio.sqlite_storage, trackio):
            patch.setattr(module, "TRACKIO_DIR", top / "trackio", raising=False)
        yield top
    assert tried == []


@pytest.fixture(scope="module")
def tracked(offline):
    """A run that all trackers were told of, whose last two checkpoints were then lost, and which was resumed."""
    out = offline / "runs" / "tracked"
    assert main(["run", *WORDS, "--trackers", *TRACKERS, "--out", str(out)]) == 0
    for update in ("4", "6"):
        shutil.rmtree(out / "checkpoints" / update)
    assert main(["resume", str(out)]) == 0
    return out


def steps_and_values(found):
    """Curves by name, sorted by updates, from triples; every update is there once."""
    curves = defaultdict(list)
    for name, update, value in found:
        curves[name].append((update, value))
    return {name: sorted(points) for name, points in curves.items()}


def of_tensorboard(out):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "tensorboard")).Reload()
    return [(tag, event.step, event.value) for tag in events.Tags()["scalars"] for event in events.Scalars(tag)]


def records_of(log):
    """Records of a log as LevelDB writes it: in blocks of 32 KiB, each piece after its checksum, length and kind."""
    position, record = 7, b""
    while position + 7 <= len(log):
        if (left := -position % 32768) and left < 7:
            position += left
        length, kind = struct.unpack_from("<HB", log, position + 4)
        record += log[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield record
            record = b""


def of_wandb(out):
    from wandb.proto import wandb_internal_pb2

    messages: Any = wandb_internal_pb2  # whose classes are made as it is imported
    names = set()
    for file in sorted(out.glob("wandb/offline-run-*/run-*.wandb")):
        names.add(file.name)
        for data in records_of(file.read_bytes()):
            record: Any = messages.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history":
                for item in record.history.item:
                    name = item.key or "/".join(item.nested_key)
                    if not name.startswith("_"):
                        yield name, record.history.step.num, json.loads(item.value_json)
    assert len(names) == 1  # resumed: both files are of one run


def of_trackio(out):
    from trackio.sqlite_storage import SQLiteStorage

    [name] = [name for name in SQLiteStorage.get_runs("of tests") if name.startswith("ipd-lola-")]
    for row in SQLiteStorage.get_logs("of tests", name):
        for metric in row.keys() - {"step", "timestamp"}:
            yield metric, row["step"], row[metric]


def of_mlflow(out, name="ipd-lola", seeds="2"):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{out.parent}/mlflow.db")
    experiment = client.get_experiment_by_name("of tests")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status, run.data.params["seeds"]) == (name, "FINISHED", seeds)
    for metric in run.data.metrics:
        for point in client.get_metric_history(run.info.run_id, metric):
            yield metric, point.step, point.value


@pytest.mark.parametrize("read", [of_tensorboard, of_wandb, of_trackio, of_mlflow])
def test_a_resumed_run_has_every_point_once(read, tracked):
    curves = steps_and_values(read(tracked))
    history = read_history(tracked)
    expected = {f"{name}/{i + 1}": history[name][:, :, i] for name in ("gradient_norm", "returns") for i in range(2)}
    expected["tit_for_tat"] = history["tit_for_tat"]
    assert set(curves) == {*expected, "updates_per_second"}
    for name, values in expected.items():
        points = curves[name]
        # Norms are of updates: there is none before the first.
        assert [update for update, _ in points] == list(range(7 - len(values), 7)), name
        np.testing.assert_allclose([value for _, value in points], values.mean(axis=1), rtol=1e-6, err_msg=name)
    assert [update for update, _ in curves["updates_per_second"]] == list(range(7))


def test_settings_come_with_curves(tracked):
    from trackio.sqlite_storage import SQLiteStorage

    [name] = [name for name in SQLiteStorage.get_runs("of tests") if name.startswith("ipd-lola-")]
    config = SQLiteStorage.get_run_config("of tests", name)
    assert config is not None
    assert config["inner_learning_rate"] == read_run(tracked).settings.algorithm.lookahead.inner_learning_rate
    assert all(b"inner_learning_rate" in file.read_bytes() for file in tracked.glob("wandb/offline-run-*/*.wandb"))


@pytest.mark.slow
def test_runs_that_learn_together_are_runs_of_their_own(tracked, offline, monkeypatch):
    from mlflow import MlflowClient
    from trackio.sqlite_storage import SQLiteStorage

    store = f"sqlite:///{tracked.parent}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    out = offline / "swept"
    words = ["sweep", "ipd-naive", "--set", "learning_rate=0.5,1", "--seeds", "1", "--total-updates", "2"]
    assert main([*words, "--trackers", *TRACKERS[1:], "--project", "swept", "--out", str(out)]) == 0
    names = {"learning_rate=0.5", "learning_rate=1.0"}
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("swept")
    assert experiment is not None
    assert {run.info.run_name for run in client.search_runs([experiment.experiment_id])} == names
    assert not (out / "mlflow.db").exists()
    assert {re.sub("-[0-9a-f]{6}$", "", name) for name in SQLiteStorage.get_runs("swept")} == names
    for name in names:
        assert steps_and_values(of_wandb(out / name))["returns/1"]
        assert not (out / name / "tensorboard").exists()


def test_mlflow_has_no_other_stores(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["run", "ipd-naive", "--trackers", "mlflow", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "MLFLOW_TRACKING_URI: 'http://127.0.0.1:9' is not allowed; it must be sqlite:///FILE" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["wandb", "trackio", "mlflow"])
def test_a_tracker_that_is_not_installed_is_told_in_a_line(name, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["run", "ipd-naive", "--trackers", name, "--out", str(tmp_path / "out")]) == 2
    assert f"trackers: {name} is not installed; {how_to_install(name)}\n" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def opened(out, *names):
    recording = Recording(trackers=names, project="of tests")
    return Trackers(Run("ipd-naive", PRESETS["ipd-naive"], RunFolder(out), recording), 0)


def test_a_tracker_that_refuses_is_told_in_a_line(monkeypatch, tmp_path):
    import wandb
    from wandb.errors import UsageError

    def refusing(**_):
        raise UsageError("No API key configured.\nUse `wandb login`")

    monkeypatch.setattr(wandb, "init", refusing)
    with pytest.raises(BadInputError) as mistake:
        opened(tmp_path, "wandb")
    assert str(mistake.value) == "trackers: wandb: No API key configured."


@pytest.mark.slow
def test_a_run_that_mlflow_lost_begins_again_there(offline, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    lost = {"run": 32 * "0", "update": 7}
    (out / "trackers.json").write_text(json.dumps({"mlflow: of tests": lost}))
    begun = opened(out, "mlflow")
    begun.log({0: {"returns": 1.0}, 1: {"returns": 2.0}})
    begun.close()
    after = json.loads((out / "trackers.json").read_text())
    assert after["mlflow: of tests"]["run"] != lost["run"]
    assert sorted(value for _, _, value in of_mlflow(out, "ipd-naive", str(PRESETS["ipd-naive"].settings.seeds))) == [
        1.0,
        2.0,
    ]


def test_configurations_of_earlier_releases_are_understood(folder):
    assert stored_recording({"recording": {"wandb_project": None, "keep_last": 2}}, "test") == Recording(keep_last=2)
    file = folder / "config.yaml"
    content = yaml.safe_load(file.read_text())
    recording = content["recording"]
    del recording["trackers"], recording["project"]
    file.write_text(yaml.safe_dump(content | {"recording": recording | {"wandb_project": "mine"}}))
    assert (read_run(folder).recording.trackers, read_run(folder).recording.project) == (
        ("tensorboard", "wandb"),
        "mine",
    )
