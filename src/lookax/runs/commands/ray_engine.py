"""Sweeps on a Ray cluster: a task per program, run again where its worker dies, which resumes from its checkpoint."""

import logging
import warnings
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError
from lookax.runs.commands import terminal
from lookax.runs.commands.combinations import Sweep, stored_sweep
from lookax.runs.commands.sweep import Engine, programs_of
from lookax.runs.errors import RunFailedError, StoppedError
from lookax.runs.programs import compilation_cache
from lookax.runs.programs.stopping import Stop, stop_on_signals
from lookax.runs.programs.training import train
from lookax.runs.storage.config import read_yaml
from lookax.runs.storage.folder import CONFIG, RunFolder
from lookax.runs.storage.metrics import last_rows

RETRIES = 10
"""How often a program is begun again whose worker has died."""

SECONDS_PER_LOOK = 1.0
"""Between looks at how far tasks have come."""


def on_ray(address: str | None) -> Engine:
    """Learns programs as tasks of a Ray cluster, whose nodes all see the sweep's folder.

    **Arguments:** the cluster's `address`, `auto` for the one that this machine belongs to; None to start one of this
    machine's cores.

    **Raises:** `ValueError` where the extra `cluster` is not installed, or there is no cluster at the address.
    """
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise BadInputError("engine: Ray is not installed; `pip install ray` (lookax' extra cluster)") from None

    def learn(sweep: Sweep, path: Path, stop: Stop) -> dict[str, str]:
        programs = programs_of(sweep, path)
        runs = [run for turns in programs for turn in turns for run in turn]
        try:
            with warnings.catch_warnings():
                # JAX warns of forks; Ray forks to start other programs, which is harmless.
                warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except (ConnectionError, ValueError, TimeoutError) as reason:
            raise BadInputError(f"address: no Ray cluster at {address!r} ({str(reason).splitlines()[0]})") from None
        try:
            gpus = 1 if ray.cluster_resources().get("GPU") else 0
            task: Any = ray.remote(learn_program)
            task = task.options(num_cpus=1, num_gpus=gpus, max_retries=RETRIES, retry_exceptions=[StoppedError])
            waiting = [task.remote(path.resolve(), number) for number in range(len(programs))]
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
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError) as reason:
            raise RunFailedError(
                f"a program's workers keep dying ({type(reason).__name__}); "
                f"`lookax resume {path} --engine ray` goes on from its checkpoints"
            ) from None
        finally:
            ray.shutdown()

    return learn


def learn_program(path: Path, number: int) -> dict[str, str]:
    """Learns one program of the sweep in a folder, or goes on with it; returns why runs failed."""
    compilation_cache.turn_on()
    program = programs_of(stored_sweep(read_yaml(path / CONFIG)), path)[number]
    with RunFolder(path / "checkpoints" / f"program-{number}").claimed(), stop_on_signals(path) as stop:
        return train(program, lambda *_, **__: None, stop)
