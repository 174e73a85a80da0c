"""Where curves go beside the run's own file: TensorBoard, Weights & Biases, or whatever takes numbers by name."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2, summary_pb2

from lookax.errors import BadInputError
from lookax.runs.storage.run import NO_WANDB

FEW = 8
"""Most numbers of one metric that get a curve each; of more, such as tables of policies, none does."""

# Protocol buffers make their classes as they are imported, unseen by a type checker.
EVENTS: Any = event_pb2
SUMMARIES: Any = summary_pb2


@runtime_checkable
class Logger(Protocol):
    """What takes curves."""

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """Adds a point to every curve."""
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

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """Adds a point to every curve."""
        points = SUMMARIES.Summary(value=[SUMMARIES.Summary.Value(tag=n, simple_value=v) for n, v in numbers.items()])
        self._events.write_event(EVENTS.Event(step=update, wall_time=time.time(), summary=points))

    def flush(self) -> None:
        """Puts what there is on disk."""
        self._events.flush()

    def close(self) -> None:
        """Writes what is left."""
        self._events.close()


class WeightsAndBiases:
    """A run of a project on Weights & Biases; offline where its `WANDB_MODE` says so.

    **Arguments:** the `project`; the run's `name`, `settings` and folder, which also names it, so that it is resumed.
    """

    def __init__(self, project: str, name: str, settings: Mapping[str, Any], path: Path):
        try:
            import wandb
        except ImportError:
            raise BadInputError(NO_WANDB) from None
        self._run = wandb.init(
            project=project, name=name, config=dict(settings), dir=path, id=_identity(path), resume="allow"
        )

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """Adds a point to every curve."""
        self._run.log(dict(numbers), step=update)

    def flush(self) -> None:
        """Nothing: it does so by itself."""

    def close(self) -> None:
        """Writes what is left."""
        self._run.finish()


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


def _identity(path: Path) -> str:
    return hashlib.blake2b(str(path.resolve()).encode(), digest_size=8).hexdigest()
