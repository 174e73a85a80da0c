"""Checkpoints of programs: states of all lanes, by orbax, each with a digest and where its runs' metrics end."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_manager import StepAlreadyExistsError

from lookax.errors import BadInputError

LOGGER = logging.getLogger("lookax")


class DamagedError(Exception):
    """A checkpoint that cannot be read, or is not what was written."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a program has come.

    **Attributes:** the `update` that it has made; the `positions` in bytes where its runs' metrics end; its runs'
    `settings`, fields by name; why those that failed did.
    """

    update: int
    positions: Sequence[int]
    settings: Sequence[dict[str, Any]]
    failures: Sequence[str | None] = ()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within, absl logs nothing: orbax would speak of every save, and of what is damaged before lookax does."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class Checkpoints:
    """A folder of checkpoints, at most one per update. One process writes it at a time.

    **Arguments:** the folder's `path`; how many of the latest to keep, `None` to read alone, which changes nothing;
    besides, those of updates that `keep_every` divides are kept.

    **Raises:** `OSError` if it cannot be written.
    """

    @_quiet()
    def __init__(self, path: Path, keep_last: int | None = None, keep_every: int | None = None):
        this_one = jax.process_index()
        read_only = keep_last is None
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep_last,
            keep_period=keep_every,
            enable_async_checkpointing=False,
            create=False,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
            multiprocessing_options=ocp.options.MultiprocessingOptions(this_one, {this_one}, "lookax"),
        )
        if not read_only:
            path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._damaged: set[int] = set()
        self._manager = ocp.CheckpointManager(path.absolute(), options=options)

    @_quiet()
    def updates(self) -> list[int]:
        """Those that have a checkpoint, in order."""
        return sorted(self._manager.all_steps())

    @_quiet()
    def save(self, state: PyTree, progress: Progress) -> None:
        """Writes a checkpoint, unless this update has one; it exists from the moment that it is whole.

        **Arguments:** a `state` of arrays of NumPy.

        **Raises:** `OSError` if it cannot be written; those that were are as they were.
        """
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
        # One array: of several, where one is damaged, tensorstore goes on reading the others and complains on its own.
        data = np.frombuffer(b"".join(leaf.tobytes() for leaf in leaves), np.uint8)
        forms = [[leaf.dtype.name, list(leaf.shape)] for leaf in leaves]
        about = dataclasses.asdict(progress) | {"leaves": forms, "digest": _digest(data, forms)}
        # Those that were passed over go now: orbax writes none before its latest, and counts them among those to keep.
        for update in self._damaged:
            self._manager.delete(update)
        self._damaged.clear()
        try:
            self._manager.save(
                progress.update,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave({"bytes": data}), progress=ocp.args.JsonSave(about)
                ),
            )
        except StepAlreadyExistsError:
            return
        except OSError:
            raise
        except Exception as reason:  # tensorstore's words for a full disk among them, pages of them
            if number := re.search(r"os_error_code='(\d+)'", str(reason)):
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(self.path)) from reason
            raise OSError(f"{self.path}: {str(reason).splitlines()[0][:200]}") from reason

    def newest(self, template: PyTree, complete: Callable[[Progress], bool]) -> tuple[PyTree, Progress] | None:
        """State and progress of the newest sound checkpoint, `None` without one; a warning for every newer one.

        Sound is what can be read, has the digest that was written with it, and is `complete`: its metrics are there.

        **Raises:** `ValueError` if its arrays are not those of the `template`.
        """
        for update in reversed(self.updates()):
            try:
                state, progress = self.read(update, template)
                if complete(progress):
                    return state, progress
                damage = self._told(update, "belongs to metrics that are not there any more")
            except DamagedError as error:
                damage = str(error)
            self._damaged.add(update)
            LOGGER.warning("%s; going back to the one before, if there is one", damage)
        return None

    def read(self, update: int, template: PyTree) -> tuple[PyTree, Progress]:
        """State, `[lanes, …]`, and progress of an update's checkpoint.

        **Raises:** `DamagedError` if it is not sound; `ValueError` if its arrays are not those of the `template`, which
        may be one of fewer lanes.
        """
        data, forms, progress = self._sound(update)
        form = [[leaf.dtype.name, list(leaf.shape[1:])] for leaf in jax.tree.leaves(template)]
        if form != [[dtype, shape[1:]] for dtype, shape in forms]:
            raise BadInputError(self._told(update, "is of another form than this release's; use the one that wrote it"))
        return jax.tree.unflatten(jax.tree.structure(template), _leaves(data, forms)), progress

    def progress(self, update: int) -> Progress:
        """Progress of an update's checkpoint.

        **Raises:** `DamagedError` if it is not sound.
        """
        return self._sound(update)[2]

    @_quiet()
    def _sound(self, update: int) -> tuple[np.ndarray, list[Any], Progress]:
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(), progress=ocp.args.JsonRestore())
        try:
            read = self._manager.restore(update, args=arguments)
            data, about = np.asarray(read["state"]["bytes"]), dict(read["progress"])
            forms = about.pop("leaves")
            sound = about.pop("digest") == _digest(data, forms)
            progress = Progress(**about)
        except Exception as reason:  # whatever orbax, tensorstore and JSON make of damaged files
            raise DamagedError(self._told(update, f"cannot be read ({type(reason).__name__})")) from reason
        if not sound:
            raise DamagedError(self._told(update, "has changed since it was written"))
        return data, forms, progress

    @_quiet()
    def close(self) -> None:
        """Lets go of it."""
        self._manager.close()

    def _told(self, update: int, what: str) -> str:
        return f"checkpoint of update {update} in {self.path} {what}"


def _leaves(data: np.ndarray, forms: Sequence[Sequence[Any]]) -> list[np.ndarray]:
    """Arrays of the types and shapes named, cut from all of their bytes."""
    sizes = [np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in forms]
    parts = np.split(data, np.cumsum(sizes)[:-1])
    return [part.view(dtype).reshape(shape) for part, (dtype, shape) in zip(parts, forms, strict=True)]


def _digest(data: np.ndarray, forms: Sequence[Any]) -> str:
    return hashlib.blake2b(json.dumps(forms).encode() + data.tobytes(), digest_size=16).hexdigest()
