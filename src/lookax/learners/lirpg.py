"""LIRPG: learning intrinsic rewards for policy gradient (Zheng et al. 2018)."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from lookax.games.exact_play import Policy
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.state import Metrics
from lookax.lookahead.ascent import ascent_step


class LIRPGState(eqx.Module):
    """The `policy`; the `intrinsic_reward`, `[S, A]`; the state of the latter's optimiser."""

    policy: PyTree
    intrinsic_reward: Float[Array, "S A"]
    optimiser_state: PyTree


@dataclasses.dataclass(frozen=True)
class LIRPG:
    """The policy climbs extrinsic plus intrinsic reward; the intrinsic reward climbs what that does for the extrinsic.

        θ_K by K steps up the return of r + r_in from θ₀ = θ,    r_in ← r_in + β ∇Jᵒᵘᵗᵉʳ(θ_K),    θ ← θ_K

    with Jᵒᵘᵗᵉʳ the return of r alone. The derivative goes through all K steps.

    **Attributes:** the `mdp`, with the extrinsic reward r; the `adaptation`, whose inner and Hessian estimates see
    r + r_in; the `initial` policy, from a key; the intrinsic reward's `optimiser`; whether to `restart` from an initial
    policy at every update, so that the reward learns to make K steps go far instead of a whole life. Intrinsic rewards
    start at zero.
    """

    mdp: TabularMDP
    adaptation: Adaptation
    initial: Callable[[Key[Array, ""]], PyTree]
    optimiser: optax.GradientTransformation
    restart: bool = False

    def init(self, key: Key[Array, ""]) -> LIRPGState:
        """The first policy, and no intrinsic reward."""
        intrinsic_reward = jnp.zeros_like(self.mdp.rewards)
        return LIRPGState(self.initial(key), intrinsic_reward, self.optimiser.init(intrinsic_reward))

    def update(self, key: Key[Array, ""], state: LIRPGState) -> tuple[LIRPGState, Metrics]:
        """K steps of the policy and one of the intrinsic reward; no metrics."""
        start_key, own_key = jax.random.split(key)
        start = self.initial(start_key) if self.restart else state.policy
        slope, path = lirpg_gradient(self.adaptation, self.mdp, start, state.intrinsic_reward, own_key)
        policy = self.adaptation.end(start, path)
        stepped = ascent_step(slope, state.intrinsic_reward, state.optimiser_state, self.optimiser)
        return LIRPGState(policy, *stepped), {}


def lirpg_gradient(
    adaptation: Adaptation,
    mdp: TabularMDP,
    policy: Policy,
    intrinsic_reward: Float[Array, "S A"],
    key: Key[Array, ""],
) -> tuple[Float[Array, "S A"], PyTree]:
    """dJᵒᵘᵗᵉʳ(θ_K)/dr_in, `[S, A]`, exact where the estimates are; and θ₁ … θ_K."""

    def objective(intrinsic_reward):
        return adaptation.objective(mdp.with_rewards(mdp.rewards + intrinsic_reward), mdp, policy, key)

    return jax.grad(objective, has_aux=True)(intrinsic_reward)
