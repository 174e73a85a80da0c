"""The command in a process that may be killed at any moment, which notes what it is at."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from lookax.cli import main
from lookax.runs.programs.recorder import Recorder
from lookax.runs.storage.checkpoints import Checkpoints

PHASES = {
    b"s": "before the first update",
    b"l": "while learning",
    b"c": "while saving a checkpoint",
    b"e": "at the end",
}


def run(words: Sequence[str], said: str, phase: str) -> None:
    """Runs the command, with what it says and what it is at written to files."""
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    noted = os.open(phase, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def noting(function: Callable[..., Any], before: bytes, after: bytes) -> Callable[..., Any]:
        def noted_function(*arguments: Any) -> Any:
            os.pwrite(noted, before, 0)
            result = function(*arguments)
            os.pwrite(noted, after, 0)
            return result

        return noted_function

    os.pwrite(noted, b"s", 0)
    Recorder.record = noting(Recorder.record, b"l", b"l")
    Checkpoints.save = noting(Checkpoints.save, b"c", b"l")
    Recorder.close = noting(Recorder.close, b"e", b"e")
    sys.exit(main(words))
