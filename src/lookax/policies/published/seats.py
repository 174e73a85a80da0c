"""Policies that sit in a game as they did when they learned: with the view that they had, in the seat that they had."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree

from lookax.choices import CoinView
from lookax.errors import BadInputError, check
from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.games.game import Game, Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.rotated_seats import RotatedSeats
from lookax.policies.actor import Actor, Recurrence, actor_of
from lookax.policies.network import Network
from lookax.policies.tabular import SoftmaxTabularPolicy


class PolicyWithView(eqx.Module):
    """A policy that sees a game as it did when it learned, whatever the game shows to others.

    **Attributes:**

    - `policy`: a network, or anything else that plays a game.
    - `view`: what it sees of a coin or matrix game; `None` for what the game shows.
    """

    policy: Any
    view: CoinView | None = eqx.field(static=True, default=None)

    def actor(self, game: Game, player: int) -> Actor:
        """The policy as a player of the game that it sees.

        **Raises:** `ValueError` for a game without that view, and for a network that takes other observations.
        """
        game = with_view(game, self.view)
        if isinstance(self.policy, Network):
            _check_fits(self.policy, game, player)
        elif isinstance(self.policy, SoftmaxTabularPolicy):
            _check_table_fits(self.policy, game, player)
        return actor_of(game, self.policy, player)


class PolicyPerSeat(eqx.Module):
    """Policies that learned together, each to be in its own seat: player i is the i-th of `seats`."""

    seats: tuple[Any, ...]

    def actor(self, game: Game, player: int) -> Actor:
        """The policy of that seat; in a game with rotated seats, the one whose seat that is.

        **Raises:** `ValueError` for a seat that there is no policy for.
        """
        check(
            player < len(self.seats), "player", player, f"one of 0 … {len(self.seats) - 1}, as there is no other seat"
        )
        if isinstance(game, RotatedSeats):
            return _RotatedActor(tuple(actor_of(game, own, player) for own in self.seats), player, game)
        return actor_of(game, self.seats[player], player)


def with_view(game: Game, view: CoinView | None) -> Any:
    """The game as it looks with a view; the game itself where that is `None`.

    **Raises:** `ValueError` for a game that has no such view.
    """
    if view is None:
        return game
    if isinstance(game, RotatedSeats):
        return dataclasses.replace(game, game=with_view(game.game, view))
    if isinstance(game, OneCoinGame):
        return dataclasses.replace(game, view=view)
    if isinstance(game, TwoCoinGame) and view != "board":
        return dataclasses.replace(game, egocentric=view == "egocentric")
    if isinstance(game, MatrixGame) and view != "egocentric":
        return dataclasses.replace(game, own_view=view == "own")
    raise BadInputError(f"view: {view!r} is no view of a {type(game).__name__}")


def view_of(game: Game) -> CoinView | None:
    """What a coin or matrix game shows to its players; `None` for other games."""
    if isinstance(game, MatrixGame):
        return "own" if game.own_view else "board"
    if isinstance(game, TwoCoinGame):
        return "egocentric" if game.egocentric else "own"
    return game.view if isinstance(game, OneCoinGame) else None


class _RotatedActor(eqx.Module):
    """Of the actors of all of a game's seats, the one whose seat a player has."""

    actors: tuple[Actor, ...]
    player: int = eqx.field(static=True)
    game: RotatedSeats

    @property
    def recurrence(self) -> Recurrence:
        return self

    def initial_hidden_state(self, batch_size: int) -> PyTree:
        return tuple(own.recurrence.initial_hidden_state(batch_size) for own in self.actors)

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        return tuple(
            own.recurrence.update_hidden_state(past, seen) for own, past in zip(self.actors, hidden_state, strict=True)
        )

    def act(self, hidden_state: Any) -> Float[Array, "A B"]:
        outputs = [own.act(past) for own, past in zip(self.actors, hidden_state, strict=True)]
        return self.game.of_seat(self.player, outputs)


def _check_fits(network: Network, game: Game, player: int) -> None:
    """Raises `ValueError` unless a network takes what a player observes."""

    def step(key: Array) -> tuple[Array, Array]:
        before = network.unit.initial_hidden_state(1)
        observation = game.observe(game.reset(key), player)
        return before, network.unit.update(before, network.encoder(observation[:, None]))

    size = jax.eval_shape(lambda key: game.observe(game.reset(key), player), jax.random.key(0)).shape[0]
    try:
        before, after = jax.eval_shape(step, jax.random.key(0))
        fits = before.shape == after.shape
    except TypeError:
        fits = False
    if not fits:
        raise BadInputError(f"policy: that of player {player} does not take the {size} numbers that the player sees")


def _check_table_fits(table: SoftmaxTabularPolicy, game: Game, player: int) -> None:
    """Raises `ValueError` unless a table has a row for every state of a matrix game; other games it refuses itself."""
    matrix_game = game.game if isinstance(game, RotatedSeats) else game
    if isinstance(matrix_game, MatrixGame) and len(table.logits) != matrix_game.num_states:
        raise BadInputError(
            f"policy: that of player {player} is a table of {len(table.logits)} states, and the game has "
            f"{matrix_game.num_states}"
        )
