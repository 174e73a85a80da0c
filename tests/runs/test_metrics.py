"""The file of metrics."""

import numpy as np
import orjson
import pytest

from lookax.runs.storage.metrics import MetricsFile


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.bool_])
def test_rows_are_what_orjson_writes_of_every_row(dtype, tmp_path):
    draw = np.random.default_rng(0)
    metrics = {
        f"100% {'×'.join(map(str, shape))}": (3 * draw.random((4, 5, *shape)) ** 9).astype(dtype)[:, 1:4]
        for shape in ((), (1,), (2,), (2, 1), (1, 3), (2, 0), (2, 1, 2))
    }
    file = MetricsFile(tmp_path / "metrics.jsonl", 0)
    file.append(7, 2, metrics)
    file.close()
    expected = b"".join(
        orjson.dumps(
            {"update": 7 + u, "seed": 2 + s} | {name: values[u, s] for name, values in metrics.items()},
            option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE,
        )
        for u in range(4)
        for s in range(3)
    )
    assert (tmp_path / "metrics.jsonl").read_bytes() == expected
