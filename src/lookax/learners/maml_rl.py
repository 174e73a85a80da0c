"""MAML-RL: a policy to start learning from (Finn et al. 2017)."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Float, Key, PyTree

from lookax.errors import check_at_least
from lookax.games.game import Policy
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.learner import Metrics
from lookax.learners.objectives.adaptation import Adaptation
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step


class MAMLState(eqx.Module):
    """What MAML-RL carries from one update to the next.

    **Attributes:**

    - `policy`: φ, from which every task is learned.
    - `optimiser_state`: the outer optimiser's.
    """

    policy: PyTree
    optimiser_state: PyTree


class MAMLRL(eqx.Module):
    """The initial policy φ maximises the return after K steps of learning in tasks drawn from a distribution.

        φ ← φ + α ∇_φ E_task[Jᵒᵘᵗᵉʳ(θ_K)],    θ₀ = φ, θ_K by the adaptation to the task

    **Attributes:**

    - `tasks`: from a random key to an MDP.
    - `adaptation`: the K steps, and the estimates of returns.
    - `initial`: the first policy, from a random key.
    - `optimiser`: the outer one.
    - `num_tasks`: tasks per update.

    ```python
    from lookax.learners.objectives.adaptation import Adaptation
    from lookax.learners.objectives.mdp_returns import ExactReturn
    from lookax.policies.tabular import SoftmaxTabularPolicy

    exact, lookahead = ExactReturn(discount=0.8), lx.Lookahead(optax.sgd(10.0), steps=3)
    learner = lx.MAMLRL(
        tasks=lambda key: lx.random_mdp(key, num_states=20, num_actions=5),
        adaptation=Adaptation(inner=exact, hessian=exact, outer=exact, lookahead=lookahead),
        initial=lambda key: SoftmaxTabularPolicy(jnp.zeros((20, 5))),
        optimiser=optax.adam(0.1),
        num_tasks=10,
    )
    state, history = lx.train(learner, jax.random.key(0), 100)
    print(history["outer_objective"][-1])  # return after learning
    ```

    **Raises:** `ValueError` for fewer than one task.
    """

    _: dataclasses.KW_ONLY
    tasks: Callable[[Key[Array, ""]], TabularMDP] = eqx.field(static=True)
    adaptation: Adaptation
    initial: Callable[[Key[Array, ""]], PyTree] = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    num_tasks: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_at_least("num_tasks", self.num_tasks, 1)

    def init(self, key: Key[Array, ""]) -> MAMLState:
        """The first policy."""
        policy = self.initial(key)
        return MAMLState(policy, self.optimiser.init(policy))

    def update(self, key: Key[Array, ""], state: MAMLState) -> tuple[MAMLState, Metrics]:
        """One outer step, along the mean of the tasks' meta-gradients.

        Metrics: `outer_objective`, the mean of the tasks' Jᵒᵘᵗᵉʳ(θ_K), the return after learning where that is exact;
        `gradient_norm`.
        """

        def of_task(key: Key[Array, ""]) -> tuple[Float[Array, ""], PyTree]:
            task_key, own_key = jax.random.split(key)
            objective, gradient, _ = maml_gradient(self.adaptation, self.tasks(task_key), state.policy, own_key)
            return objective, gradient

        objectives, gradients = jax.vmap(of_task)(jax.random.split(key, self.num_tasks))
        gradient = jax.tree.map(lambda leaf: leaf.mean(axis=0), gradients)
        metrics = {"outer_objective": objectives.mean(), "gradient_norm": optax.tree.norm(gradient)}
        return MAMLState(*ascent_step(gradient, state.policy, state.optimiser_state, self.optimiser)), metrics


def maml_gradient(
    adaptation: Adaptation, mdp: TabularMDP, policy: Policy, key: Key[Array, ""]
) -> tuple[Float[Array, ""], PyTree, PyTree]:
    """The meta-gradient of a policy in one task, exact where the estimates are.

    **Arguments:** the `adaptation`, its K steps and estimates; the task's `mdp`; the `policy` φ.

    **Returns:** Jᵒᵘᵗᵉʳ(θ_K(φ)); its gradient ∇_φ, a pytree like the policy; and θ₁ … θ_K.
    """

    def objective(policy: Policy) -> tuple[Float[Array, ""], PyTree]:
        return adaptation.objective(mdp, mdp, policy, key)

    (value, path), gradient = jax.value_and_grad(objective, has_aux=True)(policy)
    return value, gradient, path
