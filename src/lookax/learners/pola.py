"""POLA: proximal learning with opponent-learning awareness (Zhao et al. 2022)."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Key, ScalarLike

from lookax.games.exact_play import ExactPlay, Policies, Policy
from lookax.learners.objectives.shaping import Shaping
from lookax.learners.opponents.opponent_model import Belief, OpponentModel, form_beliefs
from lookax.learners.state import Initial, LearnerState, Metrics
from lookax.lookahead.ascent import Ascent, ascend

DivergenceWeights = Literal["uniform", "visitation"]


@dataclasses.dataclass(frozen=True)
class POLA:
    """Every player moves its *policy* to where its return after the opponents' learning, less a divergence, is largest.

        πᵢ ← argmax_φ Fᵢ(φ) − β D(πᵢ, φ),    Fᵢ(φ) = Vᵢ(φ, lookahead of the others against φ),

    all from the same policies, with D(π, φ) = Σₛ w(s) KL(π(·|s) ‖ φ(·|s)). The argmax is approached by optimiser steps
    until the policy stops moving, or by a fixed number of them (Zhao et al. 2022, eq. 5 and algorithm 1). In the exact
    experiments the lookahead is one gradient step; looking ahead by
    [`proximal_point`][lookax.lookahead.proximal.proximal_point] makes both of its halves proximal.

    **Attributes:**

    - `play`: what is played; `initial`: everybody's first policies.
    - `optimiser`: of the outer steps; starts afresh at every update.
    - `shaping`: how a player looks ahead.
    - `outer_beta`: β; `None` for no proximal term.
    - `outer_steps`: how many outer steps, or `None` for as many as it takes the policy to stop moving.
    - `tolerance`: a step counts as no movement when Σₛ KL between the policies before and after it is below this, in
      both directions.
    - `max_outer_steps`: give up after as many; the metric `outer_converged` says so.
    - `divergence_weights`: w(s) = 1, or the share of (discounted) visits to s under the policies before the update.
    - `opponent_model`: `None` where opponents' policies are known.
    """

    play: ExactPlay
    initial: Initial
    optimiser: optax.GradientTransformation
    shaping: Shaping
    outer_beta: ScalarLike | None
    outer_steps: int | None = None
    tolerance: ScalarLike = 1e-8
    max_outer_steps: int = 5000
    divergence_weights: DivergenceWeights = "uniform"
    opponent_model: OpponentModel | None = None

    def init(self, key: Key[Array, ""]) -> LearnerState:
        """Everybody's first policies and models."""
        policies_key, models_key = jax.random.split(key)
        policies = self.initial(policies_key)
        models = () if self.opponent_model is None else self.opponent_model.init(models_key, len(policies))
        return LearnerState(policies, models=models)

    def update(self, key: Key[Array, ""], state: LearnerState) -> tuple[LearnerState, Metrics]:
        """One proximal update of everybody; metrics `outer_steps`, `outer_converged` `[N]` and those of the models."""
        del key
        beliefs, models, metrics = form_beliefs(self.opponent_model, self.play, state)
        ascents = [self._proximal_update(i, belief) for i, belief in enumerate(beliefs)]
        metrics["outer_steps"] = jnp.stack([ascent.steps for ascent in ascents])
        if self.outer_steps is None:
            metrics["outer_converged"] = jnp.stack([ascent.stopped for ascent in ascents])
        return LearnerState(tuple(ascent.params for ascent in ascents), models=models), metrics

    def _proximal_update(self, i: int, belief: Belief) -> Ascent:
        play, start = belief
        weights = self._weights(play, start)
        shaped = self.shaping.objective(play, i, start, weights)

        def objective(mine: Policy) -> Float[Array, ""]:
            if self.outer_beta is None:
                return shaped(mine)
            return shaped(mine) - self.outer_beta * play.divergence(i, start[i], mine, weights)

        def still(before: Policy, after: Policy) -> Bool[Array, ""]:
            moved = jnp.maximum(play.divergence(i, before, after), play.divergence(i, after, before))
            return moved < self.tolerance

        def never(_before: Policy, _after: Policy) -> Bool[Array, ""]:
            return jnp.array(False)

        stop, max_steps = (still, self.max_outer_steps) if self.outer_steps is None else (never, self.outer_steps)
        return ascend(objective, start[i], optimiser=self.optimiser, stop=stop, max_steps=max_steps)

    def _weights(self, play: ExactPlay, policies: Policies) -> Float[Array, " S"] | None:
        if self.divergence_weights == "uniform":
            return None
        visits = jax.lax.stop_gradient(play.visitation(policies))
        return visits / visits.sum()
