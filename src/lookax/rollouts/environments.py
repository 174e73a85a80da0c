"""Acting in batches of environments: a few steps at a time, going on where the last ones ended."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num, PyTree

from lookax.games.arcade.environment import Environment
from lookax.rollouts.episodes import Finished

ActorCritic = Callable[..., tuple[Float[Array, "B A"], Float[Array, " B"]]]
"""A network, from frames `[B, …]` and (for a critic that is conditioned on it) a discount to logits and values."""


class Rollout(eqx.Module):
    """T steps of B environments.

    **Attributes:**

    - `observations`: o₀ … o_T, `[T+1, B, …]`.
    - `actions`: `[T, B]`.
    - `rewards`: to learn from.
    - `continues`: whether an episode goes on after a step, so that what follows counts for it.
    - `played`: whether a step was one, and not spent on the reset after an episode.
    """

    observations: Num[Array, "_ B ..."]
    actions: Int[Array, "T B"]
    rewards: Float[Array, "T B"]
    continues: Bool[Array, "T B"]
    played: Bool[Array, "T B"]


class EnvState(eqx.Module):
    """The environments between two steps.

    **Attributes:**

    - `state`: theirs.
    - `observations`: what is seen of it, `[B, …]`.
    """

    state: PyTree
    observations: Num[Array, "B ..."]


def first_env_state(environment: Environment, key: Key[Array, ""], batch_size: int) -> EnvState:
    """The beginning of B first episodes.

    **Arguments:** the `environment`; the `batch_size` B.
    """
    return EnvState(*environment.reset(key, batch_size))


def act(
    environment: Environment,
    network: ActorCritic,
    env_state: EnvState,
    key: Key[Array, ""],
    steps: int,
    *,
    greedy: bool = False,
) -> tuple[EnvState, Rollout, Finished]:
    """T steps of a policy.

    **Arguments:** `greedy`: always the likeliest action, instead of a draw.
    """

    def step(env_state: EnvState, key: Key[Array, ""]) -> tuple[EnvState, Any]:
        draw_key, step_key = jax.random.split(key)
        logits, _ = network(env_state.observations)
        actions = logits.argmax(axis=-1) if greedy else jax.random.categorical(draw_key, logits)
        state, made = environment.step(step_key, env_state.state, actions)
        kept = (actions, made.rewards, made.continues, made.played)
        return EnvState(state, made.observations), (env_state.observations, kept, (made.returns, made.ended))

    after, (seen, kept, finished) = jax.lax.scan(step, env_state, jax.random.split(key, steps))
    observations = jnp.concatenate([seen, after.observations[None]])
    return after, Rollout(observations, *kept), Finished(*finished)
