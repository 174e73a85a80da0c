"""Earlier selves of agents as opponents: what one could be taken advantage of before, it must not forget."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from lookax.errors import check, check_at_least
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.policies.actor import ends_of_parts
from lookax.policies.mixture import Mixture, Population


class Pool(eqx.Module):
    """A circular buffer of earlier policies.

    **Attributes:** `policies`, a pytree of arrays `[size, …]`; `updates`, how many there have been.
    """

    policies: Any
    updates: Int[Array, ""]


class EarlierSelves(eqx.Module):
    """Keeps a policy every so many updates, the newest `size` of them, and gives a part of the games to such.

    **Attributes:**

    - `size`: how many are kept.
    - `every`: so many updates.
    - `number`: how many play at every update, drawn uniformly with replacement; each has as many games. They are
      shaped as if they learned.
    - `fraction`: of the games, that are against them.

    **Raises:** `ValueError` for numbers out of range.
    """

    _: dataclasses.KW_ONLY
    size: int = eqx.field(static=True)
    every: int = eqx.field(static=True, default=10)
    number: int = eqx.field(static=True, default=4)
    fraction: float = eqx.field(static=True, default=0.5)

    def __check_init__(self):
        for name in ("size", "every", "number"):
            check_at_least(name, getattr(self, name), 1)
        check(0 < self.fraction < 1, "fraction", self.fraction, "between 0 and 1")

    def check_games(self, batch_size: int, scripted: float) -> None:
        """Raises `ValueError` if the games against earlier policies cannot be shared out equally.

        **Arguments:** `batch_size`, the number of games at once; `scripted`, the part of them that is against fixed
        strategies.
        """
        rest = 1 - scripted
        ends = ends_of_parts((rest * (1 - self.fraction), rest * self.fraction, scripted), batch_size)
        games = ends[2] - ends[1]
        rule = f"a divisor of the {games} of {batch_size} games at once that are against earlier policies"
        check(games > 0 and games % self.number == 0, "number of earlier policies", self.number, rule)

    def init(self, policy: Any) -> Pool:
        """The first policy alone."""

        def buffer(leaf: Array) -> Array:
            return jnp.zeros((self.size, *leaf.shape), leaf.dtype).at[0].set(leaf)

        return Pool(jax.tree.map(buffer, policy), jnp.array(0))

    def kept(self, pool: Pool, policy: Any) -> Pool:
        """The buffer after an update, with the policy in it if it is due.

        **Arguments:** the `pool`; the `policy` after the update.
        """
        updates = pool.updates + 1
        # Out of range, and so dropped, where it is not due.
        place = jnp.where(updates % self.every == 0, updates // self.every % self.size, self.size)
        policies = jax.tree.map(lambda kept, leaf: kept.at[place].set(leaf, mode="drop"), pool.policies, policy)
        return Pool(policies, updates)

    def one(self, key: Key[Array, ""], present: Agent, pool: Pool) -> Agent:
        """The present agent or, with the probability `fraction`, one with an earlier policy.

        **Arguments:** the `present` agent; the `pool` that is drawn from.
        """
        which_key, whether_key = jax.random.split(key)
        drawn = jax.random.randint(which_key, (), 0, self._there(pool))
        earlier = jax.random.bernoulli(whether_key, self.fraction)
        policy = jax.tree.map(lambda leaf, kept: jnp.where(earlier, kept[drawn], leaf), present.policy, pool.policies)
        return Agent(policy, present.critic)

    def opponent(self, key: Key[Array, ""], present: Agent, pool: Pool) -> Agent:
        """The present agent in the first games, and earlier policies in the others.

        **Arguments:** the `present` agent; the `pool` that is drawn from.
        """
        drawn = jax.random.randint(key, (self.number,), 0, self._there(pool))
        earlier = Population(jax.tree.map(lambda kept: kept[drawn], pool.policies), self.number)
        return Agent(Mixture((present.policy, earlier), (1 - self.fraction, self.fraction)), present.critic)

    def _there(self, pool: Pool) -> Int[Array, ""]:
        """How many policies there are by now."""
        return jnp.minimum(pool.updates // self.every + 1, self.size)
