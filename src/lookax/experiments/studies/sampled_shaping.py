"""Opponent shaping with sampled games: LOLA-DiCE, each of its parts exact, sampled or off-policy."""

import dataclasses
from typing import ClassVar, Literal, get_args

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key

from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.evaluation.shaping_gradients import gradient_correlations
from lookax.experiments.settings import settings
from lookax.experiments.studies.algorithms import OptimiserName, optimiser_of
from lookax.experiments.studies.repeated_game import GameName, RepeatedGame, quantities
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.learners.learner import Metrics
from lookax.learners.lola_dice import LOLADiCE, LOLADiCEState
from lookax.learners.objectives.critic import CriticTarget, TabularCritic
from lookax.learners.objectives.estimates import GameReturn
from lookax.learners.objectives.game_returns import (
    GameEstimator,
    PlayedReturn,
    ReplayedReturn,
    buffer_sample_size,
    play_games,
)
from lookax.learners.objectives.replay import ReplayBuffer, replay_buffer
from lookax.lookahead.adjoints import AdjointName, adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser

OffPolicy = Literal["off-policy-dice", "off-policy-dice-baseline"]
InnerEstimator = Literal[GameEstimator, OffPolicy]
HessianEstimator = Literal["same", InnerEstimator]

PARTS = ("inner", "hessian", "outer")

OFF_POLICY = get_args(OffPolicy)
WITH_BASELINE = ("dice-baseline", "loaded-dice", "off-policy-dice-baseline")
"""Estimators that use a critic's values."""


@settings
@dataclasses.dataclass(frozen=True)
class SampledShaping(RepeatedGame):
    """LOLA-DiCE in a repeated matrix game."""

    inner_estimator: InnerEstimator = "dice-baseline"
    """What gives the direction of opponents' steps; exact returns have an infinite horizon."""
    hessian_estimator: HessianEstimator = "same"
    """What gives the derivative of opponents' steps: the same games by the same estimator, or others."""
    outer_estimator: GameEstimator = "dice-baseline"
    """What gives the gradient of the return after them."""
    inner_batch_size: int = 128
    """Games behind each step's direction; not used where it is exact."""
    hessian_batch_size: int = 128
    """Games behind each step's derivative; not used where it is the same as the direction, or exact."""
    outer_batch_size: int = 128
    """Games after the steps, for the outer gradient and the critic."""
    horizon: int = 100
    """Number of steps of a game that is played."""
    inner_learning_rate: float = 0.3
    """Step size η of the steps that opponents are expected to take (plain gradient steps)."""
    inner_steps: int = 1
    """How many steps K opponents are expected to take."""
    learning_rate: float = 0.1
    """Step size of the players' optimiser."""
    optimiser: OptimiserName = "adam"
    """The players' optimiser."""
    critic_target: CriticTarget = "returns"
    """What baselines, if any, are learned from: discounted returns, or immediate rewards as in the published code."""
    critic_learning_rate: float = 0.1
    """Step size of the critic's optimiser, Adam."""
    gae_lambda: float = 1.0
    """λ of Loaded DiCE's advantages; the other estimators have none."""
    buffer_size: int = 1024
    """How many games the replay buffer of off-policy estimators holds."""
    ratio_ceiling: float | None = None
    """What off-policy weights are cut at; None for no such ceiling."""
    self_normalised: bool = False
    """Off-policy weights are divided by their mean."""
    adjoint: AdjointName = "forward-over-reverse"
    """How the opponents' steps are differentiated."""

    game: GameName = dataclasses.field(default="prisoners-dilemma", kw_only=True)
    """What is played at every step."""
    standard_deviation: float = dataclasses.field(default=0.0, kw_only=True)
    """Of a tabular policy's first logits, drawn from a normal distribution."""
    total_updates: int = dataclasses.field(default=500, kw_only=True)
    """How many updates to learn for."""
    seeds: int = dataclasses.field(default=10, kw_only=True)
    """How many runs, each with its own random seed; all of them learn at once."""

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = True
    spreads_games: ClassVar[bool] = False
    updates_in_loops: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        super().validate()
        check(float(np.float32(self.discount)) < 1, "discount", self.discount, "less than 1")
        for name in ("inner_batch_size", "hessian_batch_size", "outer_batch_size", "buffer_size", "horizon"):
            check_at_least(name, getattr(self, name), 1)
            check(getattr(self, name) <= 10**6, name, getattr(self, name), "at most 1000000")
        for name in ("inner_learning_rate", "learning_rate", "critic_learning_rate"):
            check_positive(name, getattr(self, name))
        check_at_least("inner_steps", self.inner_steps, 0)
        check(0 <= self.gae_lambda <= 1, "gae_lambda", self.gae_lambda, "between 0 and 1")
        if self.ratio_ceiling is not None:
            check_positive("ratio_ceiling", self.ratio_ceiling)
        for part in PARTS:
            if getattr(self, f"{part}_estimator") == "self-normalised-dice":
                check_at_least(f"{part}_batch_size", getattr(self, f"{part}_batch_size"), 2)
        if self._is_off_policy():
            if self.self_normalised:
                check_at_least("buffer_size", self.buffer_size, 2)
        elif self.self_normalised or self.ratio_ceiling is not None:
            name = "self_normalised" if self.self_normalised else "ratio_ceiling"
            raise BadInputError(f"{name}: it would not be used; no part is estimated off-policy")
        for part in ("inner", "hessian"):
            if getattr(self, f"{part}_estimator") in OFF_POLICY:
                batch = getattr(self, f"{part}_batch_size")
                rule = f"a multiple of {part}_batch_size, {batch}"
                check(self.buffer_size % batch == 0, "buffer_size", self.buffer_size, rule)
        if self.adjoint == "none" and self.hessian_estimator != "same":
            raise BadInputError(
                f"hessian_estimator: {self.hessian_estimator!r} would not be used with adjoint 'none', which takes "
                "opponents' steps as constants"
            )

    def learner(self) -> LOLADiCE:
        """The learner that these settings describe."""
        hessian = None
        if self.hessian_estimator != "same":
            hessian = self._estimate(self.hessian_estimator, self.hessian_batch_size)
        return LOLADiCE(
            game=self.exact_play(None),
            initial=self.draw_policies,
            lookahead=Lookahead(
                Optimiser(optax.sgd, learning_rate=self.inner_learning_rate),
                self.inner_steps,
                adjoint_by_name(self.adjoint),
            ),
            inner=self._estimate(self.inner_estimator, self.inner_batch_size),
            hessian=hessian,
            outer=PlayedReturn(
                estimator=self.outer_estimator,
                batch_size=self.outer_batch_size,
                horizon=self.horizon,
                gae_lambda=self.gae_lambda,
            ),
            optimiser=optimiser_of(self.optimiser, self.learning_rate),
            critic=self._critic(),
            first_buffer=self._full_buffer if self._is_off_policy() else None,
        )

    def init(self, key: Key[Array, ""]) -> LOLADiCEState:
        """The learner's first state."""
        return self.learner().init(key)

    def update(self, key: Key[Array, ""], state: LOLADiCEState) -> tuple[LOLADiCEState, Metrics]:
        """One update of all players, and how its gradients correlate with exact ones.

        `correlation`, `inner_correlation`, `outer_correlation` `[N]` are those of
        [`gradient_correlations`][lookax.evaluation.shaping_gradients.gradient_correlations]; with off-policy estimates,
        `effective_sample_size` is how many games of their own those in the replay buffer were worth to the policies,
        and `capped_weights` how many of their weights were above the cap of [`lookax.surrogates.off_policy`][].
        """
        learner = self.learner()
        found, buffer = learner.look_ahead(key, state)
        gradients, games = learner.gradients(learner.outer, found, key, state)
        after, metrics = learner.step(gradients, games, buffer, state)
        metrics |= gradient_correlations(learner, gradients, found, key, state)
        if self._is_off_policy():
            metrics["effective_sample_size"] = buffer_sample_size(self.exact_play(None), state.policies, buffer.games)
            replayed = learner.inner if isinstance(learner.inner, ReplayedReturn) else learner.hessian
            assert isinstance(replayed, ReplayedReturn)
            metrics["capped_weights"] = replayed.capped_weights(self.exact_play(None), state.policies, buffer.games)
        return after, metrics

    def evaluate(self, key: Key[Array, ""], state: LOLADiCEState) -> Metrics:
        """Exact returns of an infinite horizon, cooperation, tit-for-tat, and all players' `score` `[N]`.

        That is the mean reward per step, not discounted, in games of `horizon` steps. Nothing is drawn.
        """
        del key
        play = self.exact_play(None)
        undiscounted = ExactPlay(play.game, play.observations, 1.0, self.horizon)
        return quantities(play, state.policies) | {"score": undiscounted.values(state.policies) / self.horizon}

    def _critic(self) -> TabularCritic | None:
        if not any(getattr(self, f"{part}_estimator") in WITH_BASELINE for part in PARTS):
            return None
        optimiser = Optimiser(optax.adam, learning_rate=self.critic_learning_rate)
        return TabularCritic(optimiser=optimiser, target=self.critic_target)

    def _is_off_policy(self) -> bool:
        return self.inner_estimator in OFF_POLICY or self.hessian_estimator in OFF_POLICY

    def _full_buffer(self, policies: Policies, key: Key[Array, ""]) -> ReplayBuffer:
        return replay_buffer(play_games(self.exact_play(None), policies, key, self.horizon, self.buffer_size))

    def _estimate(self, estimator: InnerEstimator, batch_size: int) -> GameReturn:
        if estimator == "off-policy-dice" or estimator == "off-policy-dice-baseline":
            ceiling = jnp.inf if self.ratio_ceiling is None else self.ratio_ceiling
            has_baseline = estimator == "off-policy-dice-baseline"
            return ReplayedReturn(
                batch_size=batch_size,
                horizon=self.horizon,
                baseline=has_baseline,
                ceiling=ceiling,
                self_normalised=self.self_normalised,
            )
        return PlayedReturn(
            estimator=estimator, batch_size=batch_size, horizon=self.horizon, gae_lambda=self.gae_lambda
        )
