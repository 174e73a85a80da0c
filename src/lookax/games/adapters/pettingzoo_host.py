"""Parallel environments of PettingZoo in this process, one for each game that is played."""

import functools
import importlib
import itertools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float32, Int

from lookax.errors import BadInputError
from lookax.games.adapters.settings import Settings, cannot_be_made, thawed_settings
from lookax.imports import import_extra

ArrayLike = np.ndarray | Array


class Source(NamedTuple):
    """Where environments come from, with their settings; and how many are kept.

    **Attributes:** `make`: the name of a module with `parallel_env`, or a function; its `settings`, pairs of a name and
    a value, frozen; the `limit`.
    """

    make: str | Callable[..., Any]
    settings: Settings
    limit: int

    def __call__(self) -> Any:
        """A new environment."""
        import_extra("pettingzoo", "pettingzoo")
        try:
            make = importlib.import_module(self.make).parallel_env if isinstance(self.make, str) else self.make
            return make(**thawed_settings(self.settings))
        except Exception as reason:
            raise cannot_be_made(self.make, reason) from reason


class Told(NamedTuple):
    """What an environment tells of a step: all players' `rewards`, `[N]`, and what each sees, `observations`."""

    rewards: Float32[np.ndarray, " N"]
    observations: tuple[Float32[np.ndarray, " _"], ...]


class Played:
    """An environment whose episodes follow each other, and how many steps it has made, `count`."""

    def __init__(self, environment: Any):
        self._environment = environment
        if not hasattr(environment, "possible_agents"):
            raise BadInputError("environment: it has no possible_agents; those that come and go cannot be players")
        self.agents = tuple(environment.possible_agents)
        self._spaces = [environment.observation_space(agent) for agent in self.agents]
        self._starts = [getattr(environment.action_space(agent), "start", 0) for agent in self.agents]

    def reset(self, seed: int) -> Told:
        """The first episode of a seed."""
        self.seed, self.count = seed, 0
        self._seeds, self._last = np.random.SeedSequence(seed), None
        return Told(np.zeros(len(self.agents), np.float32), self._begin())

    def step(self, seed: int, count: int, actions: np.ndarray) -> Told:
        """A step from the state at `count`; the latest one may be asked for again.

        **Arguments:** the `seed` and `count` of that state; all players' `actions`, `[N]`.

        **Raises:** `ValueError` where the environment is at another step.
        """
        if self._last is not None and (seed, count) == (self.seed, self.count - 1):
            asked, told = self._last
            if np.array_equal(asked, actions):
                return told
        if (seed, count) != (self.seed, self.count):
            raise BadInputError(
                f"environment: a state at step {count} was stepped, and the environment is at step {self.count}; "
                "PettingZoo's cannot go back"
            )
        told = self._step(actions)
        self._last, self.count = (actions, told), count + 1
        return told

    def _step(self, actions: np.ndarray) -> Told:
        environment = self._environment
        chosen = {
            agent: int(action) + start
            for agent, action, start in zip(self.agents, actions, self._starts, strict=True)
            if agent in environment.agents
        }
        seen, rewards, terminated, truncated, _ = environment.step(chosen)
        earned = np.array([rewards.get(agent, 0) for agent in self.agents], np.float32)
        over = all(terminated.get(agent, True) or truncated.get(agent, True) for agent in self.agents)
        return Told(earned, self._begin() if over or not environment.agents else self._flat(seen))

    def _begin(self) -> tuple[np.ndarray, ...]:
        """What is seen as an episode begins; each has a seed of its own."""
        own = int(self._seeds.spawn(1)[0].generate_state(1)[0]) % 2**31
        return self._flat(self._environment.reset(seed=own)[0])

    def _flat(self, seen: dict[Any, Any]) -> tuple[np.ndarray, ...]:
        """Each agent's observation as a vector, zeros of those that play no more."""
        return tuple(
            flat(space, seen[agent]) if agent in seen else np.zeros(size(space), np.float32)
            for agent, space in zip(self.agents, self._spaces, strict=True)
        )


class Pool:
    """The environments of one source, by numbers that are given out once. Those played least recently begin anew."""

    def __init__(self, source: Source):
        self._source, self._numbers, self._lock = source, itertools.count(), threading.Lock()
        self._played: dict[int, Played] = {}
        self._one = Played(source())
        environment = self._one._environment
        self.agents = self._one.agents
        self.sizes = tuple(map(size, self._one._spaces))
        self.action_spaces = tuple(environment.action_space(agent) for agent in self.agents)
        self._unused = [self._one]

    def begin(self, seeds: Int[ArrayLike, "*L"]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """New games, one for each seed: their numbers, and what players see."""
        with self._lock:
            begun = [self._begun(int(seed)) for seed in np.asarray(seeds).ravel()]
        numbers, told = zip(*begun, strict=True)
        return np.array(numbers, np.int32).reshape(np.shape(seeds)), self._together(np.shape(seeds), told)[1]

    def step(
        self,
        seeds: Int[ArrayLike, "*L"],
        numbers: Int[ArrayLike, "*L"],
        counts: Int[ArrayLike, "*L"],
        actions: Int[ArrayLike, "*L N"],
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        """A step of all games: how many steps they have made, rewards, and what players see.

        **Arguments:** the games' `seeds`, their `numbers`, and how many steps they have made, `counts`; all players'
        `actions`.
        """
        shape = np.shape(counts)
        one_by_one = (np.asarray(leaf).ravel().tolist() for leaf in (seeds, numbers, counts))
        chosen = np.asarray(actions).reshape(-1, len(self.agents))
        with self._lock:
            told = [self._stepped(*own) for own in zip(*one_by_one, chosen, strict=True)]
        return np.array(np.asarray(counts) + 1, np.int32), *self._together(shape, told)

    def _begun(self, seed: int) -> tuple[int, Told]:
        if len(self._played) >= self._source.limit:
            played = self._played.pop(next(iter(self._played)))
        else:
            played = self._unused.pop() if self._unused else Played(self._source())
        number = next(self._numbers)
        self._played[number] = played
        return number, played.reset(seed)

    def _stepped(self, seed: int, number: int, count: int, actions: np.ndarray) -> Told:
        played = self._played.pop(number, None)
        if played is None:
            limit = self._source.limit
            raise BadInputError(
                f"max_environments: {limit} is not allowed; it must be as many as are played at once (or the state is "
                "another process's)"
            )
        # As the latest one that was played.
        self._played[number] = played
        return played.step(seed, count, actions)

    def _together(self, shape: tuple[int, ...], told: Any) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        rewards, observations = zip(*told, strict=True)
        seen = (np.stack(own).reshape(*shape, -1) for own in zip(*observations, strict=True))
        return np.stack(rewards).reshape(*shape, len(self.agents)), tuple(seen)


@functools.cache
def pool(source: Source) -> Pool:
    """The environments of a source, the same ones whenever it is asked for."""
    return Pool(source)


def flat(space: Any, observation: Any) -> Float32[np.ndarray, " _"]:
    """An observation as a vector."""
    from gymnasium import spaces

    return np.asarray(spaces.flatten(space, observation), np.float32)


def size(space: Any) -> int:
    """How many numbers that has."""
    from gymnasium import spaces

    return spaces.flatdim(space)
