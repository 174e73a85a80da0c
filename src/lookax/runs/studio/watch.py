"""Games of an actor-critic, a few frames at a time."""

import base64
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Key, PyTree

from lookax.games.arcade.environment import Environment
from lookax.rollouts.environments import EnvState, act, first_env_state
from lookax.runs.studio.agents import Agents

FRAMES = 16
"""How many are played at once."""


class WatchedGame:
    """Games of one agent, one after the other.

    **Arguments:** the `agents`, of which there is one; the `key` of what is drawn.
    """

    def __init__(self, agents: Agents, key: Key[Array, ""]):
        with agents.precision():
            reset_key, self._key = jax.random.split(key)
            self.environment, self.network = agents.study.environment(), agents.study.network(agents.state)
            self._discount = agents.study.describe(agents.state).get("discount", 0.0)
            self._env_state = first_env_state(self.environment, reset_key, 1)
        self.agents, self.step, self.score = agents, 0, 0.0
        self._latest: list[dict[str, Any]] = []

    def frames(self) -> list[dict[str, Any]]:
        """The next frames and, for each, what the agent thinks of it and does then."""
        with self.agents.precision():
            self._key, key = jax.random.split(self._key)
            self._env_state, rollout, finished, logits, values = _played(
                self.environment, self.network, self._env_state, key, self._discount
            )
        probabilities, values = np.asarray(jax.nn.softmax(logits)), np.asarray(values, float)
        frames = []
        for t in range(FRAMES):
            frames.append(
                {
                    "step": self.step,
                    "score": round(self.score, 6),
                    "action": int(rollout.actions[t, 0]),
                    "probabilities": probabilities[t].round(4).tolist(),
                    "value": float(values[t]) if np.isfinite(values[t]) else None,
                    **_picture(np.asarray(rollout.observations[t, 0])),
                }
            )
            self.step, self.score = self.step + 1, self.score + float(rollout.rewards[t, 0])
            if finished.ended[t, 0]:
                frames[-1]["ended"] = float(finished.returns[t, 0])
                self.step, self.score = 0, 0.0
        self._latest = frames
        return frames

    def view(self) -> dict[str, Any]:
        """All that the page shows at first; whoever looks again sees the latest frames, and plays no others."""
        height, width, channels = self.environment.frame
        return {
            "kind": "watch",
            "height": height,
            "width": width,
            "channels": channels,
            "actions": [f"action {action}" for action in range(self.environment.num_actions)],
            "frames": self._latest or self.frames(),
        }


def _picture(frame: np.ndarray) -> dict[str, Any]:
    """A frame as JSON can hold it: shades of its latest channel, or in each cell the last channel that is not zero."""
    if frame.dtype == np.uint8:
        return {"shades": base64.b64encode(frame[..., -1].tobytes()).decode()}
    there = frame.astype(float) > 0
    last = frame.shape[-1] - 1 - there[..., ::-1].argmax(axis=-1)
    return {"cells": np.where(there.any(axis=-1), last, -1).ravel().tolist()}


@eqx.filter_jit
def _played(
    environment: Environment, network: Any, env_state: EnvState, key: Key[Array, ""], discount: float
) -> PyTree:
    env_state, rollout, finished = act(environment, network, env_state, key, FRAMES)
    logits, values = network(rollout.observations[:-1, 0], discount)
    return env_state, rollout, finished, logits, values
