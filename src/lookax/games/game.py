"""What every game offers to those who play it."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Key, PyTree


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
        """Plays everybody's actions at once: the next state and each player's reward."""
        ...

    def observe(self, state: Any, player: int) -> Float[Array, " D"]:
        """What `player` sees of a state; D may differ between players."""
        ...


class Seen(NamedTuple):
    """What there is to be seen when the players of one game are about to act.

    **Attributes:** the game's present `state`; everybody's last `actions`, −1 before the first step; everybody's last
    `rewards`, 0 before the first step.
    """

    state: PyTree
    actions: Int[Array, " N"]
    rewards: Float[Array, " N"]
