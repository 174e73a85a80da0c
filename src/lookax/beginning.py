"""Sweeps, searches and reproductions begun, or gone on with, once all is checked; words were read into objects."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lookax.errors import BadInputError
from lookax.experiments.preset import Table
from lookax.imports import how_to_install
from lookax.opened import new_folder, start_jax
from lookax.options import Cluster, SweepCluster
from lookax.runs.commands.reproduction import Reproduction
from lookax.runs.sweeps.combinations import Sweep
from lookax.runs.sweeps.search import Search

if TYPE_CHECKING:
    from lookax.runs.commands.league import Engine


def begin_sweep(new: Sweep, cluster: SweepCluster, out: Path | None) -> tuple[Path, bool]:
    """Learns a sweep, in a new folder; returns that, and whether no run failed.

    **Arguments:** the `new` sweep; the `cluster`, where programs are computed; `out`, the folder to make, `None` for a
    new one under `runs/`.
    """
    return go_on_with_sweep(new, cluster, lambda: new_folder(out, f"{new.preset.name}-sweep"))


def go_on_with_sweep(sweep: Sweep, cluster: SweepCluster, out: Callable[[], Path]) -> tuple[Path, bool]:
    """Learns a sweep, or goes on with it; returns its folder, and whether no run failed.

    **Arguments:** the `sweep`; the `cluster`, where programs are computed; `out`, which gives the folder, and is called
    once all is checked.
    """
    cluster.validate()
    sweep.recording.validate()
    from lookax.experiments.studies.study import check_runnable
    from lookax.runs.sweeps.ray_engine import on_ray
    from lookax.runs.sweeps.slurm_engine import on_slurm
    from lookax.runs.sweeps.sweep import local, run_sweep

    engines = {
        "local": lambda: local,
        "ray": lambda: on_ray(cluster.address),
        "slurm": lambda: on_slurm(cluster.address == "local", cluster.resources()),
    }
    chosen = engines[cluster.engine]()
    start_jax()
    for preset in sweep.combinations().values():
        check_runnable(preset)
    folder = out()
    return folder, run_sweep(sweep, folder, chosen)


def go_on_with_search(search: Search, out: Callable[[], Path]) -> tuple[Path, bool]:
    """Searches, or goes on with that; returns its folder, and whether no run failed.

    **Arguments:** the `search`; `out`, which gives the folder, and is called once all is checked.
    """
    search.recording.validate()
    try:
        import optuna  # noqa: F401 (is it there?)
    except ImportError:
        raise BadInputError(f"optimise: optuna is not installed; {how_to_install('optuna')}") from None
    from lookax.experiments.studies.study import check_runnable
    from lookax.runs.sweeps.optuna_search import check_objective, run_search

    start_jax()
    check_runnable(search.preset)
    check_objective(search)
    folder = out()
    return folder, run_search(search, folder)


def league_engine(cluster: Cluster) -> "Engine":
    """What computes a league, in this process or on a cluster."""
    from lookax.runs.commands.league import here, on_ray

    return here if cluster.engine == "local" else on_ray(cluster.address)


def begin_reproduction(reproduction: Reproduction, out: Callable[[], Path]) -> dict[str, Table]:
    """Reproduces figures, or goes on with that; returns their closing tables."""
    start_jax()
    from lookax.experiments.studies.study import check_runnable
    from lookax.runs.commands.execute import reproduce

    for figure in reproduction.figures():
        for preset in figure.presets:
            check_runnable(preset)
    return reproduce(reproduction, out())
