"""Meta-learning to the end: MAML-RL over a distribution of random MDPs, LIRPG in one."""

import dataclasses
from typing import ClassVar

from lookax.choices import OptimiserName
from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.settings.tabular_meta_gradients import IntrinsicReward, MetaLearning


@dataclasses.dataclass(frozen=True)
class OuterLearning(MetaLearning):
    """Meta-learning by an outer optimiser."""

    outer_learning_rate: float = 0.1
    """Step size of the outer optimiser."""
    outer_optimiser: OptimiserName = "adam"
    """The outer optimiser."""
    total_updates: int = 200
    """How many outer updates to learn for."""

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        super().validate()
        check_positive("outer_learning_rate", self.outer_learning_rate)
        check_at_least("total_updates", self.total_updates, 1)


@dataclasses.dataclass(frozen=True)
class MAMLLearning(OuterLearning):
    """MAML-RL: where to start learning from, in MDPs that share transitions and a part of their rewards."""

    num_tasks: int = 10
    """Tasks per outer update."""
    shared_rewards: float = 0.5
    """Weight w of the common part of the rewards: a task's are w · common + (1 − w) · its own, both U[0, 1)."""

    study: ClassVar[str] = "lookax.experiments.studies.tabular_meta_learning:MAMLLearningStudy"

    def validate(self) -> None:
        """Raises `ValueError` if a field is out of range."""
        super().validate()
        check_at_least("num_tasks", self.num_tasks, 1)
        check(0 <= self.shared_rewards <= 1, "shared_rewards", self.shared_rewards, "between 0 and 1")


@dataclasses.dataclass(frozen=True)
class LIRPGLearning(IntrinsicReward, OuterLearning):
    """LIRPG: an intrinsic reward that makes a policy learn faster, while it learns."""

    restart: bool = False
    """Start again from the uniform policy at every update, for an intrinsic reward that makes K steps go far."""

    study: ClassVar[str] = "lookax.experiments.studies.tabular_meta_learning:LIRPGLearningStudy"
