"""A policy of one player as something that acts on one observation after the other."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from lookax.errors import BadInputError
from lookax.policies.network import Network


class Player(eqx.Module):
    """A policy that acts on observations: one game per call, many at once by `jax.vmap`.

    ```python
    agent = lx.open_run("runs/x").agent(seed=0, player=0)
    hidden_state = agent.initial_hidden_state()
    hidden_state, action = agent.act(key, hidden_state, observation)
    ```

    **Attributes:**

    - `policy`: a network, or a function from an observation to action logits, which has no hidden state. A fixed
      strategy sees more than an observation; it plays by [`match`][lookax.evaluation.matches.match].

    **Raises:** `ValueError` for a fixed strategy.
    """

    policy: Any

    def __check_init__(self):
        if not callable(self.policy) and not isinstance(self.policy, Network):
            raise BadInputError(
                f"policy: a {type(self.policy).__name__} acts on more than observations; give it a seat by `lx.match`"
            )

    def initial_hidden_state(self) -> PyTree:
        """Before anything was seen; `None` for a policy without a hidden state."""
        return self.policy.unit.initial_hidden_state(1)[:, 0] if isinstance(self.policy, Network) else None

    def logits(self, hidden_state: PyTree, observation: Float[Array, " D"]) -> tuple[PyTree, Float[Array, " A"]]:
        """The next hidden state, and action logits on it.

        **Arguments:** the `hidden_state` before; the `observation` that the policy takes: of a
        network what the game's `observe` gives, of a table a row of `ExactPlay.observations`.
        """
        if not isinstance(self.policy, Network):
            return None, self.policy(jnp.asarray(observation))
        encoded = self.policy.encoder(jnp.asarray(observation)[:, None])
        hidden_state = self.policy.unit.update(hidden_state[:, None], encoded)
        return hidden_state[:, 0], self.policy.head(hidden_state)[:, 0]

    def act(
        self, key: Key[Array, ""], hidden_state: PyTree, observation: Float[Array, " D"]
    ) -> tuple[PyTree, Int[Array, ""]]:
        """The next hidden state, and an action drawn from softmax(logits).

        **Arguments:** the `hidden_state` before; the `observation`, as the game's `observe` gives it, `[D]`.
        """
        hidden_state, logits = self.logits(hidden_state, observation)
        return hidden_state, jax.random.categorical(key, logits)
