"""The folder that a run leaves behind.

config.yaml      the preset's name, every setting, and what is recorded when
provenance.json  versions, devices, revision and command line of the run and of every time that it was resumed
metrics.jsonl    a line per update and seed, flushed as it is written
tensorboard/     event files: means over seeds
checkpoints/     states to resume from; those of runs that share a program stand in the folder of all of them
policies/        what was learned, a file per seed; opponent shaping's is what `--initial-policies` reads
table.json       the closing table
figure.png, .pdf
evaluation-<update>.json  what a checkpoint gave when it was evaluated, if it was
inspection-<update>….png, .gif  what its agents did when they were inspected, if they were
failed.txt       why it stopped, if it did
pruned.txt       when a search gave it up, if it did
"""

import dataclasses
import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from lookax.errors import BadInputError
from lookax.runs.processes import is_first_process
from lookax.runs.storage.config import read_yaml, write_yaml

CONFIG = "config.yaml"


class RunFolder:
    """One run's files in a folder; of a path that does not exist, nothing is made before something is written."""

    def __init__(self, path: Path):
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"

    def write_config(self, content: Mapping[str, Any]) -> None:
        """`config.yaml`."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_yaml(self.path / CONFIG, content)

    def config(self) -> dict[str, Any]:
        """What `config.yaml` says.

        **Raises:** `ValueError`, in one line, if this is no folder of a run, or one of a later release.
        """
        if not (self.path / CONFIG).exists():
            what = f"is not the folder of a run (it has no {CONFIG})" if self.path.exists() else "does not exist"
            raise BadInputError(f"{str(self.path)!r} {what}; name a run's, such as those in runs/")
        return read_yaml(self.path / CONFIG)

    def add_provenance(self, entry: Mapping[str, Any]) -> None:
        """Adds an entry to `provenance.json`: what it is run with from now on."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_json("provenance.json", [*self.provenance(), entry])

    def provenance(self) -> list[dict[str, Any]]:
        """The entries of `provenance.json`, oldest first; the last is of the latest time that it was resumed."""
        return self._read_json("provenance.json") or []

    def write_policies(self, seed: int, policies: Mapping[str, Any]) -> None:
        """`policies/seed-<seed>.json`."""
        (self.path / "policies").mkdir(exist_ok=True)
        self._write_json(f"policies/seed-{seed}.json", policies)

    def policies(self) -> dict[int, dict[str, Any]]:
        """What was learned, by seed."""
        files = (self.path / "policies").glob("seed-*.json")
        return dict(sorted((int(file.stem.removeprefix("seed-")), json.loads(file.read_text())) for file in files))

    def write_figure(self, figure: Any) -> None:
        """`figure.png` and `figure.pdf` of a matplotlib figure."""
        for suffix in ("png", "pdf"):
            figure.savefig(self.path / f"figure.{suffix}", dpi=150)

    def write_table(self, table: Any) -> None:
        """`table.json`: the closing table."""
        self._write_json("table.json", dataclasses.asdict(table))

    def table(self) -> dict[str, Any] | None:
        """The closing table; `None` for a run that has not come to its end."""
        return self._read_json("table.json")

    def write_evaluation(self, update: int, seeds: Sequence[int], quantities: Mapping[str, np.ndarray]) -> Path:
        """`evaluation-<update>.json`: quantities `[seeds, …]` by name. Returns its path.

        **Arguments:** the `update` after which they were computed; the random `seeds`; the `quantities`.
        """
        numbers = {name: values.tolist() for name, values in quantities.items()}
        content = {"update": update, "seeds": list(seeds), "quantities": numbers}
        return self._write_json(f"evaluation-{update}.json", content)

    def write_failure(self, message: str) -> None:
        """`failed.txt`."""
        (self.path / "failed.txt").write_text(message + "\n")

    def failure(self) -> str | None:
        """Why it stopped; `None` if it did not fail."""
        file = self.path / "failed.txt"
        return file.read_text().strip() if file.exists() else None

    def write_pruned(self, message: str) -> None:
        """`pruned.txt`."""
        (self.path / "pruned.txt").write_text(message + "\n")

    def pruned(self) -> bool:
        """Whether a search gave it up before its end."""
        return (self.path / "pruned.txt").exists()

    def forget_failure(self) -> None:
        """As it tries again."""
        (self.path / "failed.txt").unlink(missing_ok=True)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Within, no other process works in it; the claim ends with the process, however that ends.

        Of several processes that make one run the first claims it for all.

        **Raises:** `ValueError` if another process does.
        """
        if not is_first_process():
            yield
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.path / ".lock")
        try:
            # Whoever looks whether it is in use holds it for an instant.
            lock.acquire(timeout=1)
        except filelock.Timeout:
            raise BadInputError(
                f"{str(self.path)!r} is in use by another process; wait for it, or stop it, then `lookax resume` again"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def in_use(self) -> bool:
        """Whether a process works in it; one that may only read can tell."""
        try:
            with (self.path / ".lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _write_json(self, name: str, content: Mapping[str, Any] | Sequence[Any]) -> Path:
        file = self.path / name
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content, indent=1) + "\n")
        return unfinished.replace(file)

    def _read_json(self, name: str) -> Any:
        file = self.path / name
        return json.loads(file.read_text()) if file.exists() else None


def updates_in(path: Path) -> list[int]:
    """Updates that have a checkpoint in a folder, in order; none if there is no such folder."""
    return sorted(int(folder.name) for folder in path.glob("*") if folder.name.isdecimal()) if path.is_dir() else []
