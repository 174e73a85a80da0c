"""What the command does, as functions of the same names. Paths are strings or `Path`s."""

import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookax.beginning import begin_reproduction, begin_sweep, go_on_with_search, go_on_with_sweep, league_engine
from lookax.errors import BadInputError, check
from lookax.experiments.plugins import find_figure, find_preset, load_entry_points, register
from lookax.experiments.preset import Collection, Figure, Preset, Table
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS
from lookax.imports import how_to_install
from lookax.opened import AnyPath, Given, chosen_preset, new_folder, plain, resume_run, start_jax
from lookax.options import Cluster, ResumeSearchOptions, SweepCluster
from lookax.runs.arguments import settings_table
from lookax.runs.commands.listing import listing, standings
from lookax.runs.commands.reproduction import Reproduction, stored_reproduction
from lookax.runs.storage.config import from_fields
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, read_run
from lookax.runs.sweeps.combinations import Sweep, stored_sweep
from lookax.runs.sweeps.search import Goal, Search, stored_search

LAST_PORT = 65535

if TYPE_CHECKING:
    import pandas as pd

    from lookax.runs.commands.crossplay import CrossPlay
    from lookax.runs.commands.evaluate import Evaluation
    from lookax.runs.commands.inspect import Inspection
    from lookax.runs.commands.league import League
    from lookax.runs.commands.play import WholeGames


def resume(path: AnyPath, **fields: Any) -> Any:
    """Goes on with a run, a sweep, a search or a reproduction where it stopped, bit for bit, as `lookax resume` does.

    **Arguments:**

    - `path`: its folder.
    - `fields`: of a run: `total_updates`, and what is recorded when, by name. Of a sweep: where it is computed, as of
      `sweep`. Of a search: `trials`, how many settings are tried in all.

    **Returns:** what `run`, `sweep`, `optimise` and `reproduce` do.

    **Raises:** `ValueError`, in one line, for a folder that holds nothing of its own, or a field that may not change.
    """
    folder = Path(path)
    content = RunFolder(folder).config()
    if "preset" in content:
        return resume_run(folder, **fields)
    cluster = _cluster(fields, "lx.resume") if "sweep" in content else None
    if "search" in content:
        trials = from_fields(ResumeSearchOptions(), plain(fields), "lx.resume").trials
        go_on_with_search(stored_search(content, trials), lambda: folder)
        return _results(folder)
    if fields:
        raise BadInputError(f"{next(iter(fields))}: may not change; sweeps and reproductions go on as they were begun")
    if cluster is not None:
        go_on_with_sweep(stored_sweep(content), cluster, lambda: folder)
        return _results(folder)
    return begin_reproduction(stored_reproduction(content, folder), lambda: folder)


def sweep(
    preset: str | Preset,
    values: Mapping[str, Iterable[Any]],
    *,
    out: AnyPath | None = None,
    **fields: Any,
) -> "pd.DataFrame":
    """Learns a preset with every combination of some fields' values, as `lookax sweep` does.

    ```python
    results = lx.sweep("ipd-lola", {"learning_rate": [0.3, 1.0], "inner_steps": [1, 2]}, seeds=4)
    ```

    **Arguments:**

    - `values`: by field.
    - `preset`, `out`: as of `run`.
    - `fields`: as of `run`, what all have in common; and where it is computed, the fields of
      [`SweepCluster`][lookax.options.SweepCluster]: `engine="ray"`, `engine="slurm"`, `cluster_gpus=1`.

    **Returns:** what its `results.csv` holds: a row per combination and seed.

    **Raises:** as `run`.
    """
    chosen = chosen_preset(preset)
    cluster = _cluster(fields, "lx.sweep")
    given = from_fields(Given(chosen.settings), plain(fields), "lx.sweep")
    chosen = dataclasses.replace(chosen, settings=given.settings)
    listed = {field: list(plain(own) if hasattr(own, "tolist") else map(plain, own)) for field, own in values.items()}
    return _results(begin_sweep(Sweep(chosen, listed, given.recording), cluster, None if out is None else Path(out))[0])


def optimise(
    preset: str | Preset,
    spaces: Mapping[str, Any],
    *,
    objective: str,
    out: AnyPath | None = None,
    **fields: Any,
) -> "pd.DataFrame":
    """Searches fields of a preset for good values, by Optuna, as `lookax sweep --optimise` does.

    ```python
    spaces = {"learning_rate": "log:0.1..10", "inner_steps": [1, 2, 3]}
    results = lx.optimise("ipd-lola", spaces, objective="returns", trials=20, seeds=4)
    ```

    **Arguments:**

    - `spaces`: by field, a list of values or a range: `"0..1"`, `"1..5"` for whole numbers, `"log:0.01..1"`.
    - `objective`: the metric to optimise; the last update's, mean over seeds and players.
    - `preset`, `out`: as of `run`.
    - `fields`: as of `run`, what all trials have in common; and the fields of [`Goal`][lookax.runs.sweeps.search.Goal].

    **Returns:** what its `results.csv` holds, as of `sweep`: a row per setting and seed, in the order of trials.

    **Raises:** as `run`.
    """
    chosen = chosen_preset(preset)
    names = [field.name for field in dataclasses.fields(Goal) if field.name in fields]
    goal = from_fields(Goal(objective), plain({name: fields.pop(name) for name in names}), "lx.optimise")
    given = from_fields(Given(chosen.settings), plain(fields), "lx.optimise")
    chosen = dataclasses.replace(chosen, settings=given.settings)
    listed = {field: own if isinstance(own, str) else list(map(plain, own)) for field, own in spaces.items()}
    search = Search(chosen, listed, goal, given.recording)
    folder = None if out is None else Path(out)
    return _results(go_on_with_search(search, lambda: new_folder(folder, f"{chosen.name}-search"))[0])


def reproduce(
    figure: str | Figure, *, seeds: int | None = None, first_seed: int = 0, out: AnyPath | None = None
) -> dict[str, Table]:
    """Learns a published figure's presets, draws it and compares it, as `lookax reproduce` does.

    **Arguments:** the `figure`, by its name; how many `seeds` every preset gets, and the first; `out` as of `run`.

    **Returns:** the closing table of every figure, by name; verdicts say which rows agree with the published result.
    """
    if isinstance(figure, Figure):
        register(figure)
        figure = figure.name
    find_figure(figure)
    reproduction = Reproduction(figure, seeds, first_seed, Recording())
    return begin_reproduction(reproduction, lambda: new_folder(None if out is None else Path(out), figure))


def evaluate(path: AnyPath, *, update: int | None = None, against: AnyPath | None = None) -> "Evaluation":
    """What a run's newest checkpoint gives, or that of an `update`, as `lookax evaluate` does.

    **Arguments:** `against`, a [file of agents][lookax.policies.published.agent_files] to play against as well, by its
    groups: `against_<group>`, `[seeds, N]`.

    **Returns:** `quantities` by name, `[seeds, …]`, and a `table()` of them.
    """
    from lookax.runs.commands.evaluate import evaluate

    start_jax()
    return evaluate(read_run(Path(path)), update, None if against is None else Path(against))


def inspect(
    path: AnyPath, *, update: int | None = None, seed: int | None = None, against: AnyPath | None = None
) -> "Inspection":
    """What a run's agents do: after short histories, and against fixed strategies, as `lookax inspect` does.

    **Arguments:** the `update` whose checkpoint, the newest unless given; the `seed`, all unless given; `against` as of
    [`evaluate`][lookax.commands.evaluate].
    """
    from lookax.runs.commands.inspect import inspect

    start_jax()
    return inspect(Path(path), update, seed, None if against is None else Path(against))


def crossplay(paths: AnyPath | Sequence[AnyPath], *, games: int = 500) -> "CrossPlay":
    """Agents of runs and files in games with each other, and with fixed strategies, as `lookax crossplay` does.

    **Arguments:** `paths`, the runs' folders and [files of agents][lookax.policies.published.agent_files]; how many
    `games` every pair of agents plays.
    """
    from lookax.runs.commands.crossplay import crossplay

    start_jax()
    return crossplay(_several(paths), games)


def league(
    paths: AnyPath | Sequence[AnyPath],
    *,
    games: int = 500,
    best_response: int | None = None,
    engine: str = "local",
    address: str | None = None,
) -> "League":
    """All agents of runs and fixed strategies in games with each other, in both seats, as `lookax league` does.

    **Arguments:**

    - `paths`: the runs' folders.
    - `games`: how many every pair of agents plays in each seat.
    - `best_response`: how many updates a learner makes against every agent, to exploit it; `None` for no such learner.
    - `engine`, `address`: as of `sweep`.

    **Returns:** `standings` of all sides, the `table()` and the `matrix()` of who earns what with whom.
    """
    from lookax.runs.commands.league import league

    cluster = from_fields(Cluster(), {"engine": engine, "address": address}, "lx.league")
    cluster.validate()
    start_jax()
    return league(_several(paths), games, best_response, league_engine(cluster))


def play(path: AnyPath, *, update: int | None = None, games: int = 30, greedy: bool = False) -> "WholeGames":
    """Whole games of a run's actor-critics, as `lookax play` does.

    **Arguments:** the `update` whose checkpoint; how many `games` every seed plays; `greedy`: always the likeliest
    action.
    """
    from lookax.runs.commands.play import play

    start_jax()
    return play(Path(path), update, games, greedy)


def export(
    path: AnyPath, *, seed: int | None = None, player: int = 0, update: int | None = None, out: AnyPath = "agent"
) -> Path:
    """Writes one agent of a run into a new folder, for use without lookax, as `lookax export` does.

    ```python
    lx.export("runs/x", seed=3, out="agent")
    agent = lx.load_agent("agent")
    ```

    **Arguments:**

    - `path`: the run's folder.
    - `seed`: of the run's; its first one unless given.
    - `player`: from 0.
    - `update`: whose checkpoint; the newest unless given.
    - `out`: the folder to make; [`lookax.policies.published.exported`][] says what is in it.

    **Raises:** `ValueError`, in one line, for a seed, player or update that there is not, agents that cannot be written
    as arrays, and a folder that holds something.
    """
    from lookax.runs.programs.exporting import export_agent

    start_jax()
    return export_agent(read_run(Path(path)), seed, player, update, lambda: new_folder(Path(out), "agent"))


def report(paths: AnyPath | Sequence[AnyPath], *, out: AnyPath = "report.html") -> Path:
    """Writes a page about the runs in folders, side by side, as `lookax report` does; returns where it is."""
    from lookax.runs.commands.report import write_report

    write_report(_several(paths), Path(out))
    return Path(out)


def studio(paths: AnyPath | Sequence[AnyPath] = "runs", *, port: int = 8765) -> None:
    """Serves a page about the runs in folders, on which a person plays against their agents, as `lookax studio` does.

    It is for this machine alone, and ends when it is interrupted.

    **Arguments:** the folders' `paths`; the `port`, 0 for any that is free.

    **Raises:** `ValueError` if one is no folder, the port is not free, or the extra is not installed.
    """
    check(0 <= port <= LAST_PORT, "port", port, f"between 0 and {LAST_PORT}")
    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise BadInputError(f"the page needs {package}; {how_to_install('studio')}")
    from lookax.runs.studio.server import serve

    serve(_several(paths), port)


def list_presets(figure: str | None = None) -> Table:
    """All presets, or those of a figure, with a line about each."""
    load_entry_points()
    presets = PRESETS if figure is None else {own.name: own for own in _figures_presets(find_figure(figure))}
    rows = [[name, preset.description] for name, preset in presets.items()]
    return Table(("preset", "description"), rows, [None] * len(rows))


def list_figures() -> Table:
    """All figures and collections that can be reproduced, with a line about each."""
    load_entry_points()
    rows = [[name, figure.description] for name, figure in (FIGURES | COLLECTIONS).items()]
    return Table(("figure", "description"), rows, [None] * len(rows))


def list_runs(folder: AnyPath = "runs") -> Table:
    """The runs in a folder, and how far they have come, as `lookax runs` does."""
    found, complaints = standings(Path(folder))
    table = listing(found, Path(folder))
    return dataclasses.replace(table, notes=[*table.notes, *complaints])


def show(preset: str | Preset) -> Table:
    """A preset's settings, and what they mean, as `lookax show` does."""
    return settings_table((find_preset(preset) if isinstance(preset, str) else preset).settings)


def _cluster(fields: dict[str, Any], program: str) -> SweepCluster:
    """Where a sweep is computed, taken out of fields by name."""
    names = [field.name for field in dataclasses.fields(SweepCluster) if field.name in fields]
    return from_fields(SweepCluster(), plain({name: fields.pop(name) for name in names}), program)


def _several(paths: AnyPath | Sequence[AnyPath]) -> list[Path]:
    """Paths, of which a single one need not be in a list."""
    return [Path(paths)] if isinstance(paths, str | PathLike) else list(map(Path, paths))


def _results(path: Path) -> "pd.DataFrame":
    """A sweep's table."""
    import pandas as pd

    return pd.read_csv(path / "results.csv")


def _figures_presets(figure: Figure | Collection) -> Sequence[Preset]:
    if isinstance(figure, Collection):
        return [preset for own in figure.figures for preset in own.presets]
    return figure.presets
