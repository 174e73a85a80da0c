"""Threads that compute for the page, and keep no process from its end."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

Task = tuple[Future[Any], Callable[[], Any]]


class Worker(Executor):
    """Threads that do what is submitted in the order in which it comes.

    Python waits at its end for the threads of its own executors, and a lookahead may take minutes. It does not wait for
    these.

    **Arguments:** its `name`; the number of `threads`.
    """

    def __init__(self, name: str, threads: int = 1):
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = threads
        for _ in range(threads):
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What a function returns, once it has been called."""
        future: Future[Any] = Future()
        self._tasks.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the threads after what they are doing; what has not begun is cancelled.

        **Arguments:** `wait` and `cancel_futures` are those of every executor; nothing is waited for, all is cancelled.
        """
        del wait, cancel_futures
        while True:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                break
            if task is not None:
                task[0].cancel()
        for _ in range(self._threads):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as failure:
                future.set_exception(failure)
            del task, future, call
