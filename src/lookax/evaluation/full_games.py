"""Whole games of a policy that has learned, from their beginning to their end."""

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from lookax.games.arcade.environment import Environment
from lookax.policies.convolutional import ActorCritic
from lookax.rollouts.environments import EnvState, act, first_env_state

STEPS = 50
"""How many steps are played before it is seen who has finished."""


def full_games(
    environment: Environment,
    network: ActorCritic,
    key: Key[Array, ""],
    games: int,
    *,
    greedy: bool = False,
) -> tuple[Float[np.ndarray, " games"], list[np.ndarray]]:
    """Returns of that many games, each the first of an environment of its own; and the frames of the first one.

    Of each environment one game, not of all the first to end, which would count short games more often.

    **Arguments:** `greedy`: the likeliest action always, instead of a draw.
    """

    @jax.jit
    def go_on(env_state: EnvState, key: Key[Array, ""]):
        env_state, rollout, finished = act(environment, network, env_state, key, STEPS, greedy=greedy)
        return env_state, rollout.observations[:-1, 0], finished

    reset_key, key = jax.random.split(key)
    env_state = jax.jit(lambda key: first_env_state(environment, key, games))(reset_key)
    returns, frames = np.full(games, np.nan), []
    while np.isnan(returns).any():
        key, own = jax.random.split(key)
        env_state, seen, finished = go_on(env_state, own)
        ended, values = np.asarray(finished.ended), np.asarray(finished.returns)
        if np.isnan(returns[0]):
            length = int(ended[:, 0].argmax()) + 1 if ended[:, 0].any() else STEPS
            frames += list(np.asarray(seen[:length]))
        first = ended.argmax(axis=0)
        new = ended.any(axis=0) & np.isnan(returns)
        returns = np.where(new, values[first, np.arange(games)], returns)
    return returns, frames
