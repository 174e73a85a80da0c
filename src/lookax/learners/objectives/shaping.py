"""Opponent shaping: my objective at the point that my opponents will have learned their way to."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, ScalarLike

from lookax.errors import BadInputError
from lookax.games.differentiable import DifferentiableGame
from lookax.games.game import Policies, Policy
from lookax.lookahead.objectives import Maximiser
from lookax.lookahead.taylor import taylor


def check_shaping(shaping: Any) -> None:
    """Raises `ValueError` for a learner's `shaping` that has no objective, such as a bare lookahead."""
    if not hasattr(shaping, "objective"):
        raise BadInputError(
            f"shaping: a {type(shaping).__name__} is not allowed; it must be Shaping(lookahead=…) around one"
        )


class Shaping(eqx.Module):
    """How a player looks ahead through its opponents' learning.

    **Attributes:**

    - `lookahead`: the learning that the opponents are expected to do, all at once: a
      [`Lookahead`][lookax.lookahead.lookahead.Lookahead] of gradient steps, or a
      [`ProximalPoint`][lookax.lookahead.proximal.ProximalPoint].
    - `inner_beta`: β of the proximal term −β D(start, θ) in an opponent's objective; `None` for none.
    - `taylor`: take the tangent plane of my objective at the opponents' start instead of its value at their step's end.
    """

    _: dataclasses.KW_ONLY
    lookahead: Maximiser
    inner_beta: ScalarLike | None = None
    taylor: bool = eqx.field(static=True, default=False)

    def objective(
        self,
        game: DifferentiableGame,
        player: int,
        start: Policies,
        weights: Float[Array, " S"] | None = None,
    ) -> Callable[[Policy], Float[Array, ""]]:
        """Fᵢ(φ) = Vᵢ(φ, θ′₋ᵢ(φ)), where θ′₋ᵢ is where the opponents' lookahead from their start ends if I play φ.

        Opponent j maximises Vⱼ(φ, θ) − β D(startⱼ, θⱼ). With `taylor`, Fᵢ is to first order in θ′ − start.

        **Arguments:**

        - `game`: whose values are differentiated, for the policies in `start`.
        - `player`: i.
        - `start`: all players' policies before the update; mine is not read.
        - `weights`: of the states in D, `[S]`; 1 each unless given.
        """

        def objective(mine: Policy) -> Float[Array, ""]:
            def value(theirs: Policies) -> Float[Array, ""]:
                return game.values(joined(player, mine, theirs))[player]

            learned = self.look_ahead(game, player, mine, start, weights)
            if self.taylor:
                return taylor(value, (*start[:player], *start[player + 1 :]), learned)
            return value(learned)

        return objective

    def look_ahead(
        self,
        game: DifferentiableGame,
        player: int,
        mine: Policy,
        start: Policies,
        weights: Float[Array, " S"] | None = None,
    ) -> Policies:
        """θ′₋ᵢ(φ): where the opponents' lookahead from their start ends if I play φ, in the order of their seats.

        **Arguments:**

        - `game`: whose values are differentiated, for the policies in `start`.
        - `player`: i.
        - `mine`: my policy φ.
        - `start`: all players' policies before the update; mine is not read.
        - `weights`: of the states in D, `[S]`; 1 each unless given.
        """
        opponents = [j for j in range(game.num_players) if j != player]

        def objective(m: int, j: int, theirs: Policies) -> Float[Array, ""]:
            value = game.values(joined(player, mine, theirs))[j]
            if self.inner_beta is None:
                return value
            return value - self.inner_beta * game.divergence(j, start[j], theirs[m], weights)

        objectives = tuple(lambda theirs, m=m, j=j: objective(m, j, theirs) for m, j in enumerate(opponents))
        return self.lookahead.maximise(objectives, tuple(start[j] for j in opponents))


def joined(player: int, mine: Policy, theirs: Policies) -> Policies:
    """All players' policies in the order of their seats.

    **Arguments:** the `player`, from 0; `mine`, its policy; `theirs`, the others' in their order.
    """
    return (*theirs[:player], mine, *theirs[player:])
