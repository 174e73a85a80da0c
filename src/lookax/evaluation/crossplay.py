"""Cross-play: agents that have not learned together play with each other."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Key

from lookax.evaluation.matches import match, scores
from lookax.games.game import Game


def pairings(first: int | None, second: int | None, *, itself: bool) -> np.ndarray:
    """Which of the `first` seat's seeds meets which of the `second` one's, `[pairings, 2]`.

    Every seed of the larger number takes part once, those of the smaller one over and over: s with s. A run that meets
    `itself` has s meet s + 1, the last one the first, so that no agent meets the partner that it has learned with (with
    a single seed there is no other). `None` stands for a fixed strategy, which all others meet: it is number 0.
    """
    numbers = first or 1, second or 1
    seeds = np.arange(max(numbers))
    return np.stack([seeds % numbers[0], (seeds + itself) % numbers[1]], axis=1)


def independent(values: np.ndarray, first: int | None, second: int | None) -> np.ndarray:
    """Means over the pairings of each seed of the smaller number, `[seeds, …]`, of `values` `[pairings, …]`.

    What an interval is of: pairings that share an agent are not independent of each other.

    **Arguments:** `values` of pairings, in the order of [`pairings`][lookax.evaluation.crossplay.pairings]; the numbers
    of seeds of the `first` seat and of the `second` one, `None` for a fixed strategy.
    """
    seeds = min((number for number in (first, second) if number is not None), default=1)
    return np.stack([values[seed::seeds].mean(axis=0) for seed in range(seeds)])


def cross_scores(
    game: Game, first: Any, others: Sequence[Any], keys: Key[Array, " P"], horizon: int, batch_size: int
) -> Float[Array, "P N"]:
    """All players' mean reward per step in P matches, of policies in the first seat and in each other one, `[P, …]`.

    They may be of different kinds; what is no array, such as a plain function, is the same in every match.

    **Arguments:**

    - `game`: what is played.
    - `first`: the policies in the first seat, a pytree of arrays `[P, …]`.
    - `others`: those in the other seats, a pytree like that for each seat.
    - `keys`: of the matches, `[P]`.
    - `horizon`: T, the number of steps of a game.
    - `batch_size`: B, the number of games of a match.
    """

    def one(first: Any, others: Sequence[Any], key: Key[Array, ""]) -> Float[Array, " N"]:
        return scores(match(game, (first, *others), key, horizon, batch_size))

    return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), eqx.if_array(0), 0))(first, others, keys)
