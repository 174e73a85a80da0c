"""POLA: proximal learning with opponent-learning awareness (Zhao et al. 2022)."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, ScalarLike

from lookax.choices import DivergenceWeights
from lookax.errors import check
from lookax.games.differentiable import DifferentiableGame, VisitedGame
from lookax.games.game import Policies, Policy
from lookax.learners.learner import Metrics
from lookax.learners.objectives.shaping import Shaping, check_shaping
from lookax.learners.simultaneous import Belief, Initial, OpponentModelling, PlayersState, beliefs
from lookax.lookahead.ascent import Ascent, ascend
from lookax.lookahead.optimiser import Optimiser, as_optimiser


class POLA(eqx.Module):
    """Every player moves its *policy* to where its return after the opponents' learning, less a divergence, is largest.

        πᵢ ← argmax_φ Fᵢ(φ) − β D(πᵢ, φ),    Fᵢ(φ) = Vᵢ(φ, lookahead of the others against φ),

    all from the same policies, with D(π, φ) = Σₛ w(s) KL(π(·|s) ‖ φ(·|s)). The argmax is approached by optimiser steps
    until the policy stops moving, or by a fixed number of them (Zhao et al. 2022, eq. 5 and algorithm 1). In the exact
    experiments the lookahead is one gradient step; looking ahead by
    [`ProximalPoint`][lookax.lookahead.proximal.ProximalPoint] makes both of its halves proximal.

    **Attributes:**

    - `game`: whose values are differentiated.
    - `initial`: the first policies of all players, from a random key.
    - `optimiser`: of the outer steps; starts afresh at every update.
    - `shaping`: how a player looks ahead.
    - `outer_beta`: β; `None` for no proximal term.
    - `outer_steps`: how many outer steps, or `None` for as many as it takes the policy to stop moving.
    - `tolerance`: a step counts as no movement when Σₛ KL between the policies before and after it is below this, in
      both directions.
    - `max_outer_steps`: give up after as many; the metric `outer_converged` says so.
    - `divergence_weights`: w(s) = 1, or the share of (discounted) visits to s under the policies before the update.
    - `opponent_model`: `None` where opponents' policies are known.

    **Raises:** `ValueError` for a lookahead that no `Shaping` is around, and for weights by visitation in a game that
    has none.
    """

    _: dataclasses.KW_ONLY
    game: DifferentiableGame
    initial: Initial = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    shaping: Shaping
    outer_beta: ScalarLike | None
    outer_steps: int | None = eqx.field(static=True, default=None)
    tolerance: ScalarLike = 1e-8
    max_outer_steps: int = eqx.field(static=True, default=5000)
    divergence_weights: DivergenceWeights = eqx.field(static=True, default="uniform")
    opponent_model: OpponentModelling | None = None

    def __check_init__(self):
        check_shaping(self.shaping)
        possible = self.divergence_weights == "uniform" or isinstance(self.game, VisitedGame)
        check(possible, "divergence_weights", self.divergence_weights, "uniform in a game without `visitation`")

    def init(self, key: Key[Array, ""]) -> PlayersState:
        """First policies and models."""
        return PlayersState.first(key, self.initial, self.opponent_model)

    def update(self, key: Key[Array, ""], state: PlayersState) -> tuple[PlayersState, Metrics]:
        """One proximal update of every player.

        Metrics `returns`, `outer_steps` and `outer_converged`, `[N]`, and those of the models.
        """
        del key
        believed, models, metrics = beliefs(self.opponent_model, self.game, state)
        ascents = [self._proximal_update(i, belief) for i, belief in enumerate(believed)]
        metrics["returns"] = self.game.values(state.policies)
        metrics["outer_steps"] = jnp.stack([ascent.steps for ascent in ascents])
        if self.outer_steps is None:
            metrics["outer_converged"] = jnp.stack([ascent.stopped for ascent in ascents])
        return PlayersState(tuple(ascent.params for ascent in ascents), models=models), metrics

    def _proximal_update(self, i: int, belief: Belief) -> Ascent:
        game, start = belief
        weights = self._weights(game, start)
        shaped = self.shaping.objective(game, i, start, weights)

        def objective(mine: Policy) -> Float[Array, ""]:
            if self.outer_beta is None:
                return shaped(mine)
            return shaped(mine) - self.outer_beta * game.divergence(i, start[i], mine, weights)

        def still(before: Policy, after: Policy) -> Bool[Array, ""]:
            moved = jnp.maximum(game.divergence(i, before, after), game.divergence(i, after, before))
            return moved < self.tolerance

        def never(_before: Policy, _after: Policy) -> Bool[Array, ""]:
            return jnp.array(False)

        stop, max_steps = (still, self.max_outer_steps) if self.outer_steps is None else (never, self.outer_steps)
        return ascend(objective, start[i], optimiser=self.optimiser, stop=stop, max_steps=max_steps)

    def _weights(self, game: DifferentiableGame, policies: Policies) -> Float[Array, " S"] | None:
        if self.divergence_weights == "uniform":
            return None
        assert isinstance(game, VisitedGame)
        visits = jax.lax.stop_gradient(game.visitation(policies))
        return visits / visits.sum()
