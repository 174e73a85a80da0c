"""Opponent shaping with sampled games: LOLA-DiCE, each of its parts exact, sampled or off-policy."""

import dataclasses
from typing import ClassVar, Literal, get_args

import numpy as np

from lookax.choices import AdjointName, CriticTarget, GameEstimator, MatrixGameName, OptimiserName
from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.experiments.settings.repeated_game import RepeatedGame

OffPolicy = Literal["off-policy-dice", "off-policy-dice-baseline"]
InnerEstimator = Literal[GameEstimator, OffPolicy]
HessianEstimator = Literal["same", InnerEstimator]

PARTS = ("inner", "hessian", "outer")

OFF_POLICY = get_args(OffPolicy)


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
    correlations: bool = True
    """At every update, correlate the gradients with exact ones."""

    game: MatrixGameName = dataclasses.field(default="prisoners-dilemma", kw_only=True)
    """What is played at every step."""
    standard_deviation: float = dataclasses.field(default=0.0, kw_only=True)
    """Of a tabular policy's first logits, drawn from a normal distribution."""
    total_updates: int = dataclasses.field(default=500, kw_only=True)
    """How many updates to learn for."""
    seeds: int = dataclasses.field(default=10, kw_only=True)
    """How many runs, each with its own random seed; all of them learn at once."""

    study: ClassVar[str] = "lookax.experiments.studies.sampled_shaping:SampledShapingStudy"

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
        if self.is_off_policy():
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

    def is_off_policy(self) -> bool:
        """Whether a part is estimated from a replay buffer."""
        return self.inner_estimator in OFF_POLICY or self.hessian_estimator in OFF_POLICY
