"""Meta-learning in random tabular MDPs: settings that MAML-RL and LIRPG share, and the quality of their gradients."""

import dataclasses
from typing import ClassVar, Literal

import numpy as np

from lookax.choices import AdjointName, Surrogate
from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.experiments.settings.numbers import LaneInt
from lookax.experiments.settings.seeds import check_seeds

Estimator = Literal["exact", Surrogate]

LABELS: dict[Estimator, str] = {
    "score-function": "score function",
    "dice": "DiCE",
    "dice-baseline": "DiCE with baseline",
    "loaded-dice": "Loaded DiCE",
    "lvc": "LVC",
    "exact": "exact",
}
"""What estimators are called in text."""

PARTS = ("inner", "hessian", "outer")


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


@dataclasses.dataclass(frozen=True)
class GradientEstimates(MetaLearning):
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


@dataclasses.dataclass(frozen=True)
class MAMLGradient(GradientEstimates):
    """The gradient of the return after K learning steps in the logits before them (MAML-RL)."""

    hessian_error: float | None = None
    """c of an error mean(θ² (c + noise)) that is added to what gives the steps' derivative; None for no such error."""
    hessian_error_noise: float = 0.3
    """Standard deviation of the noise in that error, drawn for every logit and step; not used without it."""

    study: ClassVar[str] = "lookax.experiments.studies.tabular_meta_gradients:MAMLGradientStudy"

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        super().validate()
        if self.hessian_error is not None:
            check_at_least("hessian_error", self.hessian_error, 0)
            rule = "left out with adjoint 'none', which takes learning steps as constants"
            check(self.adjoint != "none", "hessian_error", self.hessian_error, rule)
        check_at_least("hessian_error_noise", self.hessian_error_noise, 0)


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


@dataclasses.dataclass(frozen=True)
class LIRPGGradient(IntrinsicReward, GradientEstimates):
    """The gradient of the extrinsic return after K learning steps in the intrinsic reward, zero before them (LIRPG)."""

    study: ClassVar[str] = "lookax.experiments.studies.tabular_meta_gradients:LIRPGGradientStudy"
