"""A learner's own learning steps in a tabular MDP, to be differentiated through: what MAML-RL and LIRPG share."""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key, PyTree

from lookax.games.game import Policy
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.objectives.estimates import ReturnEstimate
from lookax.lookahead.lookahead import Lookahead


class Adaptation(eqx.Module):
    """K gradient steps up the return, and the return where they end; each derivative from an estimate of its own.

        θₖ₊₁ = θₖ + u(⊥∇Jⁱⁿⁿᵉʳ(θₖ) + ∇Jʰᵉˢˢⁱᵃⁿ(θₖ) − ⊥∇Jʰᵉˢˢⁱᵃⁿ(θₖ)),    F = Jᵒᵘᵗᵉʳ(θ_K),    ⊥: constant to derivatives

    Every estimate draws trajectories of its own, afresh in every step. With exact ones F's gradient is exact; replacing
    one of them at a time tells how much of a meta-gradient's error is whose (Liu et al. 2022, section 5.1).

    **Attributes:**

    - `inner`: where steps go.
    - `hessian`: what steps are differentiated as.
    - `outer`: the return where they end.
    - `lookahead`: the K steps, and how they are differentiated.
    """

    _: dataclasses.KW_ONLY
    inner: ReturnEstimate
    hessian: ReturnEstimate
    outer: ReturnEstimate
    lookahead: Lookahead

    def iterates(self, mdp: TabularMDP, policy: Policy, key: Key[Array, ""]) -> PyTree:
        """θ₁ … θ_K from θ₀ = `policy`, stacked.

        **Arguments:** the `mdp` that is learned in; the `policy`, a pytree.
        """
        # Two keys a step, whatever the surrogates: those that differ in nothing else see the same trajectories.
        return self.lookahead.iterates(
            lambda policy, keys: self.inner(mdp, policy, keys[0]),
            policy,
            inputs=jax.random.split(key, (self.lookahead.steps, 2)),
            curvature=lambda policy, keys: self.hessian(mdp, policy, keys[1]),
        )

    def objective(
        self, adapt_to: TabularMDP, perform_in: TabularMDP, policy: Policy, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], PyTree]:
        """F, the return in one MDP after learning in another, with other rewards, or in the same; and θ₁ … θ_K.

        **Arguments:** the MDP to `adapt_to`; the MDP to `perform_in`; the `policy` θ₀.
        """
        steps_key, outer_key = jax.random.split(key)
        path = self.iterates(adapt_to, policy, steps_key)
        return self.outer(perform_in, self.end(policy, path), outer_key), path

    def end(self, policy: Policy, path: PyTree) -> PyTree:
        """θ_K, given θ₀ and θ₁ … θ_K."""
        return jax.tree.map(lambda first, leaf: leaf[-1] if self.lookahead.steps else first, policy, path)
