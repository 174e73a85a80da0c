"""Games whose values are functions of policies."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float

from lookax.games.game import Policies


@runtime_checkable
class DifferentiableGame(Protocol):
    """A game of N players whose values are functions of their policies that can be differentiated to any order."""

    @property
    def num_players(self) -> int:
        """N."""
        ...

    def values(self, policies: Policies) -> Float[Array, " N"]:
        """Expected return Vᵢ of every player."""
        ...

    def divergence(
        self, player: int, reference: Any, policy: Any, weights: Float[Array, " S"] | None = None
    ) -> Float[Array, ""]:
        """D(reference, policy) of one player's policies, a sum over states with weights 1 unless given.

        **Arguments:** the `player`, from 0; its `reference` policy and its `policy`; `weights` of states, `[S]`.
        """
        ...


@runtime_checkable
class VisitedGame(DifferentiableGame, Protocol):
    """One whose policies visit some of its states more often than others."""

    def visitation(self, policies: Policies) -> Float[Array, " S"]:
        """Discounted expected number of visits to each state."""
        ...


@runtime_checkable
class DiscountedGame(DifferentiableGame, Protocol):
    """One that is played from state to state, as [`ExactPlay`][lookax.games.exact_play.ExactPlay] is."""

    @property
    def num_states(self) -> int:
        """S."""
        ...

    @property
    def discount(self) -> Any:
        """γ."""
        ...
