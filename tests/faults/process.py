"""Processes of the command that start at once, as copies of one that has imported it."""

import dataclasses
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.faults import child

PATIENCE = 300

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([child.__name__])


@dataclasses.dataclass
class Process:
    """The command, at work in a folder; what it says is in the file `said`."""

    words: Sequence[str]
    folder: Path
    target: Callable[[Sequence[str], str, str], None] = child.run

    def __post_init__(self):
        self.said, self._phase = self.folder.with_suffix(".said"), self.folder.with_suffix(".phase")
        self._phase.unlink(missing_ok=True)
        self.began = time.monotonic()
        self._process = SERVER.Process(target=self.target, args=(self.words, str(self.said), str(self._phase)))
        self._process.start()

    def wait(self, seconds: float) -> int | None:
        """Its exit status, None if it is still at work then."""
        self._process.join(seconds)
        return self._process.exitcode

    def send(self, number: signal.Signals) -> int:
        """Its exit status after a signal."""
        assert self._process.pid is not None
        if self._process.is_alive():
            os.kill(self._process.pid, number)
        status = self.wait(PATIENCE)
        assert status is not None
        return status

    def phase(self) -> str:
        """What it was at."""
        return child.PHASES[self._phase.read_bytes() if self._phase.exists() else b"s"]
