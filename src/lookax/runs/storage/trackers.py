"""Trackers of experiments: Weights & Biases, trackio, MLflow's SQLite store; each point reaches them at most once."""

import contextlib
import contextvars
import hashlib
import io
import json
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.loggers import Logger, TensorBoard
from lookax.runs.storage.run import MLFLOW_STORE, SQLITE, Run


class WeightsAndBiases:
    """A run of a project on Weights & Biases; offline where its `WANDB_MODE` says so.

    **Arguments:** the `run`; the `identity` that its curves have had before, None for new ones.
    """

    def __init__(self, run: Run, identity: str | None):
        import wandb

        self.identity = identity or _identity(run.folder.path)
        # Runs of a sweep learn together: each is a run of its own.
        self._run = wandb.init(
            project=run.recording.project,
            name=run.name,
            config=as_fields(run.settings),
            dir=run.folder.path,
            id=self.identity,
            resume="allow",
            reinit="create_new",
        )

    def log(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Adds points: numbers by name, by update."""
        for update, numbers in points.items():
            self._run.log(dict(numbers), step=update)

    def flush(self) -> None:
        """Nothing: a process of its own writes what it was given, also if this one dies."""

    def close(self) -> None:
        """Writes what is left."""
        self._run.finish()


class Trackio:
    """A run of a local trackio project, in trackio's own folder (`TRACKIO_DIR`); no dashboard is started.

    **Arguments:** as of `WeightsAndBiases`; the `identity` is the run's name there, of which there may be but one.
    """

    def __init__(self, run: Run, identity: str | None):
        self.identity = identity or f"{run.name}-{_identity(run.folder.path)[:6]}"
        self._project, self._config = run.recording.project, as_fields(run.settings)
        self._run: Any = None

    def log(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Adds points: numbers by name, by update."""
        if self._run is None:
            self._run = self._begun()
        for update, numbers in points.items():
            self._run.log(dict(numbers), step=update)

    def flush(self) -> None:
        """Puts what there is on disk, which trackio does by ending the run; another point goes on with it."""
        if self._run is not None:
            with contextlib.redirect_stdout(io.StringIO()):
                self._run.finish()
            self._run = None

    def close(self) -> None:
        """Writes what is left."""
        self.flush()

    def _begun(self) -> Any:
        import trackio

        # In a context of its own, so that it does not become the run of whoever else uses trackio in this process.
        with _in_one_line("trackio"), contextlib.redirect_stdout(io.StringIO()):
            return contextvars.copy_context().run(
                trackio.init,
                project=self._project,
                name=self.identity,
                config=self._config,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )


class MLflow:
    """A run of an MLflow experiment, in a database of SQLite: `MLFLOW_TRACKING_URI`, or `mlflow.db` beside the run.

    A run that the database does not have any more begins again there, with the points to come.

    **Arguments:** as of `WeightsAndBiases`.
    """

    def __init__(self, run: Run, identity: str | None):
        beside = run.folder.path.resolve().parent
        store = os.environ.get(MLFLOW_STORE) or f"{SQLITE}{beside / 'mlflow.db'}"
        # It would tell its makers of its use, by the network.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        with _quiet("mlflow", "alembic"):
            from mlflow import MlflowClient
            from mlflow.entities import Param

            self._client = MlflowClient(tracking_uri=store)
            if identity is None or not self._has(identity):
                created = self._client.create_run(self._experiment(run.recording.project, beside), run_name=run.name)
                identity = created.info.run_id
                params = [Param(name, str(value)) for name, value in as_fields(run.settings).items()]
                self._client.log_batch(identity, params=params)
            else:
                self._client.update_run(identity, status="RUNNING")
        self.identity = identity

    def log(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Adds points: numbers by name, by update; on disk at once."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, u) for u, numbers in points.items() for name, value in numbers.items()]
        self._client.log_batch(self.identity, metrics=metrics)

    def flush(self) -> None:
        """Nothing: all is on disk."""

    def close(self) -> None:
        """Marks the run as finished."""
        self._client.set_terminated(self.identity)

    def _has(self, identity: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_run(identity)
        except MlflowException as reason:
            if reason.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return True

    def _experiment(self, name: str, beside: Path) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        from mlflow.exceptions import MlflowException

        try:
            return self._client.create_experiment(name, artifact_location=(beside / "mlartifacts").as_uri())
        except MlflowException:
            # Another process was a moment earlier.
            found = self._client.get_experiment_by_name(name)
            if found is None:
                raise
            return found.experiment_id


KINDS = {"wandb": WeightsAndBiases, "trackio": Trackio, "mlflow": MLflow}


class Trackers:
    """All that take a run's curves.

    `trackers.json` in the run's folder says what each has been given: which run there, and up to which update. A run
    that is resumed from a checkpoint computes the same points again; trackers are not given those twice. It is written
    before they are: after a process was killed, a tracker may lack the last points, and has none twice. TensorBoard
    forgets later points by itself.

    **Arguments:** the `run`; the `first_update` to come.

    **Raises:** `ValueError`, in one line, where a tracker refuses the run, as W&B does without a key.
    """

    def __init__(self, run: Run, first_update: int):
        recording = run.recording
        self._file = run.folder.path / "trackers.json"
        self._given: dict[str, dict[str, Any]] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._loggers: dict[str, Logger] = {}
        for name in recording.trackers:
            if name == "tensorboard":
                self._loggers[name] = TensorBoard(run.folder.tensorboard, first_update)
                continue
            key = f"{name}: {recording.project}"
            known = self._given.get(key, {}).get("run")
            with _in_one_line(name):
                logger = KINDS[name](run, known)
            if logger.identity != known:
                self._given[key] = {"run": logger.identity, "update": -1}
            self._loggers[key] = logger
        if self._given:
            self._note()

    def log(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Adds points: numbers by name, by update, the last one last."""
        new = {key: points for key in self._loggers if key not in self._given}
        for key, given in self._given.items():
            if key in self._loggers:
                new[key] = {update: numbers for update, numbers in points.items() if update > given["update"]}
                given["update"] = max(given["update"], *points)
        if self._given:
            self._note()
        for key, own in new.items():
            if own:
                self._loggers[key].log(own)

    def flush(self) -> None:
        """Puts what there is on disk, as a checkpoint is written that goes on from there."""
        for logger in self._loggers.values():
            logger.flush()

    def close(self) -> None:
        """Writes what is left."""
        for logger in self._loggers.values():
            logger.close()

    def _note(self) -> None:
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self._given, indent=1) + "\n")
        unfinished.replace(self._file)


def _identity(path: Path) -> str:
    return hashlib.blake2b(str(path.resolve()).encode(), digest_size=8).hexdigest()


@contextlib.contextmanager
def _in_one_line(tracker: str) -> Iterator[None]:
    """Within, what a tracker's package raises, of whatever class, becomes one line that names it."""
    try:
        yield
    except Exception as reason:
        lines = str(reason).strip().splitlines()
        raise BadInputError(f"trackers: {tracker}: {lines[0] if lines else type(reason).__name__}") from reason


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Within, these loggers tell of no progress, and packages do not warn of each other."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
