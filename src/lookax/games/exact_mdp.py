"""What a policy is worth in a tabular MDP, in closed form.

A policy enters as its log-probabilities in every state, log π(a|s), `[S, A]`. Everything is differentiable to any order
in them, in transitions, rewards and discount, and vmappable.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.games.game import Policy
from lookax.games.markov_chain import check_discount, expected_discounted_sum, state_visitation
from lookax.games.tabular_mdp import TabularMDP, check_log_probs


def policy_log_probs(mdp: TabularMDP, policy: Policy) -> Float[Array, "S A"]:
    """Log π(a|s) in every state, of a policy that sees one-hots of states."""
    log_probs = jax.nn.log_softmax(jax.vmap(policy)(jnp.eye(mdp.num_states)))
    check_log_probs(mdp, log_probs)
    return log_probs


def state_values(
    mdp: TabularMDP, log_probs: Float[Array, "_ _"], discount: ScalarLike, horizon: int | None = None
) -> Float[Array, " S"]:
    """V(s) = E[Σₜ γᵗ r(sₜ, aₜ) | s₀ = s].

    The values of the Markov chain with P_π(s'|s) = Σₐ π(a|s) P(s'|s, a) that pays r_π(s) = Σₐ π(a|s) r(s, a).

    **Arguments:**

    - `mdp`: what is played.
    - `log_probs`: log π(a|s) of the policy, `[S, A]`.
    - `discount`: γ, below 1 where the horizon is infinite.
    - `horizon`: number of steps that are left, or `None` for infinitely many.

    **Raises:** `ValueError` for a discount or horizon out of range.
    """
    check_discount(discount, horizon)
    transitions = policy_transitions(mdp, log_probs)
    rewards = jnp.sum(jnp.exp(log_probs) * mdp.rewards, axis=1)
    return expected_discounted_sum(transitions, rewards, discount, horizon)


def action_values(
    mdp: TabularMDP, log_probs: Float[Array, "_ _"], discount: ScalarLike, horizon: int | None = None
) -> Float[Array, "S A"]:
    """Q(s, a) = r(s, a) + γ Σ_s' P(s'|s, a) V(s'), with V of one step less where the horizon is finite.

    Errors as of [`state_values`][lookax.games.exact_mdp.state_values].

    **Arguments:** the `mdp`; a policy's `log_probs`, log π(a|s), `[S, A]`; `discount` and `horizon` as of
    [`state_values`][lookax.games.exact_mdp.state_values].
    """
    check_discount(discount, horizon)
    if horizon == 1:
        return mdp.rewards
    later = state_values(mdp, log_probs, discount, None if horizon is None else horizon - 1)
    return mdp.rewards + discount * mdp.transitions @ later


def expected_return(
    mdp: TabularMDP, log_probs: Float[Array, "_ _"], discount: ScalarLike, horizon: int | None = None
) -> Float[Array, ""]:
    """J = E[Σₜ γᵗ r(sₜ, aₜ)] = Σₛ start(s) V(s).

    Errors as of [`state_values`][lookax.games.exact_mdp.state_values].

    **Arguments:** the `mdp`; a policy's `log_probs`, log π(a|s), `[S, A]`; `discount` and `horizon` as of
    [`state_values`][lookax.games.exact_mdp.state_values].
    """
    return mdp.start @ state_values(mdp, log_probs, discount, horizon)


def mdp_visitation(
    mdp: TabularMDP, log_probs: Float[Array, "_ _"], discount: ScalarLike, horizon: int | None = None
) -> Float[Array, " S"]:
    """Discounted expected number of visits to every state, d(s) = Σₜ γᵗ Pr(sₜ = s).

    **Arguments:** the `mdp`; a policy's `log_probs`, log π(a|s), `[S, A]`; `discount` and `horizon` as of
    [`state_values`][lookax.games.exact_mdp.state_values].
    """
    check_discount(discount, horizon)
    return state_visitation(policy_transitions(mdp, log_probs), mdp.start, discount, horizon)


def policy_transitions(mdp: TabularMDP, log_probs: Float[Array, "_ _"]) -> Float[Array, "S S"]:
    """P_π(s'|s) = Σₐ π(a|s) P(s'|s, a)."""
    check_log_probs(mdp, log_probs)
    return jnp.einsum("sa,sat->st", jnp.exp(log_probs), mdp.transitions)
