"""Games between a person and agents of runs, and those that a person looks at: what the page asks for."""

import functools
import secrets
from concurrent.futures import Executor
from typing import Any

import jax

from lookax.runs.studio.agents import Agents, choices, read_agents
from lookax.runs.studio.live import LiveRuns
from lookax.runs.studio.play import PersonsGame
from lookax.runs.studio.requests import Payload
from lookax.runs.studio.sessions import Sessions
from lookax.runs.studio.watch import WatchedGame

KEPT = 4
"""Checkpoints that are not read again."""


class Table:
    """Where games are played.

    **Arguments:** the `live` runs; the `worker` that computes lookaheads.
    """

    def __init__(self, live: LiveRuns, worker: Executor):
        self._live, self._worker = live, worker
        self._sessions = Sessions()
        self._agents = functools.lru_cache(KEPT)(self._read)

    def choices(self, asked: Payload) -> dict[str, Any]:
        """What can be chosen of a `run`."""
        return choices(*self._live.run(asked.number("run")))

    def play(self, asked: Payload) -> dict[str, Any]:
        """Begins a game with the agents of a `run`, an `update` and a `seed`; where a person plays, in a `seat`."""
        run, update, seed = asked.number("run"), asked.number("update"), asked.number("seed")
        self._sessions.check_room()
        offered = choices(*self._live.run(run))
        agents = self._agents(run, update, seed, self._written(run, update))
        key = jax.random.key(secrets.randbits(31))
        if offered["kind"] == "watch":
            game = WatchedGame(agents, key)
        else:
            game = PersonsGame(agents, asked.number("seat"), key, self._worker)
        view = game.view()
        return {"session": self._sessions.add(game), **view}

    def move(self, asked: Payload) -> dict[str, Any]:
        """Plays an `action` in the game of a `session`; the next frames of an actor-critic's."""
        game = self._sessions.get(asked.name("session"))
        if isinstance(game, PersonsGame):
            game.move(asked.number("action"))
            return game.view()
        return {"frames": game.frames()}

    def view(self, asked: Payload) -> dict[str, Any]:
        """The game of a `session` as it stands, with what has been computed meanwhile."""
        return self._sessions.get(asked.name("session")).view()

    def leave(self, asked: Payload) -> dict[str, Any]:
        """Forgets the game of a `session`."""
        self._sessions.forget(asked.name("session"))
        return {}

    def _written(self, run: int, update: int) -> int:
        """When a checkpoint was written, in nanoseconds: a folder that was replaced may have one of the same update."""
        folder = self._live.run(run)[0].checkpoints / str(update)
        return folder.stat().st_mtime_ns if folder.is_dir() else 0

    def _read(self, run: int, update: int, seed: int, written: int) -> Agents:
        del written  # Those that were written at other times are others.
        return read_agents(self._live.run(run)[0], update, seed)
