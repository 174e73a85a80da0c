"""Whole games of an actor-critic in a checkpoint of a run: their returns, and one of them to look at."""

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
from lookax.runs.storage.run import read_run


def run_play(path: Path, update: int | None, games: int, greedy: bool, video: Path | None) -> None:
    """Plays, prints the returns of every seed, and draws the first seed's first game where a file for it is named.

    **Raises:** `ValueError` if it is not a run of actor-critics, there is no such checkpoint, or the file's name does
    not end in .gif.
    """
    check_at_least("games", games, 1)
    check(video is None or video.suffix == ".gif", "video", str(video), "a file that ends in .gif")
    run = read_run(path)
    study = study_of(run.settings)
    if not isinstance(study, EnvironmentStudy):
        raise BadInputError(f"{str(path)!r} is a run of {run.preset.name}; it is actor-critics' runs that play")
    saved = read_saved(run, update)
    rows, returns = [], []
    for place, seed in enumerate(saved.seeds):
        network = jax.tree.map(lambda leaf, p=place: jnp.asarray(leaf[p]), study.network(saved.state))
        own, frames = full_games(
            study.environment(),
            network,
            jax.random.fold_in(jax.random.key(seed), saved.update),
            games,
            greedy=greedy,
        )
        returns.append(own)
        rows.append([f"seed {seed}", mean_and_half(own), f"{own.min():g}", f"{own.max():g}"])
        if video is not None and place == 0:
            write_frames(video, frames)
    if len(rows) > 1:
        all_returns = np.array(returns)
        worst, best = f"{all_returns.min():g}", f"{all_returns.max():g}"
        rows.append(["all", mean_and_half(all_returns.mean(axis=1)), worst, best])
    how = "the likeliest action always" if greedy else "actions drawn"
    terminal.say(f"{run.name} after update {saved.update} of {run.settings.total_updates}: {games} whole games, {how}")
    notes = ["Mean return ± half of its 95 % interval over games; of all, over seeds."]
    terminal.print_table(Table(("", "return", "worst", "best"), rows, [None] * len(rows), notes))
    if video is not None:
        terminal.say(f"seed {saved.seeds[0]}'s first game in {video}")
