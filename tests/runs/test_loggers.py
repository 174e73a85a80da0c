"""Curves as TensorBoard finds them."""

import numpy as np
import pytest

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
