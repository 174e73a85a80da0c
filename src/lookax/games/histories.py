"""The finite state space of a repeated game whose players remember the last `memory_length` joint actions.

A *history* is what has been played so far, cut to its last `memory_length` steps. The states are

- every full history, in binary (base-J) order with the oldest step first: with two actions, two players and memory one
  DD, DC, CD, CC;
- with a separate start, then every shorter history, longest first, so that the empty one, the *start state*, is last.

With `start="all-cooperate"` or `"all-defect"` the players behave as if that had been played forever before the first
step, and only the full histories exist.
"""

import dataclasses
import functools
import itertools
import math
from typing import get_args

import numpy as np

from lookax.choices import Start
from lookax.errors import check, check_at_least

MAX_TRANSITIONS = 2 * 10**8
"""States × joint actions × states that a game may have at most: 1.6 GB of transitions."""

NOTHING_YET = -1
"""Stands in `Histories.actions` where a history is shorter than the memory."""


@dataclasses.dataclass(frozen=True, eq=False)
class Histories:
    """Tables over the S states of a game with N players and J joint actions.

    **Attributes:**

    - `actions`: `[S, memory_length, N]`, remembered actions, oldest step first; `NOTHING_YET` before the first step.
    - `successors`: `[S, J]`, the state that follows each joint action.
    - `start`: the index of the state in which the game starts.
    """

    actions: np.ndarray
    successors: np.ndarray
    start: int

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.actions)


@functools.cache
def histories(num_actions: tuple[int, ...], memory_length: int, start: Start) -> Histories:
    """Enumerates the states of a repeated game; see the module's docstring for their order.

    **Arguments:**

    - `num_actions`: how many actions each player has.
    - `memory_length`: how many steps are remembered, at least 1.
    - `start`: what the players see at the first step.

    **Raises:** `ValueError` for a memory length below 1, an unknown start, or more states than a table can hold.
    """
    check_at_least("memory_length", memory_length, 1)
    check(start in get_args(Start), "start", start, f"one of {', '.join(get_args(Start))}")
    num_joint = math.prod(num_actions)
    num_states = sum(
        num_joint**length for length in (range(memory_length + 1) if start == "separate" else [memory_length])
    )
    check(
        num_states**2 * num_joint <= MAX_TRANSITIONS,
        "memory_length",
        memory_length,
        f"less, or the players fewer: their {num_states} states and {num_joint} joint actions are too many for a table",
    )
    joint_actions = list(itertools.product(*(range(n) for n in num_actions)))
    lengths = range(memory_length, -1, -1) if start == "separate" else [memory_length]
    states = [h for length in lengths for h in itertools.product(joint_actions, repeat=length)]
    index = {h: i for i, h in enumerate(states)}
    successors = [[index[(*h, joint)[-memory_length:]] for joint in joint_actions] for h in states]
    nothing = (NOTHING_YET,) * len(num_actions)
    padded = [(nothing,) * (memory_length - len(h)) + h for h in states]
    first = {"separate": len(states) - 1, "all-defect": 0, "all-cooperate": len(joint_actions) ** memory_length - 1}
    # 32 bits in either precision: an array that JAX has once seen in double keeps 64 in single (jax 0.10).
    return Histories(np.array(padded), np.array(successors, np.int32), first[start])


def remembered_one_hot(num_actions: tuple[int, ...], states: Histories) -> np.ndarray:
    """One-hots of every remembered action, one more category standing for `NOTHING_YET`; `[S, memory_length·Σᵢ(Aᵢ+1)]`.

    Oldest step first, and within a step the first player first.
    """
    seen = np.where(states.actions == NOTHING_YET, num_actions, states.actions)
    blocks = [np.eye(n + 1)[step[:, i]] for step in np.moveaxis(seen, 1, 0) for i, n in enumerate(num_actions)]
    return np.concatenate(blocks, axis=1)
