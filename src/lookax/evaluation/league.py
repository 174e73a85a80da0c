"""A league: every agent with every other one and itself, in both seats, and what follows for each side."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key

from lookax.errors import check, check_at_least
from lookax.evaluation.matches import coins, match, own_coin_share, scores
from lookax.evaluation.sides import Side, in_chunks
from lookax.games.coin_game import CoinGame
from lookax.games.game import Game, Policies
from lookax.games.matrix_game import MatrixGame

ROUNDING = 1e-6
"""Rewards per step that differ by less are equal."""


class Matches(NamedTuple):
    """What came of matches of all agents of a side in the first seat with all of a side in the second one.

    **Attributes:**

    - `rewards`: both players' mean reward per step, `[S₁, S₂, 2]`.
    - `cooperation`: in a coin game the share of coins that were of their picker's colour, in a matrix game of two
      actions that of cooperative actions, `[S₁, S₂]`; `None` in other games.
    """

    rewards: np.ndarray
    cooperation: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a side has earned in a league of K sides, per step, in both seats, by its agents, `[seeds]`.

    **Attributes:**

    - `name`: the side's.
    - `earned`: with each side, `[K, seeds]`; with its own, what `other_seeds` has, where there are any.
    - `average`: mean over all other sides, each of which counts once.
    - `worst`: with the side with which this one earns least, itself included: the maximin's minimum.
    - `worst_with`: that side's name.
    - `itself`: agents of one seed with each other: in both seats of the run that they have learned in.
    - `other_seeds`: with all other seeds of this side; `None` with a single one.
    - `cooperation`, `cooperation_with_others`: in these matches, as in
      [`Matches`][lookax.evaluation.league.Matches]; `None` in games that have no such thing, and without other seeds.
    """

    name: str
    earned: np.ndarray
    average: np.ndarray
    worst: np.ndarray
    worst_with: str
    itself: np.ndarray
    other_seeds: np.ndarray | None
    cooperation: np.ndarray | None
    cooperation_with_others: np.ndarray | None


def meet(game: Game, first: Side, second: Side, key: Key[Array, ""], *, horizon: int, games: int) -> Matches:
    """Has every agent of a side in the first seat play with every agent of a side in the second one.

    Sides whose policies have the same form share a compiled program, whatever the number of their seeds.

    **Arguments:**

    - `game`: what is played, by two.
    - `first`, `second`: who sits where; they may be the same.
    - `horizon`: T, the number of steps of a game.
    - `games`: how many each pair of agents plays.

    **Raises:** `ValueError` for a game of another number of players.
    """
    check(game.num_players == 2, "num_players", game.num_players, "2 in a league")
    shape = first.number, second.number
    keys = jax.random.split(key, shape[0] * shape[1])

    def of(places: np.ndarray) -> Any:
        mine, theirs = np.unravel_index(places, shape)
        policies = first.taken(mine)[0], second.taken(theirs)[1]
        return _matches(game, policies, keys[places], horizon, games)

    found = in_chunks(of, shape[0] * shape[1])
    return Matches(*jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), found))


@eqx.filter_jit
def _matches(
    game: Game, policies: Policies, keys: Key[Array, " P"], horizon: int, games: int
) -> tuple[Float[Array, "P 2"], Float[Array, " P"] | None]:
    def one(policies: Policies, key: Key[Array, ""]) -> tuple[Float[Array, " 2"], Float[Array, ""] | None]:
        played = match(game, policies, key, horizon, games)
        if isinstance(game, CoinGame):
            return scores(played), own_coin_share(coins(game, played))
        if has_cooperation(game):
            return scores(played), played.actions.mean(axis=(0, 1)) @ played.weights
        return scores(played), None

    return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(policies, keys)


def has_cooperation(game: Any) -> bool:
    """Whether [`Matches`][lookax.evaluation.league.Matches] has a `cooperation` in this game."""
    return isinstance(game, CoinGame) or (isinstance(game, MatrixGame) and set(game.num_actions) == {2})


def earned(met: Sequence[Sequence[Matches]], side: int, other: int) -> np.ndarray:
    """What all agents of a side earn with all of another one or of its own, mean over both seats, `[S, S′]`.

    **Arguments:** what came of all matches, `met`, by who sat in the first seat and who in the second; the numbers of
    the `side` and of the `other` one.
    """
    return (met[side][other].rewards[..., 0] + met[other][side].rewards[..., 1].T) / 2


def by_seed(values: np.ndarray, first: Side, second: Side) -> np.ndarray:
    """Means over pairs of agents `[S, S′]` by what is independent: the seeds of the side that has fewer, `[seeds]`.

    Of a side and itself, means over the pairs of different seeds, where there are several. A strategy has no seeds.

    **Arguments:** the `values` of pairs; the `first` and the `second` side.
    """
    if first is second:
        return _off_diagonal(values) if first.number > 1 else values.reshape(-1)
    fewer = first.seeds is not None and (second.seeds is None or first.number <= second.number)
    return values.mean(axis=1 if fewer else 0)


def standings(sides: Sequence[Side], met: Sequence[Sequence[Matches]]) -> list[Standing]:
    """What every side has earned.

    **Arguments:** the `sides`; what came of all matches, `met`, by who sat in the first seat and who in the second.

    **Raises:** `ValueError` for fewer than two sides.
    """
    check_at_least("sides", len(sides), 2)
    return [_standing(sides, met, number) for number in range(len(sides))]


def ranks(values: Sequence[float]) -> list[int]:
    """Places by size, from 1 for the largest; those that differ by rounding alone share the best of theirs."""
    return [1 + sum(other > own + ROUNDING for other in values) for own in values]


def _standing(sides: Sequence[Side], met: Sequence[Sequence[Matches]], number: int) -> Standing:
    side, own = sides[number], earned(met, number, number)
    several = side.number > 1
    by_other = np.stack(
        [
            _off_diagonal(own) if other == number and several else earned(met, number, other).mean(axis=1)
            for other in range(len(sides))
        ]
    )
    worst = int(by_other.mean(axis=1).argmin())
    cooperation = met[number][number].cooperation
    return Standing(
        side.name,
        by_other,
        np.delete(by_other, number, axis=0).mean(axis=0),
        by_other[worst],
        sides[worst].name,
        np.diagonal(own),
        _off_diagonal(own) if several else None,
        None if cooperation is None else np.diagonal(cooperation),
        None if cooperation is None or not several else _off_diagonal((cooperation + cooperation.T) / 2),
    )


def _off_diagonal(values: np.ndarray) -> np.ndarray:
    """Means of rows without the diagonal, `[S]`, of values `[S, S]`."""
    return (values.sum(axis=1) - np.diagonal(values)) / (len(values) - 1)
