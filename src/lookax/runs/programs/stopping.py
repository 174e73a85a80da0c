"""Signals to stop: work is notified, and finishes its update; work that does not react in time is made to leave."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lookax.runs.errors import StoppedError

GRACE = 5.0
"""Seconds for the update that is under way; compiling a program takes longer, and cannot be interrupted."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether a stop has been requested: `signal` is the signal's number, 0 until then.

    **Arguments:** the `folder` that is worked in, which is to be resumed.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.signal = 0
        self.noticed = threading.Event()
        """To be set once the work has noticed, and stops by itself."""
        self.lock = threading.RLock()
        """To be held while files change."""
        self.leave: Callable[[], str] = str
        """Saves what there is, from another thread than the one that works, and tells where that is."""

    def error(self, where: str) -> StoppedError:
        """What to raise once the work has come to a stop."""
        return StoppedError(self._told(where), self.signal)

    def watch(self, receiver: socket.socket) -> None:
        """Waits for a signal's number to come, and for the work to notice; ends the process if it does not in time."""
        while (number := receiver.recv(1)) and number[0] not in SIGNALS:
            pass
        if not number:
            return
        self.signal = number[0]
        if self.noticed.wait(GRACE):
            return
        with self.lock:
            if not self.noticed.is_set():
                try:
                    message = self._told(self.leave())
                except Exception as reason:
                    message = f"{self._told('')}; what came last could not be saved ({reason})"
                bar_ends = "\r\x1b[K\x1b[?25h" if sys.stderr.isatty() else ""  # progress hides the cursor
                sys.stderr.write(f"{bar_ends}lookax: {message}\n")
                sys.stderr.flush()
                os._exit(128 + self.signal)

    def _told(self, where: str) -> str:
        at = f" {where}" if where else ""
        return f"stopped by {signal.Signals(self.signal).name}{at}; `lookax resume {self._folder}` goes on"


@contextlib.contextmanager
def stop_on_signals(folder: Path) -> Iterator[Stop]:
    """SIGTERM and SIGINT ask to stop, within; outside of the main thread they mean what they meant before.

    **Arguments:** the `folder` that is worked in.
    """
    stop = Stop(folder)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # Python handles signals between two of its instructions, of which there are none while XLA compiles: the number of
    # the signal comes through a socket to a thread, which is notified at once.
    ours, receiver = socket.socketpair()
    receiver.setblocking(False)
    watcher = threading.Thread(target=stop.watch, args=(ours,), daemon=True)
    before_fd = signal.set_wakeup_fd(receiver.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, _ignore_once) for number in SIGNALS}
    watcher.start()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_fd)
        stop.noticed.set()
        receiver.close()
        watcher.join()
        ours.close()


def _ignore_once(number: int, _frame: object) -> None:
    """The thread has been notified; whoever asks a second time means at once."""
    signal.signal(number, signal.SIG_DFL)
