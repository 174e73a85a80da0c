"""Metrics as a frame of pandas."""

from pathlib import Path

import pandas as pd

from lookax.runs.storage.metrics import rows_of


def read_metrics(path: Path) -> pd.DataFrame:
    """A run's metrics as a frame, also while it runs or after it crashed: a row per update and seed.

    Metrics of several numbers are nested lists. Those that are not evaluated before the first update are missing there.

    **Arguments:** `path` to a run's folder, or to its `metrics.jsonl`.
    """
    return pd.DataFrame.from_records(rows_of(path / "metrics.jsonl" if path.is_dir() else path))
