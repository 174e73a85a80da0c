"""What an agent thinks of a game that it sees step by step: what it would do, what it expects, what it remembers."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from lookax.games.game import Seen
from lookax.policies.actor import Actor, actor_of
from lookax.policies.network import Network
from lookax.policies.recurrent import LastSeen


class Mind:
    """An agent in its seat, which sees one game.

    **Arguments:** the `game`; the agent's `policy`; its `seat`; its `critic`, an actor whose first output is a value,
    `None` for none.
    """

    def __init__(self, game: Any, policy: Any, seat: int, critic: Actor | None = None):
        self._remembers = isinstance(policy, Network) and not isinstance(policy.unit, LastSeen)
        self._actor, self._critic = actor_of(game, policy, seat), critic
        self._hidden_state = self._actor.recurrence.initial_hidden_state(1)
        self._critics = None if critic is None else critic.recurrence.initial_hidden_state(1)
        self.logits: Any = None
        self.value: float | None = None

    def see(self, seen: Seen) -> None:
        """What there is to be seen before the next action, `[…, 1]`."""
        self._hidden_state, self.logits = _looked(self._actor, self._hidden_state, seen)
        if self._critic is not None:
            self._critics, values = _looked(self._critic, self._critics, seen)
            self.value = float(values[0])

    @property
    def probabilities(self) -> list[float]:
        """Of its actions."""
        return _short(jax.nn.softmax(self.logits))

    @property
    def memory(self) -> list[float] | None:
        """Its hidden state; `None` for an agent that remembers nothing."""
        if not self._remembers:
            return None
        return _short(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(self._hidden_state)]))

    def thoughts(self) -> dict[str, Any]:
        """All of these, as JSON can hold them."""
        value = None if self.value is None or not np.isfinite(self.value) else self.value
        return {"probabilities": self.probabilities, "value": value, "memory": self.memory}


def _short(numbers: Any) -> list[float]:
    return [round(float(number), 4) for number in np.nan_to_num(np.asarray(numbers))]


@eqx.filter_jit
def _looked(actor: Actor, hidden_state: PyTree, seen: Seen) -> tuple[PyTree, Float[Array, " A"]]:
    hidden_state = actor.recurrence.update_hidden_state(hidden_state, seen)
    return hidden_state, actor.act(hidden_state)[:, 0]
