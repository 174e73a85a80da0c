"""What the agents of a run do: after which history they cooperate, how they fare, and one game of theirs."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lookax.errors import check
from lookax.evaluation.matches import match
from lookax.evaluation.reciprocity import cooperation_after
from lookax.experiments.preset import Result
from lookax.experiments.reports.agents import draw_histories, history_table, opponents_table
from lookax.experiments.reports.intervals import Interval
from lookax.experiments.studies.study import against_metric
from lookax.games.coin_game import CoinGame
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame
from lookax.games.rendering import as_text, side_by_side, write_gif
from lookax.policies.strategies import strategy_names
from lookax.rollouts.games import Games
from lookax.runs.commands import terminal
from lookax.runs.programs.lanes import evaluation_key
from lookax.runs.programs.published import scores_against_file
from lookax.runs.programs.saved import read_players
from lookax.runs.storage.run import Run


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What the agents in a checkpoint of a run do.

    **Attributes:** the `run`; the `update` of the checkpoint; the `seeds` that are looked at; `quantities` by name,
    `[seeds, …]`, with a score against every strategy of the `game`; `cooperation` after every short history,
    `[seeds, 2, histories]`, `None` where the game is no matrix game of two actions; the `example`, one game of the
    first of the seeds; of groups of agents that they played against besides, the `opponents`.
    """

    run: Run
    update: int
    seeds: range
    game: Game
    quantities: Mapping[str, np.ndarray]
    cooperation: np.ndarray | None
    example: Games
    opponents: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Whose agents they are."""
        seeds = (
            f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"means over seeds {self.seeds[0]} … {self.seeds[-1]}"
        )
        return f"{self.run.name} after update {self.update} of {self.run.settings.total_updates}, {seeds}"


def inspect(path: Path, update: int | None, seed: int | None, against: Path | None = None) -> Inspection:
    """Looks at the agents of a run in a folder: those of a checkpoint, or of the newest sound one.

    **Arguments:** `path`, the run's folder; the `update` whose checkpoint is read, `None` for the newest sound one; the
    random `seed` whose agents are looked at, `None` for all; `against`, a file of agents to play against as well.

    **Raises:** `ValueError` if there is no such checkpoint or seed, it is not sound, or players do not meet in sampled
    games; and for a file whose agents do not fit.
    """
    saved, study = read_players(path, update)
    state, seeds = saved.state, saved.seeds
    if seed is not None:
        check(seed in seeds, "seed", seed, f"one of the run's, {seeds[0]} … {seeds[-1]}")
        place = seeds.index(seed)
        seeds = range(seed, seed + 1)
        state = jax.tree.map(lambda leaf: leaf[place : place + 1], state)
    with jax.enable_x64(study.precision == "float64"):
        game = study.game()
        evaluated = jax.vmap(functools.partial(study.evaluate, against=strategy_names(game)))
        quantities = jax.jit(evaluated)(jax.vmap(evaluation_key)(np.asarray(seeds)), state)
        policies = study.policies(state)
        cooperation = None
        if isinstance(game, MatrixGame) and game.num_actions == (2, 2):
            cooperation = np.asarray(jax.jit(jax.vmap(lambda own: cooperation_after(game, own)))(policies))
        own = jax.tree.map(lambda leaf: leaf[0], policies)
        games = jax.jit(lambda own, key: match(game, own, key, study.rules()["horizon"], 1))(
            own, jax.random.key(seeds[0])
        )
    opponents = {} if against is None else scores_against_file(against, study, state, seeds)
    return Inspection(
        saved.run,
        saved.update,
        seeds,
        game,
        {name: np.asarray(values) for name, values in quantities.items()}
        | {against_metric(name): values for name, values in opponents.items()},
        cooperation,
        jax.tree.map(lambda leaf: np.asarray(leaf[..., 0]), games),
        tuple(opponents),
    )


def run_inspect(path: Path, update: int | None, seed: int | None, against: Path | None) -> None:
    """Looks at the agents of a run, prints what they do, and leaves drawings of it in the run's folder.

    **Arguments:** `path`, the run's folder; the `update` whose checkpoint is read, `None` for the newest sound one; the
    random `seed` whose agents are looked at, `None` for all; `against`, a file of agents to play against as well, or
    `None`.
    """
    inspection = inspect(path, update, seed, against)
    run, game, quantities = inspection.run, inspection.game, inspection.quantities
    terminal.say(inspection.title)
    if inspection.cooperation is not None:
        terminal.print_table(history_table(inspection.cooperation))
    for heat_map in run.preset.report.heat_maps(_result(inspection), ()):
        terminal.say(heat_map.title)
        terminal.print_table(heat_map.table())
    if "own_coin_share" in quantities:
        share = Interval.of(quantities["own_coin_share"], "own_coin_share")
        terminal.say(f"share of coins that were of their picker's colour: {share}")
    terminal.print_table(opponents_table(quantities, (*strategy_names(game), *inspection.opponents)))
    if isinstance(game, CoinGame | MatrixGame):
        what = "each player's last action"
        if isinstance(game, CoinGame):
            what = "R and B are players, X both, small letters coins"
        terminal.say(f"one game of seed {inspection.seeds[0]}, states by step: {what}")
        terminal.say(side_by_side(as_text(game, inspection.example.states)))
    try:
        if files := _drawn(inspection, seed):
            terminal.say(f"drawn in {' and '.join(map(str, files))}")
    except OSError as reason:
        terminal.say(f"not drawn: {reason.strerror or reason}")


def _result(inspection: Inspection) -> Result:
    history = {name: values[None] for name, values in inspection.quantities.items()}
    return Result(inspection.run.name, inspection.run.settings, history)


def _drawn(inspection: Inspection, seed: int | None) -> list[Path]:
    """The files of drawings; a game is always of one seed."""
    folder, files = inspection.run.folder.path, []
    if inspection.cooperation is not None:
        files.append(folder / f"inspection-{inspection.update}{'' if seed is None else f'-seed-{seed}'}.png")
        draw_histories(inspection.title, inspection.cooperation).savefig(files[-1], dpi=150)
    example: Any = inspection.example
    if isinstance(inspection.game, CoinGame | MatrixGame):
        files.append(folder / f"inspection-{inspection.update}-seed-{inspection.seeds[0]}.gif")
        write_gif(files[-1], inspection.game, example.states, example.actions, example.rewards)
    return files
