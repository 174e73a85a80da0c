"""Networks that take one observation after the other, as players of a game."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lookax.games.game import Game, Seen
from lookax.policies.actor import Actor, Recurrence


class Unit(eqx.Module):
    """A unit with a hidden state of numbers, which encoded observations reach one after the other."""

    @abc.abstractmethod
    def initial_hidden_state(self, batch_size: int) -> Float[Array, "H B"]:
        """The hidden state before anything was seen."""

    @abc.abstractmethod
    def update(self, hidden_state: Float[Array, "H B"], encoded: Float[Array, "E B"]) -> Float[Array, "H B"]:
        """The hidden state after an encoded observation."""


class Network(eqx.Module):
    """A network that takes one observation after the other: an `encoder` of each, a recurrent `unit`, a `head`."""

    encoder: Callable[[Float[Array, "D B"]], Float[Array, "E B"]]
    unit: Unit
    head: Callable[[Float[Array, "H B"]], Float[Array, "A B"]]

    def actor(self, game: Game, player: int) -> Actor:
        """The network as a player of a game; what it does can be differentiated in the network.

        Where a game has finitely many states, all are encoded once, and play picks from them.
        """
        # Not asked of its type: a wrapper of games has the property, whatever game it holds.
        num_states = getattr(game, "num_states", None)
        if num_states is not None:
            observations = jax.vmap(lambda state: game.observe(state, player), out_axes=1)(jnp.arange(num_states))
            return _Seated(_OverStates(self.unit, self.encoder(observations)), self.head)
        return _Seated(_OverObservations(self.unit, self.encoder, game, player), self.head)


class _Seated(eqx.Module):
    recurrence: Recurrence
    head: Callable[[Float[Array, "H B"]], Float[Array, "A B"]]

    def act(self, hidden_state: Float[Array, "H B"]) -> Float[Array, "A B"]:
        return self.head(hidden_state)


class _OverStates(eqx.Module):
    unit: Unit
    encoded: Float[Array, "E S"]

    def initial_hidden_state(self, batch_size: int) -> Float[Array, "H B"]:
        return self.unit.initial_hidden_state(batch_size)

    def update_hidden_state(self, hidden_state: Float[Array, "H B"], seen: Seen) -> Float[Array, "H B"]:
        # By a product: a gather of columns costs as much as a whole step of a network on a processor.
        state = jax.nn.one_hot(seen.state, self.encoded.shape[1], dtype=self.encoded.dtype, axis=0)
        return self.unit.update(hidden_state, self.encoded @ state)


class _OverObservations(eqx.Module):
    unit: Unit
    encoder: Callable[[Float[Array, "D B"]], Float[Array, "E B"]]
    game: Game
    player: int = eqx.field(static=True)

    def initial_hidden_state(self, batch_size: int) -> Float[Array, "H B"]:
        return self.unit.initial_hidden_state(batch_size)

    def update_hidden_state(self, hidden_state: Float[Array, "H B"], seen: Seen) -> Float[Array, "H B"]:
        observations = jax.vmap(lambda state: self.game.observe(state, self.player), -1, -1)(seen.state)
        return self.unit.update(hidden_state, self.encoder(observations))
