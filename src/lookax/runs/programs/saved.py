"""States that runs have saved, to be looked at; nothing on disk changes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from lookax.errors import BadInputError, check
from lookax.experiments.studies.study import GameStudy, study_of
from lookax.runs.programs.lanes import Lanes
from lookax.runs.storage.checkpoints import Checkpoints, DamagedError
from lookax.runs.storage.folder import updates_in
from lookax.runs.storage.run import Run, read_run


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a run has saved.

    **Attributes:** the `run`; the `update` of the checkpoint; the `state` in it, arrays of NumPy, `[seeds, …]`; the
    `lanes` that go on with it.
    """

    run: Run
    update: int
    state: PyTree
    lanes: Lanes

    @property
    def seeds(self) -> range:
        """The random seeds, in the order of the state."""
        first = self.run.settings.first_seed
        return range(first, first + self.run.settings.seeds)

    def policy(self, seed: int, player: int) -> Any:
        """The policy of one player.

        **Raises:** `ValueError` for a seed or player that there is not.
        """
        check(seed in self.seeds, "seed", seed, f"one of {self.seeds[0]} … {self.seeds[-1]}")
        policies = getattr(self.state, "policies", ())
        check(0 <= player < len(policies), "player", player, f"one of the {len(policies)} players, from 0")
        place = self.seeds.index(seed)
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[place]), policies[player])


def read_saved(run: Run, update: int | None, devices: Sequence[Any] | None = None) -> Saved:
    """The state of a run in its checkpoint of an update, or in the newest sound one.

    **Arguments:** the `devices` of the lanes, all of them by default.

    **Raises:** `ValueError` if there is no such checkpoint, or it is not sound.
    """
    existing = updates_in(run.checkpoints)
    if not existing:
        raise BadInputError(f"{str(run.folder.path)!r} has no checkpoint yet")
    if update is not None and update not in existing:
        raise BadInputError(f"update: {update} has no checkpoint; there are those of {', '.join(map(str, existing))}")
    lanes = Lanes([run.settings], devices)
    checkpoints = Checkpoints(run.checkpoints)
    try:
        if update is None:
            found = checkpoints.newest(lanes.template, lambda _: True)
        else:
            found = checkpoints.read(update, lanes.template)
    except DamagedError as damage:
        raise BadInputError(f"update: {damage}") from None
    finally:
        checkpoints.close()
    if found is None:
        raise BadInputError(f"{str(run.folder.path)!r} has no checkpoint that is sound")
    state, progress = found
    # Others may learn together with it.
    first = run.place * run.settings.seeds
    state = jax.tree.map(lambda leaf: leaf[first : first + run.settings.seeds], state)
    return Saved(run, progress.update, state, lanes)


def read_players(path: Path, update: int | None) -> tuple[Saved, GameStudy]:
    """The same of the run in a folder, and its study, whose players meet in games.

    **Raises:** `ValueError` besides if they do not.
    """
    run = read_run(path)
    study = game_study(run)
    # One device: what is computed is small, and to spread games over several is to trace an update.
    return read_saved(run, update, jax.devices()[:1]), study


def game_study(run: Run) -> GameStudy:
    """A run's study, whose players meet in games.

    **Raises:** `ValueError` if they do not.
    """
    study = study_of(run.settings)
    if not isinstance(study, GameStudy):
        raise BadInputError(
            f"{str(run.folder.path)!r} is a run of {run.preset.name}, whose players do not meet in sampled games; "
            "`lookax evaluate` shows what such runs have learned"
        )
    return study
