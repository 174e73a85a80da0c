"""Meta-learning in random tabular MDPs: settings that MAML-RL and LIRPG share, and the quality of their gradients."""

import abc
import dataclasses
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key

from lookax.evaluation.gradient_quality import GradientQuality, gradient_quality
from lookax.experiments.settings.tabular_meta_gradients import (
    PARTS,
    GradientEstimates,
    IntrinsicReward,
    LIRPGGradient,
    MAMLGradient,
    MetaLearning,
)
from lookax.games.game import Policy
from lookax.games.tabular_mdp import TabularMDP, random_mdp
from lookax.learners.learner import Metrics
from lookax.learners.lirpg import lirpg_gradient
from lookax.learners.maml_rl import maml_gradient
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.objectives.estimates import ReturnEstimate
from lookax.learners.objectives.mdp_returns import ExactReturn, SampledReturn
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.adjoints import Adjoint, ForwardOverReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.tabular import SoftmaxTabularPolicy

AT_ONCE = 100
"""Estimates that are in memory at once."""


@dataclasses.dataclass(frozen=True)
class MetaLearningStudy:
    """A policy that learns in a random MDP by gradient steps that are differentiated through.

    Seeds are MDPs: settings with the same seed see the same one.
    """

    settings: MetaLearning

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = False

    def validate(self) -> None:
        """Everything can be run."""

    def draw_mdp(self, key: Key[Array, ""]) -> TabularMDP:
        """A random MDP."""
        return random_mdp(key, self.settings.num_states, self.settings.num_actions, self.settings.concentration)

    def uniform_policy(self) -> SoftmaxTabularPolicy:
        """The policy to start from: all logits zero."""
        return SoftmaxTabularPolicy(jnp.zeros((self.settings.num_states, self.settings.num_actions)))

    def adaptation(self) -> Adaptation:
        """The learning steps, with the estimates that these settings ask for."""
        inner, hessian, outer = (self._estimate(part) for part in PARTS)
        return Adaptation(
            inner=inner, hessian=hessian, outer=outer, lookahead=self._lookahead(adjoint_by_name(self.settings.adjoint))
        )

    def exact_adaptation(self) -> Adaptation:
        """The same steps without any error, fully differentiated whatever the adjoint."""
        exact = ExactReturn(discount=self.settings.discount)
        return Adaptation(
            inner=exact, hessian=exact, outer=exact, lookahead=self._lookahead(ForwardOverReverseAdjoint())
        )

    def _lookahead(self, adjoint: Adjoint) -> Lookahead:
        return Lookahead(
            Optimiser(optax.sgd, learning_rate=self.settings.inner_learning_rate), self.settings.inner_steps, adjoint
        )

    def _estimate(self, part: str) -> ReturnEstimate:
        surrogate, number = getattr(self.settings, f"{part}_estimator"), getattr(self.settings, f"{part}_trajectories")
        if surrogate == "exact":
            return ExactReturn(discount=self.settings.discount)
        return SampledReturn(
            surrogate=surrogate,
            num_trajectories=number,
            discount=self.settings.discount,
            horizon=self.settings.horizon,
            gae_lambda=self.settings.gae_lambda,
            value_noise=self.settings.value_noise,
            stop_values=self._stops_values(),
        )

    def _stops_values(self) -> bool:
        return False


@dataclasses.dataclass(frozen=True)
class GradientQualityStudy(MetaLearningStudy, abc.ABC):
    """The quality of estimates of one meta-gradient, at a uniform policy, against the exact one."""

    settings: GradientEstimates

    def init(self, key: Key[Array, ""]) -> TabularMDP:
        """The MDP."""
        return self.draw_mdp(key)

    def evaluate(self, key: Key[Array, ""], state: TabularMDP) -> Metrics:
        """Nothing yet."""
        del key, state
        return {}

    def update(self, key: Key[Array, ""], state: TabularMDP) -> tuple[TabularMDP, Metrics]:
        """The statistics of [`GradientQuality`][lookax.evaluation.gradient_quality.GradientQuality]."""
        return state, vars(self.quality(key, state))

    def describe(self, state: TabularMDP) -> dict[str, Any]:
        """No policies are learned."""
        del state
        return {}

    def quality(self, key: Key[Array, ""], mdp: TabularMDP) -> GradientQuality:
        """Estimates against the exact meta-gradient, and their inner iterates against exact ones."""
        return gradient_quality(
            self._gradient(self.exact_adaptation(), mdp, key),
            lambda key: self._gradient(self.adaptation(), mdp, key),
            key,
            self.settings.estimates,
            has_iterates=True,
            batch_size=None if self.settings.estimates <= AT_ONCE else AT_ONCE,
        )

    @abc.abstractmethod
    def _gradient(self, adaptation: Adaptation, mdp: TabularMDP, key: Key[Array, ""]) -> tuple[Any, Any]:
        """The meta-gradient, and the iterates θ₁ … θ_K that it went through."""


@dataclasses.dataclass(frozen=True)
class MAMLGradientStudy(GradientQualityStudy):
    """The gradient of the return after K learning steps in the logits before them (MAML-RL)."""

    settings: MAMLGradient

    def adaptation(self) -> Adaptation:
        """The learning steps, with the estimates that these settings ask for."""
        adaptation = super().adaptation()
        if self.settings.hessian_error is None:
            return adaptation
        return dataclasses.replace(
            adaptation,
            hessian=_with_error(adaptation.hessian, self.settings.hessian_error, self.settings.hessian_error_noise),
        )

    def _gradient(self, adaptation: Adaptation, mdp: TabularMDP, key: Key[Array, ""]) -> tuple[Any, Any]:
        return maml_gradient(adaptation, mdp, self.uniform_policy(), key)[1:]


@dataclasses.dataclass(frozen=True)
class IntrinsicRewardStudy(MetaLearningStudy):
    """What is learned acts as a reward, through the learning steps alone."""

    settings: IntrinsicReward

    def _stops_values(self) -> bool:
        return self.settings.stop_values


@dataclasses.dataclass(frozen=True)
class LIRPGGradientStudy(IntrinsicRewardStudy, GradientQualityStudy):
    """The gradient of the extrinsic return after K learning steps in the intrinsic reward, zero before them (LIRPG)."""

    settings: LIRPGGradient

    def _gradient(self, adaptation: Adaptation, mdp: TabularMDP, key: Key[Array, ""]) -> tuple[Any, Any]:
        return lirpg_gradient(adaptation, mdp, self.uniform_policy(), jnp.zeros_like(mdp.rewards), key)[1:]


def _with_error(hessian: ReturnEstimate, error: Any, noise: Any) -> ReturnEstimate:
    """Ĵ(θ) + mean(θ² (c + σ N(0, 1))): a Hessian that is wrong by 2 diag(c + σ N(0, 1))/(SA)."""

    def with_error(mdp: TabularMDP, policy: Policy, key: Key[Array, ""]) -> Float[Array, ""]:
        own_key, error_key = jax.random.split(key)
        theta = ravel_pytree(policy)[0]
        weights = error + noise * jax.random.normal(error_key, theta.shape)
        return hessian(mdp, policy, own_key) + jnp.mean(theta**2 * weights)

    return with_error
