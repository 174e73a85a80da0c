"""Tasks on a Ray cluster, each run again where its worker dies."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from lookax.errors import BadInputError
from lookax.imports import how_to_install
from lookax.runs.errors import RunFailedError

RETRIES = 10
"""How often a task is begun again whose worker has died."""


def check_ray_is_installed() -> None:
    """Raises `ValueError` where the extra `cluster` is not installed."""
    try:
        import ray  # noqa: F401 (is it there?)
    except ImportError:
        raise BadInputError(f"engine: Ray is not installed; {how_to_install('cluster')}") from None


@contextlib.contextmanager
def ray_cluster(address: str | None, advice: str) -> Iterator[Callable[..., Any]]:
    """Within, a cluster, of which this gives what makes a function a task of it: `task(function, **options)`.

    **Arguments:** the cluster's `address`, `auto` for the one that this machine belongs to; None to start one of this
    machine's cores. The `advice` to whom it failed.

    **Raises:** `ValueError` where there is no cluster at the address;
    [`RunFailedError`][lookax.runs.errors.RunFailedError] where workers keep dying.
    """
    import ray
    import ray.exceptions

    try:
        with warnings.catch_warnings():
            # JAX warns of forks; Ray forks to start other programs, which is harmless.
            warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, ValueError, TimeoutError) as reason:
        raise BadInputError(f"address: no Ray cluster at {address!r} ({str(reason).splitlines()[0]})") from None

    def task(function: Callable[..., Any], **options: Any) -> Any:
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        made: Any = ray.remote(function)
        return made.options(num_cpus=1, num_gpus=gpus, max_retries=RETRIES, **options)

    try:
        yield task
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError) as reason:
        raise RunFailedError(f"a program's workers keep dying ({type(reason).__name__}); {advice}") from None
    finally:
        ray.shutdown()
