"""Tabular Markov decision processes: transition probabilities and rewards in tables."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, Int, Key, ScalarLike

from lookax.concrete import known
from lookax.errors import BadInputError, check_at_least, check_positive

Table = ArrayLike | Sequence[Any]
"""An array, or nested lists of numbers."""

TOLERANCE = 1e-5
"""How far probabilities may be from adding up to 1: rounding in single precision, no more."""


def on_first_state(num_states: int) -> Float[Array, " S"]:
    """The distribution that always starts in state 0."""
    return jnp.zeros(num_states).at[0].set(1.0)


class TabularMDP(eqx.Module):
    """A Markov decision process with S states and A actions.

    **Attributes:**

    - `transitions`: P(s'|s, a), `[S, A, S]`.
    - `rewards`: r(s, a), `[S, A]`.
    - `start`: distribution of the first state, `[S]`; state 0 unless given.

    There are no terminal states: one that always leads to itself and pays nothing serves.

    **Raises:** `ValueError` for shapes that do not fit, or for probabilities that are negative or do not add up to 1
    (where their values are known: not inside a compiled program).
    """

    transitions: Float[Array, "S A S"]
    rewards: Float[Array, "S A"]
    start: Float[Array, " S"]

    def __init__(self, transitions: Table, rewards: Table, start: Table | None = None):
        transitions, rewards = (jnp.asarray(table, float) for table in (transitions, rewards))
        shape = transitions.shape
        if len(shape) != 3 or shape[0] != shape[2] or 0 in shape:
            raise BadInputError(f"transitions: shape {shape} is not allowed; it must be (S, A, S)")
        _check_shape("rewards", rewards, shape[:2], "(S, A)")
        self.transitions, self.rewards = transitions, rewards
        self.start = on_first_state(shape[0]) if start is None else jnp.asarray(start, float)
        _check_shape("start", self.start, shape[:1], "(S,)")
        _check_distributions("transitions", self.transitions)
        _check_distributions("start", self.start)
        if not isinstance(rewards, Tracer) and not np.isfinite(rewards).all():
            raise BadInputError("rewards: they must be finite")

    @property
    def num_states(self) -> int:
        """S."""
        return self.rewards.shape[0]

    @property
    def num_actions(self) -> int:
        """A."""
        return self.rewards.shape[1]

    def with_rewards(self, rewards: Float[Array, "S A"]) -> "TabularMDP":
        """The same process with other rewards."""
        return TabularMDP(self.transitions, rewards, self.start)

    def reset(self, key: Key[Array, ""]) -> Int[Array, ""]:
        """Draws a first state."""
        return draw(cumulative(self.start), jax.random.uniform(key))

    def step(
        self, key: Key[Array, ""], state: Int[Array, ""], action: Int[Array, ""]
    ) -> tuple[Int[Array, ""], Float[Array, ""]]:
        """Plays one action: the next state and the reward.

        **Arguments:** the numbers of the `state` before and of the `action`.
        """
        successor = draw(cumulative(self.transitions[state, action]), jax.random.uniform(key))
        return successor, self.rewards[state, action]


def random_mdp(key: Key[Array, ""], num_states: int, num_actions: int, concentration: ScalarLike = 1.0) -> TabularMDP:
    """A random process: P(·|s, a) ~ Dirichlet(concentration, …), r(s, a) ~ U[0, 1), from state 0.

    With a small concentration nearly every action leads to one state for sure; with a large one to all alike. The
    random MDPs of Liu et al. 2022 (A Theoretical Understanding of Gradient Bias in Meta-RL) have 20 states, 5 actions
    and concentration 0.001.

    **Arguments:**

    - `num_states`, `num_actions`: S and A, at least 1.
    - `concentration`: of the Dirichlet distribution, the same for all next states; positive.

    ```python
    mdp = lx.random_mdp(jax.random.key(0), num_states=20, num_actions=5, concentration=0.001)
    ```

    **Raises:** `ValueError` for fewer than one state or action, or a concentration that is not positive.
    """
    check_at_least("num_states", num_states, 1)
    check_at_least("num_actions", num_actions, 1)
    if (value := known(concentration)) is not None:
        check_positive("concentration", value)
    transitions_key, rewards_key = jax.random.split(key)
    shape = (num_states, num_actions)
    transitions = jax.random.dirichlet(transitions_key, jnp.full(num_states, concentration), shape)
    return TabularMDP(transitions, jax.random.uniform(rewards_key, shape))


def check_log_probs(mdp: TabularMDP, log_probs: Float[Array, "..."]) -> None:
    """Raises `ValueError` unless they are `[S, A]`, as the MDP has them."""
    _check_shape("log_probs", log_probs, mdp.rewards.shape, "(S, A)")


def cumulative(probabilities: Float[Array, "... K"]) -> Float[Array, "... K"]:
    """The distribution function Σ_{j ≤ k} p(j), which `draw` inverts. Its last entry is 1 whatever the rounding."""
    summed = jnp.cumsum(probabilities, axis=-1)
    return summed / summed[..., -1:]


def draw(distribution: Float[Array, "... K"], uniform: Float[Array, "..."]) -> Int[Array, "..."]:
    """The outcome that a number of U[0, 1) stands for; outcomes of probability 0 are never drawn."""
    return jnp.sum(distribution <= uniform[..., None], axis=-1)


def _check_shape(field: str, table: Array, shape: tuple[int, ...], letters: str) -> None:
    if table.shape != shape:
        raise BadInputError(f"{field}: shape {table.shape} is not allowed; it must be {letters}, which is {shape} here")


def _check_distributions(field: str, probabilities: Float[Array, "... K"]) -> None:
    if isinstance(probabilities, Tracer):
        return
    table = np.asarray(probabilities)
    bad = ~(np.isfinite(table).all(-1) & (table >= 0).all(-1) & (np.abs(table.sum(-1) - 1) <= TOLERANCE))
    if bad.any():
        row = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f"row {row} of {field}" if row else field
        raise BadInputError(
            f"{field}: {where}, {np.array2string(table[row], precision=6, threshold=8)}, is not allowed; it must be "
            "probabilities that add up to 1"
        )
