"""One run on several hosts: a process on each, which JAX joins together."""

import dataclasses
import sys

from lookax.errors import BadInputError, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Whether a run is one of several processes, and where they meet."""

    distributed: bool = False
    """Join other processes with the same command, as Slurm, Open MPI or Kubernetes say, or the next three fields."""
    coordinator: str | None = None
    """Address of the first process, host:port, the same for all; None for what the cluster says."""
    num_processes: int | None = None
    """How many processes there are; None for what the cluster says."""
    process_id: int | None = None
    """Which of them this is, from 0; None for what the cluster says."""

    def validate(self) -> None:
        """Raises `ValueError`, in one line, if a field is out of range, or some are missing."""
        given = {name: getattr(self, name) for name in ("coordinator", "num_processes", "process_id")}
        if not self.distributed:
            for name, value in given.items():
                check(value is None, name, value, "None without --distributed")
        elif any(value is not None for value in given.values()):
            for name, value in given.items():
                check(value is not None, name, value, f"given, as some of {', '.join(given)} are")
        if self.coordinator is not None:
            host, _, port = self.coordinator.rpartition(":")
            check(bool(host) and port.isdecimal(), "coordinator", self.coordinator, "host:port")
        if self.num_processes is not None and self.process_id is not None:
            check_at_least("num_processes", self.num_processes, 1)
            allowed = 0 <= self.process_id < self.num_processes
            check(allowed, "process_id", self.process_id, f"between 0 and {self.num_processes - 1}")

    def join(self) -> None:
        """Joins the other processes, if there are any; before JAX starts.

        **Raises:** `ValueError` where no cluster is found, or the others do not come.
        """
        if not self.distributed:
            return
        import jax  # Here, so that a command that is refused need not wait for it.

        try:
            jax.distributed.initialize(self.coordinator, self.num_processes, self.process_id)
        except (ValueError, RuntimeError) as reason:
            raise BadInputError(
                f"distributed: the processes have not met ({str(reason).splitlines()[0]}); "
                "give --coordinator HOST:PORT --num-processes N --process-id I"
            ) from None


def is_first_process() -> bool:
    """Whether this process is the one that writes; asking neither imports nor starts JAX."""
    jax = sys.modules.get("jax")
    return jax is None or not jax.distributed.is_initialized() or jax.process_index() == 0
