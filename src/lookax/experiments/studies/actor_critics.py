"""Actor-critics on games of one agent: with numbers that are fixed (A2C), or tuned while they learn (MGRL)."""

import dataclasses
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key

from lookax.errors import check
from lookax.experiments.settings.actor_critics import ActorCriticLearning
from lookax.games.adapters.by_name import name_and_settings
from lookax.games.adapters.gymnasium_environment import from_gymnasium
from lookax.games.adapters.gymnax_environment import from_gymnax
from lookax.games.arcade.atari import Atari
from lookax.games.arcade.environment import Environment
from lookax.games.arcade.minatar import MinAtar
from lookax.games.arcade.on_host import MOST_GAMES
from lookax.learners.a2c import A2C, A2CState
from lookax.learners.learner import Metrics
from lookax.learners.mgrl import MGRL, InnerObjective, MGRLState, OuterObjective
from lookax.learners.objectives.actor_critic import (
    Coefficients,
    coefficient_metrics,
    learning_optimiser,
)
from lookax.learners.objectives.bootstrapped import BootstrappedObjective
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.convolutional import NATURE, SMALL, ActorCritic, actor_critic

OTHERS: dict[str, Any] = {"gymnax": from_gymnax, "gymnasium": from_gymnasium}
"""What makes an environment of a name and settings, by the console."""

ON_HOST = {"atari": "Atari", "gymnasium": "Gymnasium"}
"""Consoles whose games live in this process, and their names."""


@dataclasses.dataclass(frozen=True)
class ActorCriticStudy:
    """An actor-critic that plays many games at once, a few steps between updates."""

    settings: ActorCriticLearning

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = False

    def validate(self) -> None:
        """Raises `ValueError` for games that there are not, or not so many at once."""
        self.environment()
        if self.settings.console in ON_HOST:
            batch, seeds, where = self.settings.batch_size, self.settings.seeds, ON_HOST[self.settings.console]
            check(batch <= MOST_GAMES, "batch_size", batch, f"at most {MOST_GAMES} for {where}")
            most = MOST_GAMES // batch
            check(seeds <= most, "seeds", seeds, f"at most {most} for {where} with that batch_size")

    def environment(self) -> Environment:
        """The games."""
        if self.settings.console == "minatar":
            return MinAtar(self.settings.game)
        if self.settings.console in OTHERS:
            name, settings = name_and_settings("game", self.settings.game)
            return OTHERS[self.settings.console](name, **settings)
        return Atari(self.settings.game, self.settings.sticky_actions, self.settings.max_frames)

    def fresh_network(self, key: Key[Array, ""]) -> ActorCritic:
        """The Nature network on Atari, otherwise a small one, of vectors without convolutions.

        MGRL's critic has the discount as an input.
        """
        environment, atari = self.environment(), self.settings.console == "atari"
        small = SMALL if min(environment.frame[:2]) >= SMALL[0][1] else ()
        return actor_critic(
            key,
            environment.frame,
            environment.num_actions,
            convolutions=NATURE if atari else small,
            hidden_size=512 if atari else 128,
            critic_discount=self.settings.meta,
        )

    def network(self, state: A2CState | MGRLState) -> ActorCritic:
        """The state's."""
        return state.network

    def learner(self) -> A2C | MGRL:
        """The algorithm."""
        updates = self.settings.total_updates * (self.settings.inner_steps if self.settings.meta else 1)
        optimiser = Optimiser(
            learning_optimiser,
            learning_rate=self.settings.learning_rate,
            max_norm=self.settings.max_gradient_norm,
            total_steps=updates if self.settings.linear_decay else None,
        )
        if not self.settings.meta:
            return A2C(
                environment=self.environment(),
                network=self.fresh_network,
                batch_size=self.settings.batch_size,
                steps=self.settings.steps,
                coefficients=self._coefficients(),
                optimiser=optimiser,
            )
        terms = {
            "discount": self.settings.outer_discount,
            "gae_lambda": self.settings.outer_gae_lambda,
            "value_coefficient": self.settings.outer_value_coefficient,
            "entropy_coefficient": self.settings.outer_entropy_coefficient,
            "kl_coefficient": self.settings.outer_kl_coefficient,
        }
        step_size = self.settings.bootstrap_step_size
        return MGRL(
            environment=self.environment(),
            network=self.fresh_network,
            meta=jax.tree.map(jax.scipy.special.logit, self._coefficients()),
            batch_size=self.settings.batch_size,
            steps=self.settings.steps,
            inner=InnerObjective(
                surrogate=self.settings.surrogate, discount_constant=self.settings.critic_discount_constant
            ),
            lookahead=Lookahead(optimiser, self.settings.inner_steps, adjoint_by_name(self.settings.adjoint)),
            outer=OuterObjective(**terms) if step_size is None else BootstrappedObjective(**terms, step_size=step_size),
            meta_optimiser=Optimiser(optax.adam, learning_rate=self.settings.meta_learning_rate),
        )

    def init(self, key: Key[Array, ""]) -> A2CState | MGRLState:
        """A fresh learner's state."""
        return self.learner().init(key)

    def update(self, key: Key[Array, ""], state: Any) -> tuple[Any, Metrics]:
        """A rollout and an update, or a window of MGRL."""
        return self.learner().update(key, state)

    def evaluate(self, key: Key[Array, ""], state: A2CState | MGRLState) -> Metrics:
        """The mean return of the latest episodes; MGRL's numbers."""
        del key
        score = {"score": state.episodes.score()}
        return score | self._numbers(state)

    def describe(self, state: A2CState | MGRLState) -> dict[str, Any]:
        """The numbers that MGRL has found. Networks are in checkpoints, too large to be written out."""
        return {name: float(value) for name, value in self._numbers(state).items()}

    def _numbers(self, state: A2CState | MGRLState) -> Metrics:
        learner = self.learner()
        if isinstance(learner, MGRL) and isinstance(state, MGRLState):
            return coefficient_metrics(learner.inner.coefficients(state.meta))
        return {}

    def _coefficients(self) -> Coefficients:
        names = ("discount", "gae_lambda", "value_coefficient", "entropy_coefficient")
        return Coefficients(**{name: jnp.asarray(getattr(self.settings, name)) for name in names})
