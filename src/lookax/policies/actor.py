"""Who sits at a game: a hidden state that is updated by what is seen, and actions that depend on it.

Everything is of B games at once, whose axis is the last: products then have it as their long, contiguous side.
(`jax.vmap` over the last axis of functions of one game would move it to the front wherever a bias is added.)
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, ScalarLike

from lookax.games.game import Game, Seen


@runtime_checkable
class Recurrence(Protocol):
    """How a hidden state changes: hₜ = update_hidden_state(hₜ₋₁, seenₜ)."""

    def initial_hidden_state(self, batch_size: int) -> PyTree:
        """The hidden state before anything was seen, `[…, B]`."""
        ...

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """The hidden state `[…, B]` once this was seen too, `[…, B]`."""
        ...


@runtime_checkable
class Actor(Protocol):
    """Plays from a seat of a game: its `recurrence` updates a hidden state, and it acts on that.

    Outputs are action logits, or for a critic one value.
    """

    @property
    def recurrence(self) -> Recurrence:
        """How its hidden state changes, and no parameters that do not matter to that."""
        ...

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        """Outputs on a hidden state, `[…, B]`."""
        ...


class TremblingActor(eqx.Module):
    """An actor whose actions are replaced by random ones with probability ε (a trembling hand, Selten 1975).

        log π_ε(a|h) = log((1 − ε) π(a|h) + ε/A)

    **Attributes:**

    - `actor`: with policy π.
    - `probability`: ε.
    """

    actor: Actor
    probability: ScalarLike

    @property
    def recurrence(self) -> Recurrence:
        """The actor's."""
        return self.actor.recurrence

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        """Log π_ε."""
        log_probs = jax.nn.log_softmax(self.actor.act(hidden_state), axis=0)
        any_action = jnp.log(self.probability / log_probs.shape[0])
        return jnp.logaddexp(jnp.log1p(-jnp.asarray(self.probability)) + log_probs, any_action)


class OneByOne(eqx.Module):
    """An actor made of one that plays a single game, such as a fixed strategy.

    **Attributes:** `single`, with `initial_hidden_state()`, `update_hidden_state(hidden_state, seen)` and
    `act(hidden_state)` of one game.
    """

    single: Any

    @property
    def recurrence(self) -> Recurrence:
        """Itself."""
        return self

    def initial_hidden_state(self, batch_size: int) -> PyTree:
        """Its first hidden state in every game."""
        first = jax.tree.map(jnp.asarray, self.single.initial_hidden_state())
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[..., None], (*leaf.shape, batch_size)), first)

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """Its hidden state in every game."""
        return jax.vmap(self.single.update_hidden_state, -1, -1)(hidden_state, seen)

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        """Its action logits in every game."""
        return jax.vmap(self.single.act, -1, -1)(hidden_state)


class MixedActors(eqx.Module):
    """Several actors for one player, each in its part of the games, one after the other.

    **Attributes:**

    - `actors`: the actors.
    - `fractions`: of the games that each plays; where they are not whole games, those before the last play fewer.
    """

    actors: tuple[Actor, ...]
    fractions: tuple[float, ...] = eqx.field(static=True)

    @property
    def recurrence(self) -> Recurrence:
        """Itself."""
        return self

    def initial_hidden_state(self, batch_size: int) -> PyTree:
        """Each one's first hidden state in its part."""
        ends = self.ends_of_parts(batch_size)
        return tuple(
            own.recurrence.initial_hidden_state(end - start)
            for own, start, end in zip(self.actors, ends[:-1], ends[1:], strict=True)
        )

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """Each one's hidden state in its part."""
        return tuple(
            own.recurrence.update_hidden_state(past, now)
            for own, past, now in zip(self.actors, hidden_state, self.parts(seen), strict=True)
        )

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        """Each one's outputs."""
        return jnp.concatenate([own.act(past) for own, past in zip(self.actors, hidden_state, strict=True)], axis=-1)

    def parts(self, tree: PyTree) -> list[PyTree]:
        """Each one's part of arrays whose last axis is over games."""
        ends = self.ends_of_parts(jax.tree.leaves(tree)[0].shape[-1])
        return [
            jax.tree.map(lambda leaf, start=start, end=end: leaf[..., start:end], tree)
            for start, end in itertools.pairwise(ends)
        ]

    def ends_of_parts(self, batch_size: int) -> list[int]:
        """0, and where each one's part of B games ends."""
        return ends_of_parts(self.fractions, batch_size)


def ends_of_parts(fractions: Sequence[float], batch_size: int) -> list[int]:
    """0, and where each part of B games ends; of parts that are not whole games, all but the last are smaller.

    **Arguments:** the `fractions` of the games; `batch_size`, B.
    """
    # A number of games that is whole may be below it by rounding.
    return [0, *(int(batch_size * part + 1e-9) for part in itertools.accumulate(fractions[:-1])), batch_size]


class _Observed(eqx.Module):
    """From a game's state to what a player observes."""

    game: Game
    player: int = eqx.field(static=True)

    def __call__(self, state: Any) -> Float[Array, " D"]:
        return self.game.observe(state, self.player)


class Memoryless(eqx.Module):
    """A policy of one observation in a seat of a game; its hidden state is what it sees at present.

    **Attributes:**

    - `policy`: from an observation `[D]` to logits `[A]`, such as a network's or any other function.
    - `observe`: from the game's state to an observation.
    - `first`: zeros of an observation's shape.
    """

    policy: Callable[[Float[Array, " D"]], Float[Array, " A"]]
    observe: Callable[[Any], Float[Array, " D"]]
    first: Float[Array, " D"]

    @classmethod
    def of(cls, game: Game, policy: Any, player: int) -> "Memoryless":
        """The policy in a seat of a game, which it observes as the game says.

        **Arguments:** the `game`; the `policy`, from an observation `[D]` to logits `[A]`; the `player` whose seat it
        takes, from 0.
        """
        like = jax.eval_shape(lambda key: game.observe(game.reset(key), player), jax.random.key(0))
        return cls(policy, _Observed(game, player), jnp.zeros(like.shape, like.dtype))

    def initial_hidden_state(self) -> Float[Array, " D"]:
        """Zeros: nothing has been seen."""
        return self.first

    def update_hidden_state(self, hidden_state: Float[Array, " D"], seen: Seen) -> Float[Array, " D"]:
        """The observation of the present state."""
        del hidden_state
        return self.observe(seen.state).astype(self.first.dtype)

    def act(self, hidden_state: Float[Array, " D"]) -> Float[Array, " A"]:
        """Action logits on the observation."""
        return self.policy(hidden_state)


def actor_of(game: Game, policy: Any, player: int) -> Actor:
    """Any policy as a player's actor.

    - One with a method `actor(game, player)`, such as a recurrent network or a table: what that returns.
    - One with `initial_hidden_state()`, `update_hidden_state(hidden_state, seen)` and `act(hidden_state)` of a single
      game, such as a fixed strategy: by itself in every game.
    - Any other function of an observation: without a memory.

    **Arguments:** the `game`; the `policy`, of one of these kinds; the `player` whose seat it takes, from 0.
    """
    if hasattr(policy, "actor"):
        return policy.actor(game, player)
    return OneByOne(policy if hasattr(policy, "update_hidden_state") else Memoryless.of(game, policy, player))


def actors_of(game: Game, policies: Sequence[Any]) -> tuple[Actor, ...]:
    """Each player's policy as an actor."""
    return tuple(actor_of(game, policy, player) for player, policy in enumerate(policies))
