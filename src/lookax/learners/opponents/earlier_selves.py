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
    """A circular buffer of earlier policies, of each of a player's others.

    **Attributes:** `policies`, of each of these a pytree of arrays `[size, …]`; `updates`, how many there have been.
    """

    policies: tuple[Any, ...]
    updates: Int[Array, ""]


class EarlierSelves(eqx.Module):
    """Keeps all others' policies every so many updates, `size` times, and gives a part of the games to such.

    Policies that play together are of the same time.

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

    def init(self, policies: tuple[Any, ...]) -> Pool:
        """The first policies alone."""

        def buffer(leaf: Array) -> Array:
            return jnp.zeros((self.size, *leaf.shape), leaf.dtype).at[0].set(leaf)

        return Pool(jax.tree.map(buffer, policies), jnp.array(0))

    def kept(self, pool: Pool, policies: tuple[Any, ...]) -> Pool:
        """The buffer after an update, with the policies in it if they are due.

        **Arguments:** the `pool`; the others' `policies` after the update.
        """
        updates = pool.updates + 1
        # Out of range, and so dropped, where it is not due.
        place = jnp.where(updates % self.every == 0, updates // self.every % self.size, self.size)
        put = jax.tree.map(lambda kept, leaf: kept.at[place].set(leaf, mode="drop"), pool.policies, policies)
        return Pool(put, updates)

    def one(self, key: Key[Array, ""], present: tuple[Agent, ...], pool: Pool) -> tuple[Agent, ...]:
        """The present agents or, with the probability `fraction`, those with earlier policies.

        **Arguments:** the `present` agents; the `pool` that is drawn from.
        """
        which_key, whether_key = jax.random.split(key)
        drawn = jax.random.randint(which_key, (), 0, self._there(pool))
        earlier = jax.random.bernoulli(whether_key, self.fraction)

        def either(agent: Agent, kept: Any) -> Agent:
            policy = jax.tree.map(lambda leaf, own: jnp.where(earlier, own[drawn], leaf), agent.policy, kept)
            return Agent(policy, agent.critic)

        return tuple(map(either, present, pool.policies))

    def several(self, key: Key[Array, ""], present: tuple[Agent, ...], pool: Pool) -> tuple[Agent, ...]:
        """The present agents in the first games, and earlier policies in the others.

        **Arguments:** the `present` agents; the `pool` that is drawn from.
        """
        drawn = jax.random.randint(key, (self.number,), 0, self._there(pool))

        def both(agent: Agent, kept: Any) -> Agent:
            # A fixed strategy has always been as it is.
            learned = bool(jax.tree.leaves(kept))
            earlier = Population(jax.tree.map(lambda own: own[drawn], kept), self.number) if learned else agent.policy
            return Agent(Mixture((agent.policy, earlier), (1 - self.fraction, self.fraction)), agent.critic)

        return tuple(map(both, present, pool.policies))

    def _there(self, pool: Pool) -> Int[Array, ""]:
        """How many policies there are by now."""
        return jnp.minimum(pool.updates // self.every + 1, self.size)
