"""Sweeps on a Ray cluster: a task per program, run again where its worker dies, which resumes from its checkpoint."""

from pathlib import Path

from lookax.runs.commands import terminal
from lookax.runs.commands.combinations import Sweep, stored_sweep
from lookax.runs.commands.sweep import Engine, programs_of
from lookax.runs.errors import StoppedError
from lookax.runs.programs import compilation_cache
from lookax.runs.programs.ray_cluster import check_ray_is_installed, ray_cluster
from lookax.runs.programs.stopping import Stop, stop_on_signals
from lookax.runs.programs.training import train
from lookax.runs.storage.config import read_yaml
from lookax.runs.storage.folder import CONFIG, RunFolder
from lookax.runs.storage.metrics import last_rows

SECONDS_PER_LOOK = 1.0
"""Between looks at how far tasks have come."""


def on_ray(address: str | None) -> Engine:
    """Learns programs as tasks of a Ray cluster, whose nodes all see the sweep's folder.

    **Arguments:** the cluster's `address`, `auto` for the one that this machine belongs to; None to start one of this
    machine's cores.

    **Raises:** `ValueError` where the extra `cluster` is not installed, or there is no cluster at the address.
    """
    check_ray_is_installed()
    import ray

    def learn(sweep: Sweep, path: Path, stop: Stop) -> dict[str, str]:
        programs = programs_of(sweep, path)
        runs = [run for turns in programs for turn in turns for run in turn]
        advice = f"`lookax resume {path} --engine ray` goes on from its checkpoints"
        with ray_cluster(address, advice) as task:
            learning = task(learn_program, retry_exceptions=[StoppedError])
            waiting = [learning.remote(path.resolve(), number) for number in range(len(programs))]
            failures: dict[str, str] = {}
            with terminal.progress(sum(run.settings.total_updates for run in runs)) as watch:
                seen = dict.fromkeys((run.name for run in runs), 0)
                while waiting:
                    if stop.signal:
                        stop.noticed.set()
                        raise stop.error(f"with {len(programs) - len(waiting)} of {len(programs)} programs done")
                    done, waiting = ray.wait(waiting, timeout=SECONDS_PER_LOOK)
                    for finished in ray.get(done):
                        failures |= finished
                    for run in runs:
                        rows = last_rows(run.folder.metrics, run.settings.seeds)
                        reached = rows[0]["update"] if rows else 0
                        watch([run], reached - seen[run.name], {})
                        seen[run.name] = reached
            return failures

    return learn


def learn_program(path: Path, number: int) -> dict[str, str]:
    """Learns one program of the sweep in a folder, or goes on with it; returns why runs failed."""
    compilation_cache.turn_on()
    program = programs_of(stored_sweep(read_yaml(path / CONFIG)), path)[number]
    with RunFolder(path / "checkpoints" / f"program-{number}").claimed(), stop_on_signals(path) as stop:
        return train(program, lambda *_, **__: None, stop)
