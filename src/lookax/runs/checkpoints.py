"""Checkpoints of programs: states of all lanes, by orbax, each with a digest and where its runs' metrics end."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
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
    failures: Sequence[str | None]


class Checkpoints:
    """A folder of checkpoints, at most one per update. One process writes it at a time.

    **Arguments:** the folder's `path`; how many of the latest to keep, `None` to read alone, which changes nothing;
    besides, those of updates that `keep_every` divides are kept.

    **Raises:** `OSError` if it cannot be written.
    """

    def __init__(self, path: Path, keep_last: int | None = None, keep_every: int | None = None):
        # Or orbax speaks of every save, and of what is damaged before we do.
        logging.getLogger("absl").setLevel(logging.CRITICAL)
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

    def updates(self) -> list[int]:
        """Those that have a checkpoint, in order."""
        return sorted(self._manager.all_steps())

    def save(self, state: PyTree, progress: Progress) -> None:
        """Writes a checkpoint, unless this update has one; it exists from the moment that it is whole.

        **Arguments:** a `state` of arrays of NumPy.

        **Raises:** `OSError` if it cannot be written; those that were are as they were.
        """
        leaves = _leaves(state)
        about = dataclasses.asdict(progress) | {"digest": _digest(leaves)}
        if progress.update in self._damaged:
            self._manager.delete(progress.update)
        try:
            self._manager.save(
                progress.update,
                args=ocp.args.Composite(state=ocp.args.StandardSave(leaves), progress=ocp.args.JsonSave(about)),
            )
        except StepAlreadyExistsError:
            return
        except OSError:
            raise
        except Exception as reason:  # tensorstore's words for a full disk among them
            raise OSError(f"{self.path}: {str(reason).splitlines()[0]}") from reason

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
                damage = self._told(update, "is longer than the metrics that belong to it")
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
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(), progress=ocp.args.JsonRestore())
        try:
            read = self._manager.restore(update, args=arguments)
            leaves, about = {name: np.asarray(leaf) for name, leaf in read["state"].items()}, dict(read["progress"])
            sound = about.pop("digest") == _digest(leaves)
            progress = Progress(**about)
        except Exception as reason:  # whatever orbax, tensorstore and JSON make of damaged files
            raise DamagedError(self._told(update, f"cannot be read: {type(reason).__name__}")) from reason
        if not sound:
            raise DamagedError(self._told(update, "has changed since it was written"))
        (lanes,) = {len(leaf) for leaf in leaves.values()}
        shapes = {name: (leaf.shape[1:], leaf.dtype) for name, leaf in _leaves(template).items()}
        if shapes != {name: (leaf.shape[1:], leaf.dtype) for name, leaf in leaves.items()}:
            raise BadInputError(self._told(update, "is of another form than this release's; use the one that wrote it"))
        filled = [
            leaves.get(_name(i), np.zeros((lanes, *leaf.shape[1:]), leaf.dtype))
            for i, leaf in enumerate(jax.tree.leaves(template))
        ]
        return jax.tree.unflatten(jax.tree.structure(template), filled), progress

    def close(self) -> None:
        """Lets go of it."""
        self._manager.close()

    def _told(self, update: int, what: str) -> str:
        return f"checkpoint of update {update} in {self.path} {what}"


def updates_in(path: Path) -> list[int]:
    """Updates that have a checkpoint in a folder, in order; none if there is no such folder."""
    return sorted(int(folder.name) for folder in path.glob("*") if folder.name.isdecimal()) if path.is_dir() else []


def _leaves(tree: PyTree) -> dict[str, Any]:
    """Leaves by number, but for empty ones, which orbax refuses."""
    return {_name(i): leaf for i, leaf in enumerate(jax.tree.leaves(tree)) if leaf.size}


def _name(number: int) -> str:
    return f"{number:04}"


def _digest(leaves: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, leaf in sorted(leaves.items()):
        digest.update(f"{name} {leaf.dtype} {leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()
