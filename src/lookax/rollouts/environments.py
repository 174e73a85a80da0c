"""Acting in batches of environments: a few steps at a time, going on where the last ones ended."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num, PyTree

from lookax.games.arcade.environment import Environment
from lookax.policies.convolutional import ActorCritic
from lookax.rollouts.episodes import Finished


class Rollout(eqx.Module):
    """T steps of B environments.

    **Attributes:** `observations` o₀ … o_T, `[T+1, B, …]`; `actions`, `[T, B]`; `rewards` to learn from; `going_on`:
    whether an episode goes on after a step, so that what follows counts for it; `played`: whether a step was one, and
    not spent on the reset after an episode.
    """

    observations: Num[Array, "_ B ..."]
    actions: Int[Array, "T B"]
    rewards: Float[Array, "T B"]
    going_on: Bool[Array, "T B"]
    played: Bool[Array, "T B"]


class Place(eqx.Module):
    """Where acting goes on: the environments' `state`, and what is seen of it, `observations` `[B, …]`."""

    state: PyTree
    observations: Num[Array, "B ..."]


def first_place(environment: Environment, key: Key[Array, ""], batch_size: int) -> Place:
    """The beginning of B first episodes."""
    return Place(*environment.reset(key, batch_size))


def act(
    environment: Environment,
    network: ActorCritic,
    place: Place,
    key: Key[Array, ""],
    steps: int,
    *,
    greedy: bool = False,
) -> tuple[Place, Rollout, Finished]:
    """T steps of a policy from a place on.

    **Arguments:** `greedy`: always the likeliest action, instead of a draw.
    """

    def step(place: Place, key: Key[Array, ""]) -> tuple[Place, Any]:
        draw_key, step_key = jax.random.split(key)
        logits, _ = network(place.observations)
        actions = logits.argmax(axis=-1) if greedy else jax.random.categorical(draw_key, logits)
        state, made = environment.step(step_key, place.state, actions)
        kept = (actions, made.rewards, made.going_on, made.played)
        return Place(state, made.observations), (place.observations, kept, (made.returns, made.ended))

    after, (seen, kept, finished) = jax.lax.scan(step, place, jax.random.split(key, steps))
    observations = jnp.concatenate([seen, after.observations[None]])
    return after, Rollout(observations, *kept), Finished(*finished)
