"""What a game is, and what its players see of it."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Key, PyTree


class Seen(NamedTuple):
    """What players are shown at a step: the `state`; everybody's last `actions` and `rewards`.

    Before the first step actions are −1 and rewards 0.
    """

    state: PyTree
    actions: Int[Array, "..."]
    rewards: Float[Array, "..."]


@runtime_checkable
class Game(Protocol):
    """A stochastic game of N players who act at once. Everything is of one game; `jax.vmap` plays many."""

    @property
    def num_players(self) -> int:
        """N."""
        ...

    @property
    def num_actions(self) -> tuple[int, ...]:
        """A₁, …, A_N."""
        ...

    def reset(self, key: Key[Array, ""]) -> Any:
        """A state to start in, a pytree of arrays."""
        ...

    def step(self, key: Key[Array, ""], state: Any, actions: Int[Array, " N"]) -> tuple[Any, Float[Array, " N"]]:
        """The state that follows, and everybody's reward."""
        ...

    def observe(self, state: Any, player: int) -> Float[Array, " D"]:
        """What a player sees of a state, as numbers for a network."""
        ...
