"""Who sits at a game: something that remembers what it has seen, and acts on what it remembers.

Everything is of B games at once, whose axis is the last: products then have it as their long, contiguous side.
(`jax.vmap` over the last axis of functions of one game would move it to the front wherever a bias is added.)
"""

import abc
import itertools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, ScalarLike

from lookax.games.game import Game, Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.swapped_seats import Turned


@runtime_checkable
class Recurrence(Protocol):
    """What is remembered: mₜ = remember(mₜ₋₁, seenₜ)."""

    def first_memory(self, batch_size: int) -> PyTree:
        """The memory before anything was seen, `[…, B]`."""
        ...

    def remember(self, memory: Any, seen: Seen) -> Any:
        """The memory `[…, B]` once this was seen too, `[…, B]`."""
        ...


@runtime_checkable
class Actor(Protocol):
    """Plays from a seat of a game: remembers by its `recurrence`, and acts on what it remembers.

    Outputs are action logits, or for a critic one value.
    """

    @property
    def recurrence(self) -> Recurrence:
        """What it remembers, and no parameters that do not matter to that."""
        ...

    def act(self, memory: Any) -> Float[Array, "A B"]:
        """Outputs on what is remembered, `[…, B]`."""
        ...


class Unit(eqx.Module):
    """A unit with a memory of numbers, which encoded observations reach one after the other."""

    @abc.abstractmethod
    def first_memory(self, batch_size: int) -> Float[Array, "H B"]:
        """The memory before anything was seen."""

    @abc.abstractmethod
    def update(self, memory: Float[Array, "H B"], encoded: Float[Array, "E B"]) -> Float[Array, "H B"]:
        """The memory after an encoded observation."""


class Network(eqx.Module):
    """A network that takes one observation after the other: an `encoder` of each, a `unit` that remembers, a `head`."""

    encoder: Callable[[Float[Array, "D B"]], Float[Array, "E B"]]
    unit: Unit
    head: Callable[[Float[Array, "H B"]], Float[Array, "A B"]]

    def seated(self, game: Game, player: int) -> Actor:
        """The network in a player's seat; what it does there can be differentiated in the network.

        A matrix game has few states: all are encoded once, and play picks from them.
        """
        inner = game.game if isinstance(game, Turned) else game
        if isinstance(inner, MatrixGame):
            observations = jax.vmap(lambda state: game.observe(state, player), out_axes=1)(jnp.arange(inner.num_states))
            return _Seated(_OverStates(self.unit, self.encoder(observations)), self.head)
        return _Seated(_OverObservations(self.unit, self.encoder, game, player), self.head)


class _Seated(eqx.Module):
    recurrence: Recurrence
    head: Callable[[Float[Array, "H B"]], Float[Array, "A B"]]

    def act(self, memory: Float[Array, "H B"]) -> Float[Array, "A B"]:
        return self.head(memory)


class _OverStates(eqx.Module):
    unit: Unit
    encoded: Float[Array, "E S"]

    def first_memory(self, batch_size: int) -> Float[Array, "H B"]:
        return self.unit.first_memory(batch_size)

    def remember(self, memory: Float[Array, "H B"], seen: Seen) -> Float[Array, "H B"]:
        # By a product: a gather of columns costs as much as a whole step of a network on a processor.
        state = jax.nn.one_hot(seen.state, self.encoded.shape[1], dtype=self.encoded.dtype, axis=0)
        return self.unit.update(memory, self.encoded @ state)


class _OverObservations(eqx.Module):
    unit: Unit
    encoder: Callable[[Float[Array, "D B"]], Float[Array, "E B"]]
    game: Game
    player: int = eqx.field(static=True)

    def first_memory(self, batch_size: int) -> Float[Array, "H B"]:
        return self.unit.first_memory(batch_size)

    def remember(self, memory: Float[Array, "H B"], seen: Seen) -> Float[Array, "H B"]:
        observations = jax.vmap(lambda state: self.game.observe(state, self.player), -1, -1)(seen.state)
        return self.unit.update(memory, self.encoder(observations))


class Trembling(eqx.Module):
    """An actor whose hand trembles: with probability ε it plays any action, each as likely (Selten 1975).

        log π_ε(a|m) = log((1 − ε) π(a|m) + ε/A)

    **Attributes:** the `actor`, with policy π; `probability`, ε.
    """

    actor: Actor
    probability: ScalarLike

    @property
    def recurrence(self) -> Recurrence:
        """The actor's."""
        return self.actor.recurrence

    def act(self, memory: Any) -> Float[Array, "A B"]:
        """Log π_ε."""
        log_probs = jax.nn.log_softmax(self.actor.act(memory), axis=0)
        any_action = jnp.log(self.probability / log_probs.shape[0])
        return jnp.logaddexp(jnp.log1p(-jnp.asarray(self.probability)) + log_probs, any_action)


class OneByOne(eqx.Module):
    """An actor made of one that plays a single game, such as a fixed strategy.

    **Attributes:** `single`, with `first_memory()`, `remember(memory, seen)` and `act(memory)` of one game.
    """

    single: Any

    @property
    def recurrence(self) -> Recurrence:
        """Itself."""
        return self

    def first_memory(self, batch_size: int) -> PyTree:
        """Its first memory in every game."""
        first = jax.tree.map(jnp.asarray, self.single.first_memory())
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[..., None], (*leaf.shape, batch_size)), first)

    def remember(self, memory: Any, seen: Seen) -> Any:
        """Its memory in every game."""
        return jax.vmap(self.single.remember, -1, -1)(memory, seen)

    def act(self, memory: Any) -> Float[Array, "A B"]:
        """Its action logits in every game."""
        return jax.vmap(self.single.act, -1, -1)(memory)


class SideBySide(eqx.Module):
    """Several `actors` in one seat, each in its part of the games, one after the other.

    **Attributes:** `actors`; `shares`, how the games are divided among them: 3 and 1 for three quarters and one.
    """

    actors: tuple[Actor, ...]
    shares: tuple[int, ...] = eqx.field(static=True)

    @property
    def recurrence(self) -> Recurrence:
        """Itself."""
        return self

    def first_memory(self, batch_size: int) -> PyTree:
        """Everybody's first memory of its part."""
        ends = self._ends(batch_size)
        return tuple(
            own.recurrence.first_memory(end - start)
            for own, start, end in zip(self.actors, ends[:-1], ends[1:], strict=True)
        )

    def remember(self, memory: Any, seen: Seen) -> Any:
        """Everybody's memory of its part."""
        return tuple(
            own.recurrence.remember(past, now)
            for own, past, now in zip(self.actors, memory, self.parts(seen), strict=True)
        )

    def act(self, memory: Any) -> Float[Array, "A B"]:
        """Everybody's outputs."""
        return jnp.concatenate([own.act(past) for own, past in zip(self.actors, memory, strict=True)], axis=-1)

    def parts(self, tree: PyTree) -> list[PyTree]:
        """Everybody's part of arrays whose last axis is over games."""
        ends = self._ends(jax.tree.leaves(tree)[0].shape[-1])
        return [
            jax.tree.map(lambda leaf, start=start, end=end: leaf[..., start:end], tree)
            for start, end in itertools.pairwise(ends)
        ]

    def _ends(self, batch_size: int) -> list[int]:
        return [batch_size * part // sum(self.shares) for part in itertools.accumulate(self.shares, initial=0)]
