"""The games that are being played, no more than a few."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException

MOST = 16
"""Games at once."""

IDLE = 600.0
"""Seconds without a request after which a game makes room for another."""


class Sessions:
    """Games by names that cannot be guessed.

    **Arguments:** the `clock`, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._games: dict[str, Any] = {}
        self._used: dict[str, float] = {}
        self._clock = clock

    def check_room(self) -> None:
        """Forgets games that are idle; raises a refusal (429) unless there is room for another."""
        now = self._clock()
        for name in [name for name, used in self._used.items() if now - used > IDLE]:
            self.forget(name)
        if len(self._games) >= MOST:
            raise HTTPException(429, f"{MOST} games are going on, as many as may; close the pages of some")

    def add(self, game: Any) -> str:
        """A new game's name; a refusal (429) if there are too many."""
        self.check_room()
        name = secrets.token_urlsafe(9)
        self._games[name], self._used[name] = game, self._clock()
        return name

    def get(self, name: str) -> Any:
        """The game of a name; a refusal (404) if there is none."""
        if name not in self._games:
            raise HTTPException(404, "this game is not known, or was left for too long; begin another one")
        self._used[name] = self._clock()
        return self._games[name]

    def forget(self, name: str) -> None:
        """Makes room for another game; a name that is not known is ignored."""
        self._games.pop(name, None)
        self._used.pop(name, None)

    def __len__(self) -> int:
        return len(self._games)
