"""What a command does once, before anything computes."""

from lookax.runs.processes import Distribution
from lookax.runs.programs import compilation_cache
from lookax.runs.programs.devices import use_cores


def start(distribution: Distribution | None = None) -> None:
    """Makes devices of the processor's cores, joins other processes, and keeps compiled programs on disk.

    Nothing else of lookax changes settings of JAX.

    **Raises:** `ValueError` where no cluster is found, or the other processes do not come.
    """
    use_cores()
    if distribution is not None:
        distribution.join()
    compilation_cache.turn_on()
