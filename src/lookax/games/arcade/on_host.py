"""Batches of games that live in this process, outside of compiled programs, for one agent that acts in all of them.

A state holds which ones they are, and how many steps they have made. Where there are none at that step (a run that was
resumed), new ones are made, whose seeds come from the state: the step is spent on the reset.
"""

import atexit
import collections
import threading
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback
from jaxtyping import Array, Bool, Float, Float32, Int, Key, Num

from lookax.errors import BadInputError

MOST_GAMES = 4096
"""How many games a process keeps: 64 runs of 64."""

COUNT = jax.ShapeDtypeStruct((), jnp.int32)


@runtime_checkable
class Playing(Protocol):
    """Games of a batch that are going on, and how many steps they have made, `count`."""

    count: int

    def __len__(self) -> int:
        """B."""
        ...

    def first(self) -> np.ndarray:
        """What is seen as they begin, `[B, …]`."""
        ...

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Float32[np.ndarray, "6 B"]]:
        """A step of all games: what is seen, and the fields of `HostStep` in their order."""
        ...

    def close(self) -> None:
        """Gives back what they hold, as they are played no more."""
        ...


@runtime_checkable
class HostGames(Protocol):
    """What is played, with its settings; hashable, and equal where games are the same."""

    def playing(self, batch_size: int, seed: int, count: int) -> Playing:
        """New games. Together `seed` and `count` seed them.

        **Arguments:** the `batch_size` B; the `seed`, as the batch's first reset drew it; how many steps the batch has
        made, `count`, 0 for first games.
        """
        ...


class HostStep(NamedTuple):
    """What games tell of a step, beside what is seen; as in [`Step`][lookax.games.arcade.environment.Step].

    **Attributes:** `rewards`, as the game counts them; `continues`; `played`; `returns` of games that `ended`; whether
    an episode `begins` with what is seen.
    """

    rewards: Float[Array, " B"]
    continues: Bool[Array, " B"]
    played: Bool[Array, " B"]
    returns: Float[Array, " B"]
    ended: Bool[Array, " B"]
    begins: Bool[Array, " B"]


SPENT = np.array([0, 0, 0, 0, 0, 1], np.float32)
"""A step that is spent on a reset."""


class Batch(NamedTuple):
    """Which games, and where they are.

    **Attributes:** the `seed` of the batch; its `number` among those of that seed in this process; how many `steps` it
    has made.
    """

    seed: Int[Array, ""]
    number: Int[Array, ""]
    steps: Int[Array, ""]


class Batches:
    """Games of all batches of a process: by what is played, by seed, and by a number among those of one seed.

    Of more games than `limit` those are dropped that have not been played for longest. To go on with them is an error.
    """

    def __init__(self, limit: int = MOST_GAMES):
        self._limit = limit
        self._playing: dict[tuple[HostGames, int, int], Playing] = {}
        self._begun: collections.Counter[tuple[HostGames, int]] = collections.Counter()
        self._dropped: set[tuple[HostGames, int, int, int]] = set()
        self._lock = threading.Lock()

    def begin(self, games: HostGames, batch_size: int, seed: int, count: int) -> tuple[int, np.ndarray]:
        """New ones, used by no other batch: their number, and what is first seen.

        **Arguments:**

        - `games`: what is played, with its settings.
        - `batch_size`: B.
        - `seed`: of the batch, as its first reset drew it.
        - `count`: how many steps of the batch have been made, 0 for first games. Together with `seed` it seeds the
          games.
        """
        playing, dropped = games.playing(batch_size, seed, count), []
        with self._lock:
            number = self._begun[games, seed]
            self._begun[games, seed] += 1
            self._playing[games, seed, number] = playing
            while len(self._playing) > 1 and sum(map(len, self._playing.values())) > self._limit:
                longest = next(iter(self._playing))
                dropped.append(self._playing.pop(longest))
                self._dropped.add((*longest, dropped[-1].count))
        for own in dropped:
            own.close()
        return number, playing.first()

    def step(
        self, games: HostGames, seed: int, number: int, count: int, actions: np.ndarray
    ) -> tuple[int, np.ndarray, np.ndarray]:
        """A step of those that have made `count` steps; where there are none, new ones begin and the step is spent.

        **Arguments:**

        - `games`: what is played, with its settings.
        - `seed`: of the batch, as `begin` was given it.
        - `number`: of the batch, as `begin` returned it.
        - `count`: how many steps the batch has made.
        - `actions`: of all games, `[B]`.

        **Returns:** the number of those that go on, and what
        [`Playing.step`][lookax.games.arcade.on_host.Playing.step] tells.

        **Raises:** `ValueError` where there were too many to be kept.
        """
        own = games, seed, number
        with self._lock:
            playing = self._playing.get(own)
            if playing is not None and playing.count == count:
                # As the latest one that was played.
                self._playing[own] = self._playing.pop(own)
            elif (*own, count) in self._dropped:
                raise BadInputError(
                    f"games: more than {self._limit} on the host were begun in one process, and those of seed {seed} "
                    f"are no longer kept; seeds times batch_size must be at most {self._limit}"
                )
            else:
                playing = None
        if playing is not None:
            return number, *playing.step(actions)
        number, seen = self.begin(games, len(actions), seed, count + 1)
        return number, seen, np.repeat(SPENT[:, None], len(actions), axis=1)

    def end(self) -> None:
        """Drops all of them."""
        with self._lock:
            dropped = list(self._playing.values())
            self._playing.clear()
        for own in dropped:
            own.close()


BATCHES = Batches()
# Before the interpreter goes, or ale-py complains of what is left.
atexit.register(BATCHES.end)


def begin(
    games: HostGames, key: Key[Array, ""], batch_size: int, like: jax.ShapeDtypeStruct
) -> tuple[Batch, Num[Array, "B ..."]]:
    """A new batch, and what is first seen of it.

    **Arguments:** the `games`; their number, `batch_size`; the shape and type of what is seen of one, `like`.
    """
    seed = jax.random.randint(key, (), 0, 2**30)

    def on_host(seed: Array) -> tuple[np.int32, np.ndarray]:
        number, seen = BATCHES.begin(games, batch_size, int(seed), 0)
        return np.int32(number), seen

    number, seen = io_callback(on_host, (COUNT, _batch(like, batch_size)), seed)
    return Batch(seed, number, jnp.zeros_like(number)), seen


def step(
    games: HostGames, batch: Batch, actions: Int[Array, " B"], like: jax.ShapeDtypeStruct
) -> tuple[Batch, Num[Array, "B ..."], HostStep]:
    """A step of a batch, what is seen after it and what else there is to tell.

    **Arguments:** the `games`; the `batch` before; all games' `actions`, `[B]`; the shape and type of what is seen of
    one, `like`.
    """

    def on_host(
        seed: Array, number: Array, count: Array, actions: Array
    ) -> tuple[np.int32, np.int32, np.ndarray, np.ndarray]:
        after, seen, told = BATCHES.step(games, int(seed), int(number), int(count), np.asarray(actions))
        return np.int32(after), np.int32(int(count) + 1), seen, told

    # Number and count come back from the host, so that no step is made before the one that it follows.
    size = len(actions)
    shapes = COUNT, COUNT, _batch(like, size), jax.ShapeDtypeStruct((len(SPENT), size), jnp.float32)
    number, count, seen, (rewards, continues, played, returns, ended, begins) = io_callback(
        on_host, shapes, *batch, actions
    )
    told = HostStep(rewards, continues > 0, played > 0, returns, ended > 0, begins > 0)
    return Batch(batch.seed, number, count), seen, told


def _batch(like: jax.ShapeDtypeStruct, size: int) -> Any:
    return jax.ShapeDtypeStruct((size, *like.shape), like.dtype)
