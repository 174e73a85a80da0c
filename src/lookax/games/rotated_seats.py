"""A game whose players may all move on by some seats; and who sits where, as seen from one seat."""

from collections.abc import Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from lookax.errors import BadInputError
from lookax.games.game import Game

T = TypeVar("T")


def seats_after(player: int, num_players: int) -> list[int]:
    """The other players, those after a player first: i + 1, …, N − 1, 0, …, i − 1.

    Whatever is of a player's others, such as their agents, is in this order.
    """
    return [(player + place) % num_players for place in range(1, num_players)]


def in_seats(player: int, mine: T, others: Sequence[T]) -> tuple[T, ...]:
    """What is of a player and of its others, in the order of seats.

    **Arguments:**

    - `player`: whose others they are, from 0: i.
    - `mine`: of that player.
    - `others`: of the players after it, i + 1 first.
    """
    everything = (mine, *others)
    first = len(everything) - player
    return (*everything[first:], *everything[:first])


class RotatedSeats(eqx.Module):
    """A game in which player i has the seat of the game's player i + `shift`, counted round the table.

    What all players do alike can then be one part of a program that is run for each of them, instead of N parts. Seats
    of a game of two are swapped by a shift of 1.

    **Attributes:**

    - `game`: the game.
    - `shift`: from 0 to N − 1; it may be traced.

    **Raises:** `ValueError` for a game whose players have different numbers of actions.
    """

    game: Game
    shift: Int[Array, ""]

    def __check_init__(self):
        if len(set(self.game.num_actions)) > 1:
            raise BadInputError(
                f"game: its players have {self.game.num_actions} actions; seats can be rotated where all have as many"
            )

    @property
    def num_players(self) -> int:
        """The game's."""
        return self.game.num_players

    @property
    def num_actions(self) -> tuple[int, ...]:
        """The game's."""
        return self.game.num_actions

    @property
    def num_states(self) -> int:
        """The game's, where it has finitely many."""
        game: Any = self.game
        return game.num_states

    def reset(self, key: Key[Array, ""]) -> Any:
        """The game's."""
        return self.game.reset(key)

    def step(self, key: Key[Array, ""], state: Any, actions: Int[Array, " N"]) -> tuple[Any, Float[Array, " N"]]:
        """The game's, with actions and rewards of the seats that players have.

        **Arguments:** the `state` before; all players' `actions`, `[N]`.
        """
        state, rewards = self.game.step(key, state, self.by_seat(actions))
        return state, jnp.roll(rewards, -self.shift)

    def observe(self, state: Any, player: int) -> Float[Array, " D"]:
        """What the player sees from its seat."""
        return self.of_seat(player, [self.game.observe(state, seat) for seat in range(self.num_players)])

    def by_seat(self, leaf: Array) -> Array:
        """What is of the players, `[N, …]`, in the order of the game's seats."""
        return jnp.roll(leaf, self.shift, axis=0)

    def of_seat(self, player: int, by_seat: Sequence[Any]) -> Any:
        """Of arrays of one form, one for each of the game's seats, that of the seat which a player has.

        **Arguments:** the `player`; `by_seat`, N arrays or pytrees of arrays.
        """
        seat = ((player + self.shift) % self.num_players).astype(jnp.int32)
        return jax.tree.map(lambda *leaves: jax.lax.select_n(seat, *leaves), *by_seat)
