"""Meta-learning in random tabular MDPs: settings that MAML-RL and LIRPG share, and the quality of their gradients."""

import abc
import dataclasses
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key

from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.evaluation.gradient_quality import GradientQuality, gradient_quality
from lookax.experiments.settings import LaneInt, check_seeds, settings
from lookax.games.game import Policy
from lookax.games.tabular_mdp import TabularMDP, random_mdp
from lookax.learners.learner import Metrics
from lookax.learners.lirpg import lirpg_gradient
from lookax.learners.maml_rl import maml_gradient
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.objectives.estimates import ReturnEstimate
from lookax.learners.objectives.return_estimates import ExactReturn, SampledReturn
from lookax.lookahead.adjoints import Adjoint, AdjointName, ForwardOverReverseAdjoint, adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.tabular import SoftmaxTabularPolicy
from lookax.surrogates.by_name import Surrogate

Estimator = Literal["exact", Surrogate]

PARTS = ("inner", "hessian", "outer")

AT_ONCE = 100
"""Estimates that are in memory at once."""


@settings
@dataclasses.dataclass(frozen=True)
class MetaLearning:
    """A policy that learns in a random MDP by gradient steps that are differentiated through.

    Seeds are MDPs: settings with the same seed see the same one.
    """

    inner_estimator: Estimator = "exact"
    """What gives the direction of the learning steps."""
    hessian_estimator: Estimator = "exact"
    """What gives the derivative of the learning steps."""
    outer_estimator: Estimator = "exact"
    """What gives the gradient of the return after them."""
    inner_trajectories: LaneInt = 32
    """Trajectories behind each step's direction; not used where it is exact."""
    hessian_trajectories: LaneInt = 32
    """Trajectories behind each step's derivative; not used where it is exact."""
    outer_trajectories: LaneInt = 32
    """Trajectories behind the outer gradient; not used where it is exact."""
    inner_learning_rate: float = 10.0
    """Step size α of the learning steps (plain gradient steps)."""
    inner_steps: int = 1
    """How many learning steps K are differentiated through."""
    gae_lambda: float = 1.0
    """λ of the advantages of sampled estimates, which DiCE does not have; 1 for returns less values."""
    value_noise: float = 1.0
    """Error of the values used as baselines: standard deviation in units of ‖V‖/S, drawn anew for every estimate."""
    horizon: int = 20
    """Number of steps T of a trajectory; exact values have an infinite horizon."""
    discount: float = 0.8
    """Discount factor γ per step."""
    num_states: int = 20
    """Number of states of the MDPs."""
    num_actions: int = 5
    """Number of actions of the MDPs."""
    concentration: float = 0.001
    """Of the Dirichlet distribution of transitions: small for nearly deterministic ones."""
    adjoint: AdjointName = "forward-over-reverse"
    """How the learning steps are differentiated."""
    seeds: int = 10
    """How many MDPs, each with its own random seed; all of them at once."""
    first_seed: int = 0
    """Seed of the first MDP; the others count up from it."""

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = False
    updates_in_loops: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        for part in PARTS:
            number = getattr(self, f"{part}_trajectories")
            check_at_least(f"{part}_trajectories", number, 1)
            check(number < 2**24, f"{part}_trajectories", number, "less than 16777216")
        check_positive("inner_learning_rate", self.inner_learning_rate)
        check_at_least("inner_steps", self.inner_steps, 1)
        check(0 <= self.gae_lambda <= 1, "gae_lambda", self.gae_lambda, "between 0 and 1")
        check_at_least("value_noise", self.value_noise, 0)
        check_at_least("horizon", self.horizon, 1)
        check(0 <= float(np.float32(self.discount)) < 1, "discount", self.discount, "at least 0 and less than 1")
        check_at_least("num_states", self.num_states, 1)
        check_at_least("num_actions", self.num_actions, 2)
        check(self.num_states**2 * self.num_actions <= 10**7, "num_states", self.num_states, "fewer: P has S²A entries")
        check_positive("concentration", self.concentration)
        check_seeds(self.seeds, self.first_seed)
        for part in ("inner", "hessian"):
            estimator = getattr(self, f"{part}_estimator")
            if estimator != "exact" and self.adjoint in ("reverse", "checkpointed"):
                raise BadInputError(
                    f"adjoint: {self.adjoint!r} cannot differentiate the {part}_estimator {estimator!r}, whose number "
                    "of trajectories a program learns only as it runs; forward-over-reverse and forward can"
                )
        if self.adjoint == "none" and self.hessian_estimator != "exact":
            raise BadInputError(
                f"hessian_estimator: {self.hessian_estimator!r} would not be used with adjoint 'none', which takes "
                "learning steps as constants"
            )

    def draw_mdp(self, key: Key[Array, ""]) -> TabularMDP:
        """A random MDP."""
        return random_mdp(key, self.num_states, self.num_actions, self.concentration)

    def uniform_policy(self) -> SoftmaxTabularPolicy:
        """The policy to start from: all logits zero."""
        return SoftmaxTabularPolicy(jnp.zeros((self.num_states, self.num_actions)))

    def adaptation(self) -> Adaptation:
        """The learning steps, with the estimates that these settings ask for."""
        inner, hessian, outer = (self._estimate(part) for part in PARTS)
        return Adaptation(
            inner=inner, hessian=hessian, outer=outer, lookahead=self._lookahead(adjoint_by_name(self.adjoint))
        )

    def exact_adaptation(self) -> Adaptation:
        """The same steps without any error, fully differentiated whatever the adjoint."""
        exact = ExactReturn(discount=self.discount)
        return Adaptation(
            inner=exact, hessian=exact, outer=exact, lookahead=self._lookahead(ForwardOverReverseAdjoint())
        )

    def _lookahead(self, adjoint: Adjoint) -> Lookahead:
        return Lookahead(Optimiser(optax.sgd, learning_rate=self.inner_learning_rate), self.inner_steps, adjoint)

    def _estimate(self, part: str) -> ReturnEstimate:
        surrogate, number = getattr(self, f"{part}_estimator"), getattr(self, f"{part}_trajectories")
        if surrogate == "exact":
            return ExactReturn(discount=self.discount)
        return SampledReturn(
            surrogate=surrogate,
            num_trajectories=number,
            discount=self.discount,
            horizon=self.horizon,
            gae_lambda=self.gae_lambda,
            value_noise=self.value_noise,
            stop_values=self._stops_values(),
        )

    def _stops_values(self) -> bool:
        return False


@settings
@dataclasses.dataclass(frozen=True)
class GradientStudy(MetaLearning, abc.ABC):
    """The quality of estimates of one meta-gradient, at a uniform policy, against the exact one."""

    estimates: int = 20
    """How many times the meta-gradient is estimated in every MDP."""

    @property
    def total_updates(self) -> int:
        """One: all estimates at once."""
        return 1

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        super().validate()
        check_at_least("estimates", self.estimates, 3)
        check(self.estimates <= 100_000, "estimates", self.estimates, "at most 100000")

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
            lambda: self._gradient(self.exact_adaptation(), mdp, key),
            lambda key: self._gradient(self.adaptation(), mdp, key),
            key,
            self.estimates,
            has_iterates=True,
            batch_size=None if self.estimates <= AT_ONCE else AT_ONCE,
        )

    @abc.abstractmethod
    def _gradient(self, adaptation: Adaptation, mdp: TabularMDP, key: Key[Array, ""]) -> tuple[Any, Any]:
        """The meta-gradient, and the iterates θ₁ … θ_K that it went through."""


@settings
@dataclasses.dataclass(frozen=True)
class MAMLGradient(GradientStudy):
    """The gradient of the return after K learning steps in the logits before them (MAML-RL)."""

    hessian_error: float | None = None
    """c of an error mean(θ² (c + noise)) that is added to what gives the steps' derivative; None for no such error."""
    hessian_error_noise: float = 0.3
    """Standard deviation of the noise in that error, drawn for every logit and step; not used without it."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        super().validate()
        if self.hessian_error is not None:
            check_at_least("hessian_error", self.hessian_error, 0)
            rule = "left out with adjoint 'none', which takes learning steps as constants"
            check(self.adjoint != "none", "hessian_error", self.hessian_error, rule)
        check_at_least("hessian_error_noise", self.hessian_error_noise, 0)

    def adaptation(self) -> Adaptation:
        """The learning steps, with the estimates that these settings ask for."""
        adaptation = super().adaptation()
        if self.hessian_error is None:
            return adaptation
        return dataclasses.replace(
            adaptation, hessian=_with_error(adaptation.hessian, self.hessian_error, self.hessian_error_noise)
        )

    def _gradient(self, adaptation: Adaptation, mdp: TabularMDP, key: Key[Array, ""]) -> tuple[Any, Any]:
        return maml_gradient(adaptation, mdp, self.uniform_policy(), key)[1:]


@settings
@dataclasses.dataclass(frozen=True)
class IntrinsicReward(MetaLearning):
    """What is learned acts as a reward, through the learning steps alone."""

    gae_lambda: float = 0.9
    """λ of the advantages of sampled estimates, which DiCE does not have; 1 for returns less values."""
    stop_values: bool = False
    """Baselines count as constants in the intrinsic reward."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        super().validate()
        rule = "another: the intrinsic reward acts through the learning steps alone, which would be constants"
        check(self.adjoint != "none", "adjoint", self.adjoint, rule)

    def _stops_values(self) -> bool:
        return self.stop_values


@settings
@dataclasses.dataclass(frozen=True)
class LIRPGGradient(IntrinsicReward, GradientStudy):
    """The gradient of the extrinsic return after K learning steps in the intrinsic reward, zero before them (LIRPG)."""

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
