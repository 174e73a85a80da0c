"""What one agent plays, in batches: games with frames to look at, whose episodes follow each other."""

from typing import Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, Key, Num, PyTree


class Step(eqx.Module):
    """A step of B environments.

    A limit of time is no end to learn from. Where it cuts an episode the step is `continues` and `ended`, its
    observation is the last one of that episode, and the next step is spent on the reset, neither played nor going on:
    so what the last observation is worth counts for what was done, and nothing of the next episode does.

    **Attributes:**

    - `observations` after it, of the next episode where one has ended of itself;
    - `rewards` to learn from, which may be clipped;
    - `continues`: whether what follows counts for what was done (not after a lost life, say);
    - `played`: whether it was a step, and not spent on a reset;
    - `returns`, the sum of a whole episode's rewards as the game counts them, where one has `ended` with this step.
    """

    observations: Num[Array, "B ..."]
    rewards: Float[Array, " B"]
    continues: Bool[Array, " B"]
    played: Bool[Array, " B"]
    returns: Float[Array, " B"]
    ended: Bool[Array, " B"]


@runtime_checkable
class Environment(Protocol):
    """B environments at once; a state is a pytree of arrays."""

    @property
    def num_actions(self) -> int:
        """A."""
        ...

    @property
    def frame(self) -> tuple[int, int, int]:
        """Height, width and channels of an observation: shades from 0 to 255 as `uint8`, or numbers."""
        ...

    def reset(self, key: Key[Array, ""], batch_size: int) -> tuple[PyTree, Num[Array, "B ..."]]:
        """A state in which B episodes begin, and what is seen of it."""
        ...

    def step(self, key: Key[Array, ""], state: PyTree, actions: Int[Array, " B"]) -> tuple[PyTree, Step]:
        """The state after all games' actions.

        **Arguments:** the `state` before; all games' `actions`, `[B]`.
        """
        ...
