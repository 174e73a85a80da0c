"""Several policies for one seat, each in its part of the games."""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from lookax.errors import check
from lookax.games.game import Game, Seen
from lookax.policies.actor import Actor, MixedActors, actor_of, ends_of_parts


class Mixture(eqx.Module):
    """Plays a seat with several policies, in one part of the games after the other.

    **Attributes:**

    - `policies`: the policies, of any kinds.
    - `fractions`: of the games that each plays.
    """

    policies: tuple[Any, ...]
    fractions: tuple[float, ...] = eqx.field(static=True)

    def actor(self, game: Game, player: int) -> MixedActors:
        """All of them as a player of a game."""
        return MixedActors(tuple(actor_of(game, policy, player) for policy in self.policies), self.fractions)


class Population(eqx.Module):
    """K policies of one form, each of which plays as many of the games.

    **Attributes:** `policies`, a pytree of arrays `[K, …]`; `size`, K.
    """

    policies: Any
    size: int = eqx.field(static=True)

    def actor(self, game: Game, player: int) -> "PopulationActor":
        """All of them as a player of a game."""
        return PopulationActor(self.policies, game, player, self.size)


class PopulationActor(eqx.Module):
    """K policies of one form in a seat; B games, of which each plays B/K.

    **Attributes:** `policies`, arrays `[K, …]`; the `game`; the `player` whose seat it is; `size`, K.
    """

    policies: Any
    game: Game
    player: int = eqx.field(static=True)
    size: int = eqx.field(static=True)

    @property
    def recurrence(self) -> "PopulationActor":
        """Itself."""
        return self

    def initial_hidden_state(self, batch_size: int) -> PyTree:
        """Each one's first hidden state in its games.

        **Raises:** `ValueError` for games that cannot be shared out equally.
        """
        check(batch_size % self.size == 0, "games of a population", batch_size, f"a multiple of its size, {self.size}")

        def first(policy: Any) -> PyTree:
            actor = actor_of(self.game, policy, self.player)
            return actor.recurrence.initial_hidden_state(batch_size // self.size)

        return jax.tree.map(_side_by_side, jax.vmap(first)(self.policies))

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """Each one's hidden state in its games."""

        def updated(policy: Any, hidden_state: Any, seen: Seen) -> Any:
            return actor_of(self.game, policy, self.player).recurrence.update_hidden_state(hidden_state, seen)

        parts = jax.tree.map(self._parts, (hidden_state, seen))
        return jax.tree.map(_side_by_side, jax.vmap(updated)(self.policies, *parts))

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        """Each one's outputs in its games."""

        def acted(policy: Any, hidden_state: Any) -> Float[Array, "A _"]:
            return actor_of(self.game, policy, self.player).act(hidden_state)

        return _side_by_side(jax.vmap(acted)(self.policies, jax.tree.map(self._parts, hidden_state)))

    def _parts(self, leaf: Array) -> Array:
        """`[…, B]` as `[K, …, B/K]`."""
        return jnp.moveaxis(leaf.reshape(*leaf.shape[:-1], self.size, -1), -2, 0)


def _side_by_side(leaf: Array) -> Array:
    """`[K, …, B/K]` as `[…, B]`."""
    leaf = jnp.moveaxis(leaf, 0, -2)
    return leaf.reshape(*leaf.shape[:-2], -1)


class Substitutes(eqx.Module):
    """An actor in all games, in whose place others act in the last of them.

    What the actor would remember there is known too.

    **Attributes:** the `actor`; the `others`; `fractions` of the games, the actor's own first.
    """

    actor: Actor
    others: tuple[Actor, ...]
    fractions: tuple[float, ...] = eqx.field(static=True)

    @property
    def recurrence(self) -> "Substitutes":
        """Itself."""
        return self

    def initial_hidden_state(self, batch_size: int) -> PyTree:
        """The actor's, and those of the others in their games."""
        ends = ends_of_parts(self.fractions, batch_size)
        sizes = [end - start for start, end in itertools.pairwise(ends)]
        others = zip(self.others, sizes[1:], strict=True)
        own = self.actor.recurrence.initial_hidden_state(batch_size)
        return own, tuple(other.recurrence.initial_hidden_state(size) for other, size in others)

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """The actor's, and those of the others in their games."""
        own, others = hidden_state
        ends = ends_of_parts(self.fractions, seen.actions.shape[-1])
        parts = [
            jax.tree.map(lambda leaf, start=start, end=end: leaf[..., start:end], seen)
            for start, end in itertools.pairwise(ends[1:])
        ]
        updated = (
            other.recurrence.update_hidden_state(past, part)
            for other, past, part in zip(self.others, others, parts, strict=True)
        )
        return self.actor.recurrence.update_hidden_state(own, seen), tuple(updated)

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        """The actor's outputs, and the others' in their games."""
        own, others = hidden_state
        outputs = [other.act(past) for other, past in zip(self.others, others, strict=True)]
        rest = sum(each.shape[-1] for each in outputs)
        whole = self.actor.act(own)
        return jnp.concatenate([whole[:, : whole.shape[1] - rest], *outputs], axis=1)
