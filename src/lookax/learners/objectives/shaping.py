"""Opponent shaping: my objective at the point that my opponents will have learned their way to."""

import dataclasses
from collections.abc import Callable

from jaxtyping import Array, Float, PyTree, ScalarLike

from lookax.games.exact_play import ExactPlay, Policies, Policy
from lookax.lookahead.gradient import Objectives
from lookax.lookahead.taylor import taylor

Lookahead = Callable[[Objectives, PyTree], PyTree]
"""A differentiable learning step: from objectives and the parameters where it starts to those where it ends.

[`unrolled`][lookax.lookahead.unrolled.unrolled] and [`proximal_point`][lookax.lookahead.proximal.proximal_point] are
two, once `functools.partial` has set their options.
"""


@dataclasses.dataclass(frozen=True)
class Shaping:
    """How a player looks ahead through its opponents' learning.

    **Attributes:**

    - `lookahead`: the learning step that the opponents are expected to take, all at once.
    - `inner_beta`: β of the proximal term −β D(start, θ) in an opponent's objective; `None` for none.
    - `taylor`: take the tangent plane of my objective at the opponents' start instead of its value at their step's end.
    """

    lookahead: Lookahead
    inner_beta: ScalarLike | None = None
    taylor: bool = False

    def objective(
        self,
        play: ExactPlay,
        player: int,
        start: Policies,
        weights: Float[Array, " S"] | None = None,
    ) -> Callable[[Policy], Float[Array, ""]]:
        """Fᵢ(φ) = Vᵢ(φ, θ′₋ᵢ(φ)), where θ′₋ᵢ is where the opponents' lookahead from their start ends if I play φ.

        Opponent j climbs Vⱼ(φ, θ) − β D(startⱼ, θⱼ). With `taylor`, Fᵢ is to first order in θ′ − start.

        **Arguments:**

        - `play`: what is played; the opponents' observations in it are those of their policies in `start`.
        - `player`: i.
        - `start`: everybody's policies before the update; mine is not read.
        - `weights`: of the states in D, `[S]`; 1 each unless given.
        """
        opponents = [j for j in range(play.num_players) if j != player]
        opponents_start = tuple(start[j] for j in opponents)

        def objective(mine: Policy) -> Float[Array, ""]:
            def value(j: int, theirs: Policies) -> Float[Array, ""]:
                return play.values((*theirs[:player], mine, *theirs[player:]))[j]

            def opponent_objective(m: int, j: int, theirs: Policies) -> Float[Array, ""]:
                if self.inner_beta is None:
                    return value(j, theirs)
                return value(j, theirs) - self.inner_beta * play.divergence(j, start[j], theirs[m], weights)

            objectives = tuple(
                lambda theirs, m=m, j=j: opponent_objective(m, j, theirs) for m, j in enumerate(opponents)
            )
            learned = self.lookahead(objectives, opponents_start)
            if self.taylor:
                return taylor(lambda theirs: value(player, theirs), opponents_start, learned)
            return value(player, learned)

        return objective
