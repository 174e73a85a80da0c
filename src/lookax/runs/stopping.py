"""Signals to stop: the run is told, and finishes what it is at; a run that does not react in time is made to leave."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

GRACE = 5.0
"""Seconds for the update that is under way; compiling a program takes longer, and cannot be interrupted."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppedError(Exception):
    """A run was told to stop, and has; the message says where."""

    def __init__(self, message: str, number: int):
        super().__init__(message, number)
        self.exit_status = 128 + number

    def __str__(self):
        return str(self.args[0])


class Stop:
    """Whether somebody has asked to stop: `signal` is the signal's number, 0 until then."""

    def __init__(self) -> None:
        self.signal = 0
        self.noticed = threading.Event()
        """To be set once the run has noticed."""


@contextlib.contextmanager
def stop_on_signals(leave: Callable[[Stop], None]) -> Iterator[Stop]:
    """SIGTERM and SIGINT ask to stop, within; outside of the main thread they mean what they meant before.

    **Arguments:** `leave`, called in a thread of its own where a run has not noticed in time; the process then ends.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # Python handles signals between two of its instructions, of which there are none while XLA compiles: the number of
    # the signal comes through a socket to a thread, which is told at once.
    ours, told = socket.socketpair()
    told.setblocking(False)

    def wait() -> None:
        number = ours.recv(1)
        if not number:
            return
        stop.signal = number[0]
        if not stop.noticed.wait(GRACE):
            leave(stop)
            os._exit(128 + stop.signal)

    watcher = threading.Thread(target=wait, daemon=True)
    before = {number: signal.signal(number, _ignore_once) for number in SIGNALS}
    before_fd = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(before_fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.noticed.set()
        told.close()
        watcher.join()
        ours.close()


def _ignore_once(number: int, _frame: object) -> None:
    """The thread has been told; whoever asks a second time means at once."""
    signal.signal(number, signal.SIG_DFL)
