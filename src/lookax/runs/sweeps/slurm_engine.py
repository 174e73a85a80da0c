"""Sweeps on a Slurm cluster by submitit: a job per program, submitted again where it dies, which then resumes."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError
from lookax.imports import how_to_install
from lookax.runs.commands import terminal
from lookax.runs.errors import RunFailedError
from lookax.runs.programs.ray_cluster import RETRIES
from lookax.runs.programs.stopping import Stop
from lookax.runs.sweeps.combinations import Sweep
from lookax.runs.sweeps.sweep import SECONDS_PER_LOOK, Engine, Followed, learn_program, programs_of

TIMES_QUEUED = 10_000
"""How often a job may need more time than it was given; each time it goes on from its checkpoint."""


def on_slurm(here: bool, resources: dict[str, Any]) -> Engine:
    """Learns programs as jobs of an array, whose nodes all see the sweep's folder.

    submitit has its files, such as what jobs print, in the folder `slurm` of the sweep's.

    **Arguments:** whether jobs are processes `here`, on this machine, in place of Slurm's; the `resources` of a job, as
    submitit names them.

    **Raises:** `ValueError` where the extra `slurm` is not installed, or there is no Slurm.
    """
    try:
        import submitit
    except ImportError:
        raise BadInputError(f"engine: submitit is not installed; {how_to_install('slurm')}") from None
    if not here and shutil.which("sbatch") is None:
        raise BadInputError(
            "engine: 'slurm' is not allowed here; there is no sbatch on this machine (`--address local` makes the same "
            "jobs processes of it)"
        )

    def learn(sweep: Sweep, path: Path, stop: Stop) -> dict[str, str]:
        executor = submitit.AutoExecutor(
            path / "slurm", cluster="local" if here else "slurm", slurm_max_num_timeout=TIMES_QUEUED
        )
        executor.update_parameters(name="lookax", **resources)
        programs = programs_of(sweep, path)
        for number in range(len(programs)):
            _answer(path, number).unlink(missing_ok=True)
        jobs: dict[int, Any] = {}
        submitted = dict.fromkeys(range(len(programs)), 0)
        failures: dict[str, str] = {}
        with terminal.progress(
            sum(run.settings.total_updates for turn in programs for r in turn for run in r)
        ) as watch:
            followed = Followed(programs, watch)
            try:
                jobs = _submit(executor, path, list(submitted))
                while jobs:
                    if stop.signal:
                        stop.noticed.set()
                        raise stop.error(f"with {len(programs) - len(jobs)} of {len(programs)} programs done")
                    time.sleep(SECONDS_PER_LOOK)
                    ended = [number for number, job in jobs.items() if job.done()]
                    followed.look()
                    for number in ended:
                        job = jobs.pop(number)
                        if _answer(path, number).exists():
                            failures |= _read(path, number)
                        elif submitted[number] < RETRIES:
                            submitted[number] += 1
                            jobs |= _submit(executor, path, [number])
                        else:
                            raise RunFailedError(
                                f"jobs keep dying, of which {job.paths.stderr} tells; "
                                f"`lookax resume {path} --engine slurm` goes on from checkpoints"
                            )
            finally:
                for job in jobs.values():
                    job.cancel()
        return failures

    return learn


def _submit(executor: Any, path: Path, numbers: list[int]) -> dict[int, Any]:
    jobs = executor.map_array(_Program(), [path.resolve()] * len(numbers), numbers)
    return dict(zip(numbers, jobs, strict=True))


class _Program:
    """What a job does: it learns one program, or goes on with it, and writes an answer, which needs no unpickling."""

    def __call__(self, path: Path, number: int) -> None:
        try:
            answer: dict[str, Any] = {"failures": learn_program(path, number)}
        except BadInputError as mistake:
            answer = {"mistake": str(mistake)}
        file = _answer(path, number)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(answer))
        unfinished.replace(file)

    def checkpoint(self, path: Path, number: int) -> Any:
        """What submitit is to do when the time of a job is over, or others need its place: the same once more."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, path, number)


def _answer(path: Path, number: int) -> Path:
    return path / "checkpoints" / f"program-{number}" / "answer.json"


def _read(path: Path, number: int) -> dict[str, str]:
    answer = json.loads(_answer(path, number).read_text())
    if "mistake" in answer:
        raise BadInputError(answer["mistake"])
    return answer["failures"]
