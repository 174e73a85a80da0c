"""Playing: trajectories of a policy in a tabular MDP, many at once.

Dimension letters, here and in all of lookax:

| letter | counts |
|---|---|
| T | time steps |
| B | trajectories of a batch |
| N | players |
| S | states |
| A | actions |
| K | learning steps of a lookahead |
| D | entries of an observation |

Arrays are time-major: `[T, B, …]`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from lookax.errors import check_at_least
from lookax.games.tabular_mdp import TabularMDP, check_log_probs, cumulative, draw


class Trajectory(eqx.Module):
    """What happened in B games of T steps.

    **Attributes:**

    - `states`: s₀ … s_T, `[T+1, B]`.
    - `actions`: a₀ … a_{T−1}, `[T, B]`.
    - `rewards`: r(sₜ, aₜ), `[T, B]`; differentiable in the table of rewards.
    - `log_probs`: log π(aₜ|sₜ) of the policy that played, `[T, B]`; differentiable in that policy. What was drawn is
      not: [surrogates][lookax.surrogates] make up for it.
    """

    states: Int[Array, "_ B"]
    actions: Int[Array, "T B"]
    rewards: Float[Array, "T B"]
    log_probs: Float[Array, "T B"]


def rollout(
    mdp: TabularMDP, log_probs: Float[Array, "_ _"], key: Key[Array, ""], *, horizon: int, batch_size: int
) -> Trajectory:
    """Plays `batch_size` games of `horizon` steps, independently.

    **Arguments:**

    - `log_probs`: log π(a|s) in every state, `[S, A]`.

    **Raises:** `ValueError` for a horizon or batch size below 1, or log-probabilities of another shape than the MDP's.
    """
    check_log_probs(mdp, log_probs)
    check_at_least("horizon", horizon, 1)
    check_at_least("batch_size", batch_size, 1)
    # One uniform number per draw, inverted through the distribution function: A − 1 fewer than a Gumbel trick takes.
    policy = cumulative(jnp.exp(jax.lax.stop_gradient(log_probs)))
    transitions = cumulative(jax.lax.stop_gradient(mdp.transitions))
    uniforms = jax.random.uniform(key, (2 * horizon + 1, batch_size))
    first = draw(cumulative(jax.lax.stop_gradient(mdp.start)), uniforms[0])

    def step(states, uniforms):
        actions = draw(policy[states], uniforms[0])
        return draw(transitions[states, actions], uniforms[1]), (states, actions)

    last, (states, actions) = jax.lax.scan(step, first, uniforms[1:].reshape(horizon, 2, batch_size))
    return Trajectory(
        jnp.concatenate([states, last[None]]), actions, mdp.rewards[states, actions], log_probs[states, actions]
    )
