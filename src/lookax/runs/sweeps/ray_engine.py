"""Sweeps on a Ray cluster: a task per program, run again where its worker dies, which resumes from its checkpoint."""

from pathlib import Path

from lookax.runs.commands import terminal
from lookax.runs.errors import StoppedError
from lookax.runs.programs.ray_cluster import check_ray_is_installed, ray_cluster
from lookax.runs.programs.stopping import Stop
from lookax.runs.sweeps.combinations import Sweep
from lookax.runs.sweeps.sweep import SECONDS_PER_LOOK, Engine, Followed, learn_program, programs_of


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
                followed = Followed(programs, watch)
                while waiting:
                    if stop.signal:
                        stop.noticed.set()
                        raise stop.error(f"with {len(programs) - len(waiting)} of {len(programs)} programs done")
                    done, waiting = ray.wait(waiting, timeout=SECONDS_PER_LOOK)
                    for finished in ray.get(done):
                        failures |= finished
                    followed.look()
            return failures

    return learn
