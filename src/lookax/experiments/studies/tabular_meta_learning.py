"""Meta-learning to the end: MAML-RL over a distribution of random MDPs, LIRPG in one."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from lookax.experiments.settings.tabular_meta_learning import LIRPGLearning, MAMLLearning, OuterLearning
from lookax.experiments.studies.exact_learners import optimiser_of
from lookax.experiments.studies.tabular_meta_gradients import IntrinsicRewardStudy, MetaLearningStudy
from lookax.games.exact_mdp import expected_return, policy_log_probs
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.learner import Metrics
from lookax.learners.lirpg import LIRPG, LIRPGState
from lookax.learners.maml_rl import MAMLRL
from lookax.lookahead.optimiser import Optimiser

TEST_TASKS = 64


class Learning(eqx.Module):
    """An MDP and the state of what learns in it."""

    mdp: TabularMDP
    learner: Any


@dataclasses.dataclass(frozen=True)
class OuterLearningStudy(MetaLearningStudy, abc.ABC):
    """Meta-learning by an outer optimiser."""

    settings: OuterLearning

    def init(self, key: Key[Array, ""]) -> Learning:
        """The MDP and the learner's first state."""
        mdp = self.draw_mdp(key)
        return Learning(mdp, self._learner(mdp).init(jax.random.fold_in(key, 0)))

    def update(self, key: Key[Array, ""], state: Learning) -> tuple[Learning, Metrics]:
        """One outer step, and its metrics."""
        learner, metrics = self._learner(state.mdp).update(key, state.learner)
        return Learning(state.mdp, learner), metrics

    @abc.abstractmethod
    def evaluate(self, key: Key[Array, ""], state: Learning) -> Metrics:
        """Exact returns."""

    @abc.abstractmethod
    def _learner(self, mdp: TabularMDP) -> MAMLRL | LIRPG: ...

    def _outer_optimiser(self) -> Optimiser:
        return optimiser_of(self.settings.outer_optimiser, self.settings.outer_learning_rate)


@dataclasses.dataclass(frozen=True)
class MAMLLearningStudy(OuterLearningStudy):
    """MAML-RL: where to start learning from, in MDPs that share transitions and a part of their rewards."""

    settings: MAMLLearning

    def evaluate(self, key: Key[Array, ""], state: Learning) -> Metrics:
        """Exact returns in 64 further tasks: `return_before` learning, and `return_after` K exact steps of it."""

        def of_task(key: Key[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
            task = self.task(state.mdp, key)
            before = expected_return(task, policy_log_probs(task, state.learner.policy), self.settings.discount)
            return before, self.exact_adaptation().objective(task, task, state.learner.policy, key)[0]

        before, after = jax.vmap(of_task)(jax.random.split(key, TEST_TASKS))
        return {"return_before": before.mean(), "return_after": after.mean()}

    def describe(self, state: Learning) -> dict[str, Any]:
        """The logits of the initial policy that was learned."""
        return {"logits": state.learner.policy.logits.tolist()}

    def task(self, mdp: TabularMDP, key: Key[Array, ""]) -> TabularMDP:
        """A task drawn from the distribution."""
        own = jax.random.uniform(key, mdp.rewards.shape)
        return mdp.with_rewards(self.settings.shared_rewards * mdp.rewards + (1 - self.settings.shared_rewards) * own)

    def _learner(self, mdp: TabularMDP) -> MAMLRL:
        return MAMLRL(
            tasks=lambda key: self.task(mdp, key),
            adaptation=self.adaptation(),
            initial=lambda _: self.uniform_policy(),
            optimiser=self._outer_optimiser(),
            num_tasks=self.settings.num_tasks,
        )


@dataclasses.dataclass(frozen=True)
class LIRPGLearningStudy(IntrinsicRewardStudy, OuterLearningStudy):
    """LIRPG: an intrinsic reward that makes a policy learn faster, while it learns."""

    settings: LIRPGLearning

    def evaluate(self, key: Key[Array, ""], state: Learning) -> Metrics:
        """The exact extrinsic return, and the largest |intrinsic reward|.

        `return_after` is that of the policy; with `restart`, of what K exact steps by the present reward make of the
        uniform one.
        """
        if self.settings.restart:
            inner = state.mdp.with_rewards(state.mdp.rewards + state.learner.intrinsic_reward)
            value, _ = self.exact_adaptation().objective(inner, state.mdp, self.uniform_policy(), key)
        else:
            value = expected_return(
                state.mdp, policy_log_probs(state.mdp, state.learner.policy), self.settings.discount
            )
        return {"return_after": value, "intrinsic_reward": jnp.abs(state.learner.intrinsic_reward).max()}

    def describe(self, state: Learning) -> dict[str, Any]:
        """The policy's logits and the intrinsic reward."""
        learner: LIRPGState = state.learner
        return {"logits": learner.policy.logits.tolist(), "intrinsic_reward": learner.intrinsic_reward.tolist()}

    def _learner(self, mdp: TabularMDP) -> LIRPG:
        return LIRPG(
            mdp=mdp,
            adaptation=self.adaptation(),
            initial=lambda _: self.uniform_policy(),
            optimiser=self._outer_optimiser(),
            restart=self.settings.restart,
        )
