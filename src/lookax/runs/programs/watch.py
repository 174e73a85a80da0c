"""What follows runs as they go on."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from lookax.runs.storage.run import Run


@runtime_checkable
class Watch(Protocol):
    """What follows runs as they go on."""

    def __call__(
        self, runs: Sequence[Run], updates: int, metrics: Mapping[str, float], *, resumed: bool = False
    ) -> None:
        """Runs that learn together have made so many updates more; their latest headline metrics, means over seeds.

        **Arguments:** `resumed`: these updates had been made before.
        """
        ...
