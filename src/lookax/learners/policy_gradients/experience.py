"""What an agent learns from: games as it has seen them from its own seat, or from all seats where it has them all."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, ScalarLike

from lookax.errors import BadInputError
from lookax.surrogates.advantages import generalised_advantages


class Experience(eqx.Module):
    """B′ games of T steps as seen from the seat that is learned from; its player comes first, then the J others.

    Where an agent has all seats, a game is there once for each.

    **Attributes:**

    - `observations`: o₀ … o_{T−1} of the seat, `[T, D, B′]`.
    - `actions`: of all players, `[T, N, B′]`.
    - `log_probs`: log π(aₜ|o₀ … oₜ) of the policies that played, `[T, N, B′]`.
    - `rewards`: `[T, N, B′]`.
    - `values`: V(s₀) … V(s_T) by every player's own critic, in rewards, `[T+1, N, B′]`.
    - `action_values`: Q(sₜ, ·) likewise, `[T, A, N, B′]`; none where critics put out values alone, A = 0.
    - `others_learn`: 1 for each of the others who learns in a game, 0 for fixed strategies, `[J, B′]`. Who has
      parameters is taken for one who learns: earlier selves, too, and a network that stays as it is.
    - `weights`: of each game in means over them, `[B′]`.
    """

    observations: Float[Array, "T D B"]
    actions: Int[Array, "T N B"]
    log_probs: Float[Array, "T N B"]
    rewards: Float[Array, "T N B"]
    values: Float[Array, "_ N B"]
    action_values: Float[Array, "T A N B"]
    others_learn: Float[Array, "J B"]
    weights: Float[Array, " B"]

    def advantages(self, discount: ScalarLike, gae_lambda: ScalarLike) -> Float[Array, "T N B"]:
        """All players' generalised advantages; what comes after the games is V(s_T).

        **Arguments:** the `discount` γ; `gae_lambda`, λ.
        """

        def of_one(rewards: Float[Array, " T"], values: Float[Array, " T+1"]) -> Float[Array, " T"]:
            return generalised_advantages(rewards, values, discount, gae_lambda)

        return jax.vmap(jax.vmap(of_one, 1, 1), 2, 2)(self.rewards, self.values)


def unrolled(policy: Any, observations: Float[Array, "T D B"]) -> tuple[Any, Float[Array, "T A B"]]:
    """Hidden states and outputs of a network on all that it observes, one step after the other.

    What does not depend on the hidden state is computed for all steps at once. A policy that is a plain function of an
    observation has itself for a hidden state: the observation.

    **Arguments:** the `policy`; `observations`, `[T, D, B]`.
    """
    steps, _, batch = observations.shape
    if not hasattr(policy, "unit"):
        if hasattr(policy, "update_hidden_state") or hasattr(policy, "actor"):
            raise BadInputError(
                f"policy: a {type(policy).__name__} has a memory of its own; policy gradients learn networks such as "
                "`lx.network`, and functions of an observation"
            )
        return observations, jax.vmap(jax.vmap(policy, -1, -1))(observations)

    def at_once(layer: Any, inputs: Float[Array, "T D B"]) -> Float[Array, "T E B"]:
        flat = jnp.moveaxis(inputs, 1, 0).reshape(inputs.shape[1], -1)
        return jnp.moveaxis(layer(flat).reshape(-1, steps, batch), 0, 1)

    def step(hidden_state: Any, encoded: Float[Array, "E B"]) -> tuple[Any, Any]:
        hidden_state = policy.unit.update(hidden_state, encoded)
        return hidden_state, hidden_state

    encoded = at_once(policy.encoder, observations)
    hidden_states = jax.lax.scan(step, policy.unit.initial_hidden_state(batch), encoded)[1]
    return hidden_states, at_once(policy.head, hidden_states)
