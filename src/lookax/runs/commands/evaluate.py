"""What a study says of the states in a checkpoint: `evaluate` once more, as often as one likes."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lookax.errors import BadInputError
from lookax.experiments.preset import HeatMap, Result, Table
from lookax.experiments.reports.intervals import Count, ends
from lookax.experiments.studies.study import against_metric, study_of
from lookax.runs.commands import terminal
from lookax.runs.programs.published import scores_against_file
from lookax.runs.programs.saved import game_study, read_saved
from lookax.runs.storage.loggers import curves_by_seed
from lookax.runs.storage.run import Run, read_run


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a checkpoint of a run gives.

    **Attributes:** the `run`; the `update` of the checkpoint; `quantities` by name, `[seeds, …]`; what every seed has
    `learned`, as `describe` tells it.
    """

    run: Run
    update: int
    quantities: Mapping[str, np.ndarray]
    learned: Sequence[Mapping[str, Any]]

    def table(self) -> Table:
        """Means over seeds with Student's 95 % intervals; of what is true or false, how many seeds it is true of.

        Numbers of a quantity with several, such as one per player, get a row each; of many, none.
        """
        rows, notes = [], []
        for name, values in self.quantities.items():
            numbers = curves_by_seed({name: values[None]})
            rows += [[label, *_cells(label, by_seed[0])] for label, by_seed in numbers.items()]
            if not numbers:
                notes.append(f"{name}: {' × '.join(map(str, values.shape[1:]))} numbers per seed")
        columns = ("quantity", f"mean of {self.run.settings.seeds} seeds", "95 % interval")
        return Table(columns, rows, [None] * len(rows), notes)

    def heat_maps(self) -> Sequence[HeatMap]:
        """Those of the run's report."""
        history = {name: values[None] for name, values in self.quantities.items()}
        result = Result(self.run.name, self.run.settings, history)
        return self.run.preset.report.heat_maps(result, self.learned)


def evaluate(run: Run, update: int | None, against: Path | None = None) -> Evaluation:
    """Replays the checkpoint of an update, or the newest sound one; what is on disk stays as it is.

    **Arguments:** the `run`; the `update`, `None` for the newest; `against`, a file of agents to play against as well.

    **Raises:** `ValueError` if there is no such checkpoint, it is not sound, or states say nothing; and if players do
    not meet in sampled games, where they are to play against a file.
    """
    saved = read_saved(run, update)
    lanes, state = saved.lanes, saved.state
    quantities = lanes.fetch(lanes.evaluate(lanes.put(state)))
    if against is not None:
        opponents = scores_against_file(against, game_study(run), state, saved.seeds)
        quantities = {**quantities, **{against_metric(name): scores for name, scores in opponents.items()}}
    if not quantities:
        raise BadInputError(
            f"{run.name} measures what its updates do, and nothing in the states between; "
            "`lookax report` shows what it has measured"
        )
    seeds = range(run.settings.seeds)
    learned = [study_of(run.settings).describe(jax.tree.map(lambda leaf, s=s: leaf[s], state)) for s in seeds]
    return Evaluation(run, saved.update, quantities, learned)


def run_evaluate(path: Path, update: int | None, against: Path | None) -> None:
    """Replays a checkpoint of the run in a folder, prints what comes of it, and writes it there, seed by seed.

    **Arguments:** `path`, the run's folder; the `update`, `None` for the newest; `against`, a file of agents, or
    `None`.
    """
    run = read_run(path)
    evaluation = evaluate(run, update, against)
    terminal.say(f"{run.name} after update {evaluation.update} of {run.settings.total_updates}")
    terminal.print_table(evaluation.table())
    for heat_map in evaluation.heat_maps():
        terminal.say(f"{heat_map.title}, mean over seeds")
        terminal.print_table(heat_map.table())
    seeds = range(run.settings.first_seed, run.settings.first_seed + run.settings.seeds)
    try:
        file = run.folder.write_evaluation(evaluation.update, seeds, evaluation.quantities)
        terminal.say(f"seed by seed in {file}")
    except OSError as reason:
        terminal.say(f"not written seed by seed: {reason.strerror or reason}")


def _cells(name: str, values: np.ndarray) -> tuple[str, str]:
    """A mean over seeds, and its interval."""
    if values.dtype == bool:
        return str(Count.of(values)), ""
    low, high = ends(values, name)
    return f"{values.mean():.4g}", f"[{low:.4g}, {high:.4g}]" if np.isfinite(low) else "–"
