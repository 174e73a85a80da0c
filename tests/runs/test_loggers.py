"""Curves as TensorBoard and Weights & Biases find them."""

import numpy as np
import pytest

from lookax.cli import main
from lookax.runs.storage.metrics import read_history


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_what_metrics_say(small_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(small_run / "tensorboard"))
    events.Reload()
    history = read_history(small_run)
    expected = {
        f"{name}/{i + 1}": history[name][:, :, i].mean(axis=1)
        for name in ("gradient_norm", "returns")
        for i in range(2)
    }
    expected["tit_for_tat"] = history["tit_for_tat"].mean(axis=1)
    assert set(events.Tags()["scalars"]) == {*expected, "updates_per_second"}
    assert all(point.value > 0 for point in events.Scalars("updates_per_second"))
    for tag, curve in expected.items():
        points = events.Scalars(tag)
        # Norms are of updates: there is none before the first.
        assert [point.step for point in points] == list(range(6 - len(curve), 6))
        # Event files hold single precision.
        np.testing.assert_allclose([point.value for point in points], curve, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_is_written_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    settings = {"MODE": "offline", "DIR": str(tmp_path), "BASE_URL": "http://127.0.0.1:9", "SILENT": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    out = tmp_path / "out"
    words = ["run", "ipd-lola", "--seeds", "2", "--total-updates", "3", "--wandb-project", "x", "--out", str(out)]
    assert main(words) == 0
    [run] = out.glob("wandb/offline-run-*/run-*.wandb")
    data = run.read_bytes()
    for name in (b"returns/1", b"returns/2", b"tit_for_tat", b"inner_learning_rate"):
        assert name in data
