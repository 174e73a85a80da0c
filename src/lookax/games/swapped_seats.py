"""A game of two players in which they may change places."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from lookax.errors import BadInputError
from lookax.games.game import Game


class SwappedSeats(eqx.Module):
    """A game of two in which player 0 is the game's second player where `swapped`, and the first where not.

    What both players do alike can then be one part of a program that is run twice, instead of two.

    **Attributes:**

    - `game`: the game.
    - `swapped`: whether its players change places; it may be traced.

    **Raises:** `ValueError` for a game of more than two, or one whose players have different numbers of actions.
    """

    game: Game
    swapped: Bool[Array, ""]

    def __check_init__(self):
        if self.game.num_players != 2 or self.game.num_actions[0] != self.game.num_actions[1]:
            raise BadInputError(
                f"game: its players have {self.game.num_actions} actions; there must be two players, with as many each"
            )

    @property
    def num_players(self) -> int:
        """Two."""
        return 2

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
        """The game's, with actions and rewards in the other order where it is swapped.

        **Arguments:** the `state` before; both players' `actions`, `[2]`.
        """
        state, rewards = self.game.step(key, state, jnp.where(self.swapped, actions[::-1], actions))
        return state, jnp.where(self.swapped, rewards[::-1], rewards)

    def observe(self, state: Any, player: int) -> Float[Array, " D"]:
        """What the player sees from its seat."""
        return jnp.where(self.swapped, self.game.observe(state, 1 - player), self.game.observe(state, player))
