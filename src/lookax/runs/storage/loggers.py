"""Curves beside the run's own file: which numbers get one, what takes them, and TensorBoard's files."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2, summary_pb2

FEW = 8
"""Most numbers of one metric that get a curve each; of more, such as tables of policies, none does."""

# Protocol buffers make their classes as they are imported, unseen by a type checker.
EVENTS: Any = event_pb2
SUMMARIES: Any = summary_pb2


@runtime_checkable
class Logger(Protocol):
    """What takes curves."""

    def log(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Adds points: numbers by name, by update."""
        ...

    def flush(self) -> None:
        """Puts what there is on disk, as a checkpoint is written that goes on from there."""
        ...

    def close(self) -> None:
        """Writes what is left."""
        ...


class TensorBoard:
    """Event files in a folder.

    **Arguments:** the folder's `path`; the `first_update` to come: TensorBoard forgets points from there on.
    """

    def __init__(self, path: Path, first_update: int):
        path.mkdir(exist_ok=True)
        # Not its SummaryWriter, whose thread dies of a full disk, whereupon whoever adds a point waits forever.
        self._events = EventsWriter(str(path / "events"), f".{first_update:09}")
        session = EVENTS.SessionLog(status=EVENTS.SessionLog.START)
        self._events.write_event(EVENTS.Event(step=first_update, wall_time=time.time(), session_log=session))

    def log(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Adds points: numbers by name, by update."""
        for update, numbers in points.items():
            values = [SUMMARIES.Summary.Value(tag=name, simple_value=value) for name, value in numbers.items()]
            summary = SUMMARIES.Summary(value=values)
            self._events.write_event(EVENTS.Event(step=update, wall_time=time.time(), summary=summary))

    def flush(self) -> None:
        """Puts what there is on disk."""
        self._events.flush()

    def close(self) -> None:
        """Writes what is left."""
        self._events.close()


def curves(metrics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """From metrics `[updates, seeds, …]`, means over seeds, `[updates]`, of every number that gets a curve."""
    return {name: values.mean(axis=1) for name, values in curves_by_seed(metrics).items()}


def curves_by_seed(metrics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """From metrics `[updates, seeds, …]`, `[updates, seeds]` of every number that gets a curve.

    Numbers of a metric with several, such as one per player, are counted from 1: `returns/1`.
    """
    found: dict[str, np.ndarray] = {}
    for name, values in metrics.items():
        if values.ndim == 2:
            found[name] = values
        elif values.ndim == 3 and values.shape[2] <= FEW:
            found |= {f"{name}/{i + 1}": values[:, :, i] for i in range(values.shape[2])}
    return found
