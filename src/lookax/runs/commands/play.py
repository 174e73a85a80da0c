"""Whole games of an actor-critic in a checkpoint of a run: their returns, and one of them to look at."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from lookax.errors import BadInputError, check, check_at_least
from lookax.evaluation.full_games import full_games
from lookax.experiments.preset import Table
from lookax.experiments.reports.agents import mean_and_half
from lookax.experiments.studies.study import EnvironmentStudy, study_of
from lookax.games.rendering import write_frames
from lookax.runs.commands import terminal
from lookax.runs.programs.saved import read_saved
from lookax.runs.storage.run import Run, read_run


@dataclasses.dataclass(frozen=True)
class WholeGames:
    """What came of whole games.

    **Attributes:** the `run`; the `update` of the checkpoint; `seeds`; `returns` `[seeds, games]`; the `frames` of the
    first seed's first game; whether the likeliest action was played always: `greedy`.
    """

    run: Run
    update: int
    seeds: range
    returns: np.ndarray
    frames: Sequence[np.ndarray]
    greedy: bool

    @property
    def title(self) -> str:
        """Whose games they are."""
        how = "the likeliest action always" if self.greedy else "actions drawn"
        progress = f"after update {self.update} of {self.run.settings.total_updates}"
        return f"{self.run.name} {progress}: {self.returns.shape[1]} whole games, {how}"

    def table(self) -> Table:
        """Mean, worst and best return of every seed."""
        named = [(f"seed {seed}", own, own) for seed, own in zip(self.seeds, self.returns, strict=True)]
        if len(self.seeds) > 1:
            named.append(("all", self.returns.mean(axis=1), self.returns))
        rows = [[name, mean_and_half(of), f"{own.min():g}", f"{own.max():g}"] for name, of, own in named]
        notes = ["Mean return ± half of its 95 % interval over games; of all, over seeds."]
        return Table(("", "return", "worst", "best"), rows, [None] * len(rows), notes)


def play(path: Path, update: int | None, games: int, greedy: bool) -> WholeGames:
    """Plays whole games.

    **Arguments:**

    - `path`: the run's folder.
    - `update`: whose checkpoint is read; `None` for the newest sound one.
    - `games`: how many each seed plays, at least 1.
    - `greedy`: always take the likeliest action, instead of a draw.

    **Raises:** `ValueError` if it is not a run of actor-critics, or there is no such checkpoint.
    """
    check_at_least("games", games, 1)
    run = read_run(path)
    study = study_of(run.settings)
    if not isinstance(study, EnvironmentStudy):
        raise BadInputError(f"{str(path)!r} is a run of {run.preset.name}; it is actor-critics' runs that play")
    saved = read_saved(run, update)
    returns, first = [], []
    for place, seed in enumerate(saved.seeds):
        network = jax.tree.map(lambda leaf, p=place: jnp.asarray(leaf[p]), study.network(saved.state))
        key = jax.random.fold_in(jax.random.key(seed), saved.update)
        own, frames = full_games(study.environment(), network, key, games, greedy=greedy)
        returns.append(own)
        first = first or frames
    return WholeGames(run, saved.update, saved.seeds, np.array(returns), first, greedy)


def run_play(path: Path, update: int | None, games: int, greedy: bool, video: Path | None) -> None:
    """Plays, prints the returns of every seed, and draws the first seed's first game where a file for it is named.

    **Arguments:** `path`, `update`, `games` and `greedy` as of `play`; `video`, a .gif file for the first game, `None`
    for none.

    **Raises:** `ValueError` as `play`, and if the file's name does not end in .gif.
    """
    check(video is None or video.suffix == ".gif", "video", str(video), "a file that ends in .gif")
    played = play(path, update, games, greedy)
    if video is not None:
        write_frames(video, played.frames)
    terminal.say(played.title)
    terminal.print_table(played.table())
    if video is not None:
        terminal.say(f"seed {played.seeds[0]}'s first game in {video}")
