"""MAML-RL: a policy to start learning from (Finn et al. 2017)."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Key, PyTree

from lookax.errors import check_at_least
from lookax.games.exact_play import Policy
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.state import Metrics
from lookax.lookahead.ascent import ascent_step


class MAMLState(eqx.Module):
    """The `policy` from which every task is learned, and the outer optimiser's state."""

    policy: PyTree
    optimiser_state: PyTree


@dataclasses.dataclass(frozen=True)
class MAMLRL:
    """The initial policy φ climbs the return after K steps of learning in tasks drawn from a distribution.

        φ ← φ + α ∇_φ E_task[Jᵒᵘᵗᵉʳ(θ_K)],    θ₀ = φ, θ_K by the adaptation to the task

    **Attributes:** `tasks`, from a random key to an MDP; the `adaptation`; the `initial` policy, from a key; the outer
    `optimiser`; `num_tasks` per update.
    """

    tasks: Callable[[Key[Array, ""]], TabularMDP]
    adaptation: Adaptation
    initial: Callable[[Key[Array, ""]], PyTree]
    optimiser: optax.GradientTransformation
    num_tasks: int = 1

    def __post_init__(self):
        check_at_least("num_tasks", self.num_tasks, 1)

    def init(self, key: Key[Array, ""]) -> MAMLState:
        """The first policy."""
        policy = self.initial(key)
        return MAMLState(policy, self.optimiser.init(policy))

    def update(self, key: Key[Array, ""], state: MAMLState) -> tuple[MAMLState, Metrics]:
        """One outer step, along the mean of the tasks' meta-gradients; no metrics."""

        def of_task(key: Key[Array, ""]) -> PyTree:
            task_key, own_key = jax.random.split(key)
            return maml_gradient(self.adaptation, self.tasks(task_key), state.policy, own_key)[0]

        slopes = jax.vmap(of_task)(jax.random.split(key, self.num_tasks))
        slope = jax.tree.map(lambda leaf: leaf.mean(axis=0), slopes)
        return MAMLState(*ascent_step(slope, state.policy, state.optimiser_state, self.optimiser)), {}


def maml_gradient(
    adaptation: Adaptation, mdp: TabularMDP, policy: Policy, key: Key[Array, ""]
) -> tuple[PyTree, PyTree]:
    """∇_φ Jᵒᵘᵗᵉʳ(θ_K(φ)) in one task, a pytree like the policy and exact where the estimates are; and θ₁ … θ_K."""
    return jax.grad(lambda policy: adaptation.objective(mdp, mdp, policy, key), has_aux=True)(policy)
