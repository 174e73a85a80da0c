"""LIRPG: learning intrinsic rewards for policy gradient (Zheng et al. 2018)."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from lookax.games.game import Policy
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.learner import Metrics
from lookax.learners.objectives.adaptation import Adaptation
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step


class LIRPGState(eqx.Module):
    """What LIRPG carries from one update to the next.

    **Attributes:**

    - `policy`: θ.
    - `intrinsic_reward`: r_in, `[S, A]`.
    - `optimiser_state`: of the intrinsic reward's optimiser.
    """

    policy: PyTree
    intrinsic_reward: Float[Array, "S A"]
    optimiser_state: PyTree


class LIRPG(eqx.Module):
    """The policy maximises extrinsic plus intrinsic reward; the intrinsic reward what that does for the extrinsic.

        θ_K by K steps up the return of r + r_in from θ₀ = θ,    r_in ← r_in + β ∇Jᵒᵘᵗᵉʳ(θ_K),    θ ← θ_K

    with Jᵒᵘᵗᵉʳ the return of r alone. The derivative goes through all K steps. Intrinsic rewards start at zero.

    **Attributes:**

    - `mdp`: what is played, with the extrinsic reward r.
    - `adaptation`: the K steps; its inner and Hessian estimates see r + r_in.
    - `initial`: the first policy, from a random key.
    - `optimiser`: of the intrinsic reward.
    - `restart`: start from an initial policy at every update, so that the reward learns to make K steps go far instead
      of a whole life.

    ```python
    from lookax.learners.objectives.adaptation import Adaptation
    from lookax.learners.objectives.mdp_returns import ExactReturn
    from lookax.policies.tabular import SoftmaxTabularPolicy

    exact, lookahead = ExactReturn(discount=0.8), lx.Lookahead(optax.sgd(10.0), steps=5)
    learner = lx.LIRPG(
        mdp=lx.random_mdp(jax.random.key(0), num_states=20, num_actions=5),
        adaptation=Adaptation(inner=exact, hessian=exact, outer=exact, lookahead=lookahead),
        initial=lambda key: SoftmaxTabularPolicy(jnp.zeros((20, 5))),
        optimiser=optax.adam(0.03),
    )
    state, history = lx.train(learner, jax.random.key(1), 100)
    print(state.intrinsic_reward.shape)  # (20, 5)
    ```
    """

    _: dataclasses.KW_ONLY
    mdp: TabularMDP
    adaptation: Adaptation
    initial: Callable[[Key[Array, ""]], PyTree] = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    restart: bool = eqx.field(static=True, default=False)

    def init(self, key: Key[Array, ""]) -> LIRPGState:
        """The first policy, and no intrinsic reward."""
        intrinsic_reward = jnp.zeros_like(self.mdp.rewards)
        return LIRPGState(self.initial(key), intrinsic_reward, self.optimiser.init(intrinsic_reward))

    def update(self, key: Key[Array, ""], state: LIRPGState) -> tuple[LIRPGState, Metrics]:
        """K steps of the policy and one of the intrinsic reward.

        Metrics: `outer_objective`, Jᵒᵘᵗᵉʳ(θ_K), the extrinsic return of the next policy where that is exact;
        `gradient_norm`.
        """
        start_key, own_key = jax.random.split(key)
        start = self.initial(start_key) if self.restart else state.policy
        objective, gradient, path = lirpg_gradient(self.adaptation, self.mdp, start, state.intrinsic_reward, own_key)
        stepped = ascent_step(gradient, state.intrinsic_reward, state.optimiser_state, self.optimiser)
        metrics = {"outer_objective": objective, "gradient_norm": optax.tree.norm(gradient)}
        return LIRPGState(self.adaptation.end(start, path), *stepped), metrics


def lirpg_gradient(
    adaptation: Adaptation,
    mdp: TabularMDP,
    policy: Policy,
    intrinsic_reward: Float[Array, "S A"],
    key: Key[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, "S A"], PyTree]:
    """The meta-gradient of an intrinsic reward, exact where the estimates are.

    **Arguments:** the `adaptation`, its K steps and estimates; the `mdp`, with the extrinsic reward; the `policy` θ₀;
    the `intrinsic_reward` r_in, `[S, A]`.

    **Returns:** Jᵒᵘᵗᵉʳ(θ_K); its gradient dJᵒᵘᵗᵉʳ/dr_in, `[S, A]`; and θ₁ … θ_K.
    """

    def objective(intrinsic_reward: Float[Array, "S A"]) -> tuple[Float[Array, ""], PyTree]:
        return adaptation.objective(mdp.with_rewards(mdp.rewards + intrinsic_reward), mdp, policy, key)

    (value, path), gradient = jax.value_and_grad(objective, has_aux=True)(intrinsic_reward)
    return value, gradient, path
