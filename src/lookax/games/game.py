"""What every game offers to those who play it."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Key, PyTree

from lookax.errors import BadInputError

Policy = Callable[[Float[Array, " D"]], Float[Array, " A"]]
"""From one observation to action logits; also a pytree of its parameters."""

Policies = tuple[Any, ...]
"""One policy per player."""


@runtime_checkable
class Game(Protocol):
    """A stochastic game of N players: one game per call, many at once by `jax.vmap`.

    A state is a pytree of arrays whose shapes never change. Play goes on for as long as it is stepped: horizons and
    discounts are no part of a game.
    """

    @property
    def num_players(self) -> int:
        """N."""
        ...

    @property
    def num_actions(self) -> tuple[int, ...]:
        """A₁, …, A_N."""
        ...

    def reset(self, key: Key[Array, ""]) -> Any:
        """A state to start from."""
        ...

    def step(self, key: Key[Array, ""], state: Any, actions: Int[Array, " N"]) -> tuple[Any, Float[Array, " N"]]:
        """Plays all players' actions at once: the next state and each player's reward.

        **Arguments:** the `state` before; all players' `actions`, `[N]`.
        """
        ...

    def observe(self, state: Any, player: int) -> Float[Array, " D"]:
        """What `player` sees of a state; D may differ between players."""
        ...


class Seen(NamedTuple):
    """What there is to be seen when the players of one game are about to act.

    **Attributes:**

    - `state`: the game's present state.
    - `actions`: all players' last actions, −1 before the first step.
    - `rewards`: all players' last rewards, 0 before the first step.
    """

    state: PyTree
    actions: Int[Array, " N"]
    rewards: Float[Array, " N"]


def check_outputs(player: int, shape: tuple[int, ...], num_actions: int) -> None:
    """Raises `ValueError` unless a policy's outputs, of this shape for one observation, are one for each action.

    **Arguments:** the `player` whose policy it is, which the message names; the `shape` of the outputs; `num_actions`,
    A of the player.
    """
    if shape != (num_actions,):
        raise BadInputError(
            f"policy: that of player {player} gives logits of shape {shape}, and the player has {num_actions} actions; "
            "give it one output for each"
        )
