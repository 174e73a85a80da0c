"""Metrics on disk: a line of JSON per update and seed, appended as they come."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from lookax.errors import BadInputError

TAIL = 4096
"""How many bytes of what was read before are compared with what is there."""

History = dict[str, np.ndarray]
"""Metrics by name, `[updates, seeds, …]`."""


class MetricsFile:
    """A file of metrics that grows; what is in it before `position` belongs to a checkpoint.

    **Arguments:** its `path`; the `position` in bytes from which to go on: whatever comes after it is forgotten.

    **Raises:** `OSError` if it cannot be written.
    """

    def __init__(self, path: Path, position: int):
        path.touch()
        os.truncate(path, position)
        self._file = path.open("ab")
        self._end = position

    def append(self, first_update: int, first_seed: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Adds metrics `[updates, seeds, …]`, and gives them to the operating system.

        **Arguments:** the numbers of the `first_update` and of the `first_seed`; `metrics` by name.
        """
        row = b'{"update":%d,"seed":%d'
        for name, values in metrics.items():
            inner = values.ndim - 2
            row += b"," + orjson.dumps(name).replace(b"%", b"%%") + b":" + b"[" * inner + b"%b" + b"]" * inner
        row += b"}\n"
        lines = bytearray()
        for u in range(len(next(iter(metrics.values())))) if metrics else ():
            texts = zip(*(_by_seed(values[u]) for values in metrics.values()), strict=True)
            lines += b"".join([row % (first_update + u, first_seed + s, *own) for s, own in enumerate(texts)])
        self._file.write(lines)
        self._file.flush()
        self._end += len(lines)

    def position(self) -> int:
        """Where what has been added ends, all of it safely on disk; of an addition that failed, nothing counts."""
        os.fsync(self._file.fileno())
        return self._end

    def close(self) -> None:
        """Closes it."""
        self._file.close()


def read_history(path: Path) -> History:
    """A run's metrics as arrays `[updates, seeds, …]`, up to the last update that is complete.

    Metrics that are evaluated before the first update too have one entry more, at the front.
    """
    rows = rows_of(path / "metrics.jsonl" if path.is_dir() else path)
    seeds = len({row["seed"] for row in rows})
    updates = [rows[i : i + seeds] for i in range(0, len(rows) - len(rows) % max(seeds, 1), max(seeds, 1))]
    names = [name for name in (updates[-1][0] if updates else {}) if name not in ("update", "seed")]
    return {name: np.array([[row[name] for row in rows] for rows in updates if name in rows[0]]) for name in names}


class GrowingHistory:
    """A run's metrics, read on from where they were read before.

    **Arguments:** the `path` of its file, which need not be there yet; its number of `seeds`.

    **Attributes:** its `metrics` by name, as `read_history` has them; the `version`, which counts how often more was
    found, or something else; the `last` update that is complete, −1 before there is one.
    """

    def __init__(self, path: Path, seeds: int):
        self._path, self._seeds = path, seeds
        self.version = 0
        self._forget()

    def read(self) -> None:
        """Reads what has been added; all of it, if what was read before is no longer there.

        **Raises:** `ValueError`, in one line, for a line that is damaged.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(self._end - len(self._tail))
            if size < self._end or file.read(len(self._tail)) != self._tail:
                self._forget()
                self.version += 1
            if size == self._end:
                return
            file.seek(self._end)
            lines = file.read(size - self._end).split(b"\n")[:-1]
        rows = _parsed(self._path, lines)
        whole = len(rows) - len(rows) % self._seeds
        if not whole:
            return
        read = b"".join(line + b"\n" for line in lines[:whole])
        self._end, self._tail = self._end + len(read), read[-TAIL:]
        updates = [rows[i : i + self._seeds] for i in range(0, whole, self._seeds)]
        for name in (name for name in updates[-1][0] if name not in ("update", "seed")):
            new = np.array([[row[name] for row in own] for own in updates if name in own[0]])
            self.metrics[name] = np.concatenate([self.metrics[name], new]) if name in self.metrics else new
        self.last = updates[-1][0]["update"]
        self.version += 1

    def _forget(self) -> None:
        self.metrics: History = {}
        self._end, self._tail, self.last = 0, b"", -1


def first_update(path: Path) -> int:
    """The first update in a run's file of metrics: 0 where states are evaluated before any; its first line is whole."""
    with path.open("rb") as file:
        return _parsed(path, [file.readline()])[0]["update"]


def last_rows(path: Path, seeds: int) -> list[dict[str, Any]]:
    """The rows of the last update that is complete, one per seed; none if there is none, or no such file.

    Reads the end of the file alone.

    **Raises:** `ValueError`, in one line, for a line that is damaged.
    """
    if not path.exists():
        return []
    rows = _parsed(path, _last_lines(path, 2 * seeds))
    last = rows[-1]["update"] if rows else 0
    found = ([row for row in rows if row["update"] == update] for update in (last, last - 1))
    return next((own for own in found if len(own) == seeds), [])


def _by_seed(values: np.ndarray) -> list[bytes]:
    """The JSON of every entry along the first axis, without its outer brackets.

    All of it is made in one go, which takes two thirds of the time that as many small arrays do.
    """
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    inner = values.ndim - 1
    return text[1 + inner : len(text) - 1 - inner].split(b"]" * inner + b"," + b"[" * inner)


def _last_lines(path: Path, number: int) -> list[bytes]:
    """The last lines that are complete, up to a number of them."""
    with path.open("rb") as file:
        end, size = file.seek(0, os.SEEK_END), 1 << 16
        while True:
            start = file.seek(max(0, end - size))
            lines = file.read(end - start).split(b"\n")[1 if start else 0 : -1]
            if start == 0 or len(lines) >= number:
                return lines[-number:]
            size *= 4


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a run's file of metrics: all lines that are complete."""
    return _parsed(path, path.read_bytes().split(b"\n")[:-1])


def _parsed(path: Path, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    try:
        return [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        raise BadInputError(f"{str(path)!r} is damaged: a line of it is not JSON") from None
