"""Settings of the learners, as experiments give them and the command line overrides them."""

import dataclasses
from typing import ClassVar, Protocol, runtime_checkable

from lookax.choices import AdjointName, DivergenceWeights, OptimiserName, PolicyKind
from lookax.errors import check_at_least, check_positive


@dataclasses.dataclass(frozen=True)
class GradientSteps:
    """The opponents are expected to take gradient steps."""

    inner_learning_rate: float = 0.1
    """Step size η of the steps that opponents are expected to take."""
    inner_steps: int = 1
    """How many steps K opponents are expected to take."""
    inner_optimiser: OptimiserName = "sgd"
    """The opponents' optimiser."""
    inner_beta: float | None = None
    """Weight of the proximal term, KL from where it started, in an opponent's objective; None for no such term."""
    adjoint: AdjointName = "reverse"
    """How the steps are differentiated; of so small programs reverse over reverse mode takes half the time."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        check_positive("inner_learning_rate", self.inner_learning_rate)
        check_at_least("inner_steps", self.inner_steps, 0)
        if self.inner_beta is not None:
            check_at_least("inner_beta", self.inner_beta, 0)


@dataclasses.dataclass(frozen=True)
class ProximalPointSettings:
    """The opponents are expected to solve a proximal problem; differentiated by the implicit function theorem."""

    inner_beta: float = 1.0
    """Weight of the proximal term, KL from where it started, in an opponent's objective."""
    inner_tolerance: float = 1e-8
    """Tolerance of the solution in parameters and objective."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        check_positive("inner_beta", self.inner_beta)
        check_positive("inner_tolerance", self.inner_tolerance)


@dataclasses.dataclass(frozen=True)
class OpponentModellingSettings:
    """Opponents' policies are not shaped themselves, but models fitted to them."""

    model: PolicyKind = "tabular"
    """The kind of policy that models are."""
    model_learning_rate: float = 0.2
    """Step size of the fit."""
    model_tolerance: float = 1e-7
    """KL divergence, summed over states, below which a model counts as fitted."""
    max_model_steps: int = 10_000
    """Steps of a fit at most."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        check_positive("model_learning_rate", self.model_learning_rate)
        check_positive("model_tolerance", self.model_tolerance)
        check_at_least("max_model_steps", self.max_model_steps, 1)


@dataclasses.dataclass(frozen=True)
class NaiveSettings:
    """Every player maximises its own return as if no other player learned."""

    learning_rate: float = 0.1
    """Step size α of every player's policy."""
    optimiser: OptimiserName = "sgd"
    """Optimiser of every player's policy."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        check_positive("learning_rate", self.learning_rate)


@dataclasses.dataclass(frozen=True)
class LOLASettings:
    """Every player maximises its return after its opponents' expected learning."""

    lookahead: GradientSteps | ProximalPointSettings
    """What opponents are expected to do."""
    learning_rate: float = 0.1
    """Step size α of every player's policy."""
    optimiser: OptimiserName = "sgd"
    """Optimiser of every player's policy."""
    taylor: bool = False
    """Use the first-order expansion of my return in the opponents' step, as in the LOLA paper."""
    opponent_modelling: OpponentModellingSettings | None = None
    """Shape models of the opponents instead of their true policies."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        check_positive("learning_rate", self.learning_rate)
        self.lookahead.validate()
        if self.opponent_modelling is not None:
            self.opponent_modelling.validate()


@dataclasses.dataclass(frozen=True)
class POLASettings:
    """Every player moves its policy to where its return after its opponents' learning, less a KL, is largest."""

    lookahead: GradientSteps | ProximalPointSettings
    """What opponents are expected to do."""
    learning_rate: float = 0.1
    """Step size of the outer steps."""
    optimiser: OptimiserName = "sgd"
    """Optimiser of the outer steps; starts afresh at every update."""
    outer_beta: float | None = 1.0
    """Weight β of the proximal term, KL from the policy before the update; None for no such term."""
    outer_steps: int | None = None
    """How many outer steps an update takes; None for as many as it takes the policy to stop moving."""
    tolerance: float = 1e-8
    """KL divergence between the policies before and after an outer step below which the policy stands still."""
    max_outer_steps: int = 5000
    """Outer steps at most, where their number is not fixed."""
    divergence_weights: DivergenceWeights = "uniform"
    """Weights of the states in KL divergences: all 1, or the share of discounted visits."""
    opponent_modelling: OpponentModellingSettings | None = None
    """Shape models of the opponents instead of their true policies."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        check_positive("learning_rate", self.learning_rate)
        check_positive("tolerance", self.tolerance)
        check_at_least("max_outer_steps", self.max_outer_steps, 1)
        if self.outer_beta is not None:
            check_at_least("outer_beta", self.outer_beta, 0)
        if self.outer_steps is not None:
            check_at_least("outer_steps", self.outer_steps, 1)
        self.lookahead.validate()
        if self.opponent_modelling is not None:
            self.opponent_modelling.validate()


@runtime_checkable
class OwnSettings(Protocol):
    """Settings of a learner of one's own: a frozen dataclass, which names what makes the learner.

    **Attributes:**

    - `learner`: `"package.module:function"` of these settings, the [`ExactPlay`][lookax.games.exact_play.ExactPlay],
      what makes policies ([`PolicyMaker`][lookax.policies.factory.PolicyMaker]) and what makes the first ones, from a
      key.
    """

    learner: ClassVar[str]

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        ...


Algorithm = NaiveSettings | LOLASettings | POLASettings | OwnSettings
