"""What estimates a return, so that its derivatives can be taken: what the estimates themselves are stands beside."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key, PyTree

from lookax.games.game import Policies
from lookax.rollouts.trajectory import Trajectory

ReturnEstimate = Callable[[Any, Any, Key[Array, ""]], Float[Array, ""]]
"""`estimate(mdp, policy, key)`: a scalar whose derivatives in policy and MDP estimate those of the return."""


@runtime_checkable
class GameReturn(Protocol):
    """What estimates a player's return in a matrix game, by games that it chooses and maybe keeps some of.

    It is differentiable to every order in *all* players' policies, as shaping needs, and made in two halves, so that
    games can be played and kept outside of what is differentiated: `prepare`, and then the estimate itself. Estimates
    of one learner share one replay buffer. See [`lookax.learners.objectives.game_returns`][].
    """

    def prepare(
        self, play: Any, policies: Policies, values: Float[Array, "N S"], buffer: PyTree, key: Key[Array, ""]
    ) -> tuple[Trajectory, PyTree]:
        """The games to estimate returns from, with values of their states, and the buffer after that.

        **Arguments:**

        - `play`: the game, as the estimate takes it.
        - `policies`: one per player.
        - `values`: V(s) of every player, `[N, S]`.
        - `buffer`: the replay buffer, or nothing.
        - `key`: where games are drawn from.
        """
        ...

    def __call__(self, play: Any, player: int, policies: Policies, games: Trajectory) -> Float[Array, ""]:
        """One player's return, or a surrogate for it."""
        ...
