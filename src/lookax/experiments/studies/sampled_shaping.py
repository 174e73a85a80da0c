"""Opponent shaping with sampled games: LOLA-DiCE, each of its parts exact, sampled or off-policy."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import optax
from jaxtyping import Array, Key

from lookax.errors import check_at_least
from lookax.evaluation.matches import scores_against
from lookax.evaluation.shaping_gradients import gradient_correlations
from lookax.experiments.settings.sampled_shaping import PARTS, InnerEstimator, SampledShaping
from lookax.experiments.studies.exact_learners import optimiser_of
from lookax.experiments.studies.matrix_games import paying
from lookax.experiments.studies.repeated_game import RepeatedGameStudy, quantities
from lookax.experiments.studies.study import against_metric
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.games.matrix_game import MatrixGame
from lookax.learners.learner import Metrics
from lookax.learners.lola_dice import LOLADiCE, LOLADiCEState
from lookax.learners.objectives.critic import TabularCritic
from lookax.learners.objectives.estimates import GameReturn
from lookax.learners.objectives.game_returns import (
    PlayedReturn,
    ReplayedReturn,
    buffer_sample_size,
    play_games,
)
from lookax.learners.objectives.replay import ReplayBuffer, replay_buffer
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser

GAMES = 500
"""Games that are played for every score against a strategy."""

WITH_BASELINE = ("dice-baseline", "loaded-dice", "off-policy-dice-baseline")
"""Estimators that use a critic's values."""


@dataclasses.dataclass(frozen=True)
class SampledShapingStudy(RepeatedGameStudy):
    """LOLA-DiCE in a repeated matrix game."""

    settings: SampledShaping

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = True
    spreads_games: ClassVar[bool] = False

    def learner(self) -> LOLADiCE:
        """The learner that these settings describe."""
        hessian = None
        if self.settings.hessian_estimator != "same":
            hessian = self._estimate(self.settings.hessian_estimator, self.settings.hessian_batch_size)
        return LOLADiCE(
            game=self.exact_play(None),
            initial=self.draw_policies,
            lookahead=Lookahead(
                Optimiser(optax.sgd, learning_rate=self.settings.inner_learning_rate),
                self.settings.inner_steps,
                adjoint_by_name(self.settings.adjoint),
            ),
            inner=self._estimate(self.settings.inner_estimator, self.settings.inner_batch_size),
            hessian=hessian,
            outer=PlayedReturn(
                estimator=self.settings.outer_estimator,
                batch_size=self.settings.outer_batch_size,
                horizon=self.settings.horizon,
                gae_lambda=self.settings.gae_lambda,
            ),
            optimiser=optimiser_of(self.settings.optimiser, self.settings.learning_rate),
            critic=self._critic(),
            first_buffer=self._full_buffer if self.settings.is_off_policy() else None,
        )

    def init(self, key: Key[Array, ""]) -> LOLADiCEState:
        """The learner's first state."""
        return self.learner().init(key)

    def update(self, key: Key[Array, ""], state: LOLADiCEState) -> tuple[LOLADiCEState, Metrics]:
        """One update of all players and, if asked for, how its gradients correlate with exact ones.

        `correlation`, `inner_correlation`, `outer_correlation` `[N]` are those of
        [`gradient_correlations`][lookax.evaluation.shaping_gradients.gradient_correlations]; with off-policy estimates,
        `effective_sample_size` is how many games of their own those in the replay buffer were worth to the policies,
        and `capped_weights` how many of their weights were above the cap of [`lookax.surrogates.off_policy`][].
        """
        learner = self.learner()
        if self.settings.correlations:
            # The learner's update in its parts, so that what they made need not be made again.
            found, buffer = learner.look_ahead(key, state)
            gradients, games = learner.gradients(learner.outer, found, key, state)
            after, metrics = learner.step(gradients, games, buffer, state)
            metrics |= gradient_correlations(learner, gradients, found, key, state)
        else:
            after, metrics = learner.update(key, state)
        if self.settings.is_off_policy():
            metrics["effective_sample_size"] = buffer_sample_size(
                self.exact_play(None), state.policies, after.buffer.games
            )
            replayed = learner.inner if isinstance(learner.inner, ReplayedReturn) else learner.hessian
            assert isinstance(replayed, ReplayedReturn)
            metrics["capped_weights"] = replayed.capped_weights(
                self.exact_play(None), state.policies, after.buffer.games
            )
        return after, metrics

    def opponents_ahead(self, key: Key[Array, ""], state: LOLADiCEState, player: int) -> tuple[Policies, Policies]:
        """As [`LookingAheadStudy`][lookax.experiments.studies.study.LookingAheadStudy] says.

        **Arguments:** the `key` of whatever is sampled; the learner's `state`; the `player`, from 0.
        """
        check_at_least("inner_steps", self.settings.inner_steps, 1)
        found, _ = self.learner().look_ahead(key, state)
        theirs = found[player].params
        return state.policies, (*theirs[:player], state.policies[player], *theirs[player:])

    def game(self) -> MatrixGame:
        """The game."""
        return self.matrix_game()

    def rules(self) -> dict[str, Any]:
        """The settings that say what is played and for how long, by name."""
        paid = paying(self.settings)
        names = [*paid, *(["scaled"] if "contribution_factor" in paid else [])]
        names += ["num_players", "memory_length", "start", "horizon"]
        return {name: getattr(self.settings, name) for name in names}

    def policies(self, state: LOLADiCEState) -> Policies:
        """Those that learn."""
        return state.policies

    def evaluate(self, key: Key[Array, ""], state: LOLADiCEState, against: Sequence[str] = ()) -> Metrics:
        """Exact returns of an infinite horizon, cooperation, tit-for-tat, and all players' `score` `[N]`.

        That is the mean reward per step, not discounted, in games of `horizon` steps. Nothing is drawn but games
        `against` strategies, if there are any, whose scores are `against_…` `[N]`.

        **Arguments:** the learner's `state`; names of strategies to play `against`, none by default.
        """
        play = self.exact_play(None)
        undiscounted = ExactPlay(play.game, play.observations, 1.0, self.settings.horizon)
        metrics = quantities(play, state.policies)
        metrics["score"] = undiscounted.values(state.policies) / self.settings.horizon
        if against:
            own = scores_against(against, self.game(), state.policies, key, self.settings.horizon, GAMES)
            metrics |= {against_metric(name): score for name, score in zip(against, own, strict=True)}
        return metrics

    def _critic(self) -> TabularCritic | None:
        if not any(getattr(self.settings, f"{part}_estimator") in WITH_BASELINE for part in PARTS):
            return None
        optimiser = Optimiser(optax.adam, learning_rate=self.settings.critic_learning_rate)
        return TabularCritic(optimiser=optimiser, target=self.settings.critic_target)

    def _full_buffer(self, policies: Policies, key: Key[Array, ""]) -> ReplayBuffer:
        return replay_buffer(
            play_games(self.exact_play(None), policies, key, self.settings.horizon, self.settings.buffer_size)
        )

    def _estimate(self, estimator: InnerEstimator, batch_size: int) -> GameReturn:
        if estimator == "off-policy-dice" or estimator == "off-policy-dice-baseline":
            ceiling = jnp.inf if self.settings.ratio_ceiling is None else self.settings.ratio_ceiling
            has_baseline = estimator == "off-policy-dice-baseline"
            return ReplayedReturn(
                batch_size=batch_size,
                horizon=self.settings.horizon,
                baseline=has_baseline,
                ceiling=ceiling,
                self_normalised=self.settings.self_normalised,
            )
        return PlayedReturn(
            estimator=estimator,
            batch_size=batch_size,
            horizon=self.settings.horizon,
            gae_lambda=self.settings.gae_lambda,
        )
