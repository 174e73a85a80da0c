"""Fixed strategies, to sit in a seat against a learner.

A strategy is in one of two moods, to cooperate or to defect, and reacts to what it sees by changing it:

| name | cooperates in the commons, or a matrix game of two actions | cooperates in a coin game |
|---|---|---|
| `always-defect` | never | never |
| `always-cooperate` | always | always |
| `tit-for-tat` | first, and iff all others did at the last step | first, and iff its last nonzero reward was positive |
| `grim` | until another one has defected | until a reward of its own has been negative |
| `win-stay-lose-shift` | first, and iff all players did the same at the last step | – |

`random` draws every action uniformly, in any game. Tit-for-tat in the coin game is that of POLA's code: it judges by
what it was paid, not by which coin was taken. With the usual rewards it is paid less than nothing iff the other takes a
coin of its colour, except that in the two-coin game taking two coins at that very step outweighs it.

Where the two moods go in a coin game stands in [`lookax.policies.coin_moves`][].
"""

import abc
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from lookax.errors import BadInputError, check
from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.commons import CommonsGame
from lookax.games.game import Game, Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.rotated_seats import RotatedSeats
from lookax.policies.actor import Memoryless
from lookax.policies.coin_moves import OneCoinMoves, TwoCoinMoves

Reaction = Callable[[Bool[Array, ""], Array], Bool[Array, ""]]
"""From the mood (whether to cooperate) and what happened to the next mood."""

NEVER = -1e9
"""Logit of an action that is not played: its probability is zero in either precision."""


class HiddenState(NamedTuple):
    """Whether the strategy `cooperates` from now on, and the `action` that this means at present."""

    cooperates: Bool[Array, ""]
    action: Int[Array, ""]


class Strategy(eqx.Module):
    """A fixed strategy: no parameters, a mood for a hidden state. One game per call, many at once by `jax.vmap`.

    **Attributes:** the `player` whose seat it takes; `num_actions`, how many that one has.
    """

    player: int = eqx.field(static=True)
    num_actions: int = eqx.field(static=True)

    def initial_hidden_state(self) -> HiddenState:
        """Before anything was seen."""
        return HiddenState(jnp.array(True), jnp.array(0, jnp.int32))

    @abc.abstractmethod
    def update_hidden_state(self, hidden_state: HiddenState, seen: Seen) -> HiddenState:
        """The next hidden state; to be called once per step, before acting."""

    def act(self, hidden_state: HiddenState) -> Float[Array, " A"]:
        """Action logits: 0 for the action that is played, −10⁹ for the others."""
        return jnp.where(jnp.arange(self.num_actions) == hidden_state.action, 0.0, NEVER)


class RandomStrategy(Strategy):
    """Every action with the same probability."""

    def update_hidden_state(self, hidden_state: HiddenState, seen: Seen) -> HiddenState:
        """Nothing is remembered."""
        del seen
        return hidden_state

    def act(self, hidden_state: HiddenState) -> Float[Array, " A"]:
        """Zeros."""
        del hidden_state
        return jnp.zeros(self.num_actions)


class MatrixStrategy(Strategy):
    """A strategy in the commons, or a matrix game with two actions, of which 0 defects and 1 cooperates.

    **Attributes:** `reaction` to all players' last actions, its own first; −1 (not 0, and the same for all) before the
    first step.
    """

    reaction: Reaction = eqx.field(static=True)

    def update_hidden_state(self, hidden_state: HiddenState, seen: Seen) -> HiddenState:
        """Reacts to the last actions."""
        cooperates = self.reaction(hidden_state.cooperates, jnp.roll(seen.actions, -self.player))
        return HiddenState(cooperates, cooperates.astype(jnp.int32))


class CoinStrategy(Strategy):
    """A strategy in a coin game.

    **Attributes:** `reaction` to its own last reward, 0 before the first step; `move`, from the state, the player and
    whether it cooperates to an action.
    """

    reaction: Reaction = eqx.field(static=True)
    move: Callable[[Any, int, Bool[Array, ""]], Int[Array, ""]] = eqx.field(static=True)

    def update_hidden_state(self, hidden_state: HiddenState, seen: Seen) -> HiddenState:
        """Reacts to the last reward and looks where to go."""
        cooperates = self.reaction(hidden_state.cooperates, seen.rewards[self.player])
        return HiddenState(cooperates, self.move(seen.state, self.player, cooperates))


class RotatedSeatsStrategy(Strategy):
    """A strategy in a game with rotated seats: it sees the game as it is.

    **Attributes:** `seats`, the strategy in each of the game's seats; `game`, which says which of them the player has.
    """

    seats: tuple[Any, ...]
    game: RotatedSeats

    def initial_hidden_state(self) -> Any:
        """All seats' first hidden state."""
        return tuple(own.initial_hidden_state() for own in self.seats)

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """All seats' hidden state."""
        seen = Seen(seen.state, self.game.by_seat(seen.actions), self.game.by_seat(seen.rewards))
        return tuple(own.update_hidden_state(past, seen) for own, past in zip(self.seats, hidden_state, strict=True))

    def act(self, hidden_state: Any) -> Float[Array, " A"]:
        """Action logits of the seat that it has."""
        logits = [own.act(past) for own, past in zip(self.seats, hidden_state, strict=True)]
        return self.game.of_seat(self.player, logits)


class ChosenStrategy(eqx.Module):
    """One of several strategies, by its number, so that one compiled program serves all of them.

    **Attributes:** the `strategies`, each with `initial_hidden_state()`, `update_hidden_state(hidden_state, seen)` and
    `act(hidden_state)` of a single game; the `number` of the one that plays.
    """

    strategies: tuple[Any, ...]
    number: Int[ArrayLike, ""]

    def initial_hidden_state(self) -> Any:
        """All strategies' first hidden state."""
        return tuple(own.initial_hidden_state() for own in self.strategies)

    def update_hidden_state(self, hidden_state: Any, seen: Seen) -> Any:
        """All strategies' hidden state."""
        pairs = zip(self.strategies, hidden_state, strict=True)
        return tuple(own.update_hidden_state(past, seen) for own, past in pairs)

    def act(self, hidden_state: Any) -> Float[Array, " A"]:
        """Action logits of the one that plays."""
        return jnp.stack([own.act(past) for own, past in zip(self.strategies, hidden_state, strict=True)])[self.number]


MATRIX_REACTIONS: dict[str, Reaction] = {
    "always-defect": lambda cooperates, _: jnp.zeros_like(cooperates),
    "always-cooperate": lambda cooperates, _: jnp.ones_like(cooperates),
    "tit-for-tat": lambda _, actions: (actions[1:] != 0).all(),
    "grim": lambda cooperates, actions: cooperates & (actions[1:] != 0).all(),
    "win-stay-lose-shift": lambda _, actions: (actions == actions[0]).all(),
}

COIN_REACTIONS: dict[str, Reaction] = {
    "always-defect": MATRIX_REACTIONS["always-defect"],
    "always-cooperate": MATRIX_REACTIONS["always-cooperate"],
    "tit-for-tat": lambda cooperates, reward: jnp.where(reward == 0, cooperates, reward > 0),
    "grim": lambda cooperates, reward: cooperates & (reward >= 0),
}


def strategy_names(game: Game) -> tuple[str, ...]:
    """The strategies that a game has: its own, those that lookax has for it, and `random`."""
    return tuple(dict.fromkeys((*_own(game), *_reactions(game), "random")))


def strategy(name: str, game: Game, player: int) -> Any:
    """The strategy of that name, for a seat in a game.

    A game may bring strategies of its own: an attribute `strategies`, from names to functions of the player that give
    a function from an observation to logits, or an object with `initial_hidden_state()`, `act(hidden_state)` and
    `update_hidden_state(hidden_state, seen)` of a single game.

    **Arguments:** its `name`; the `game`; the `player` whose seat it takes, from 0.

    ```python
    game = lx.TwoCoinGame()
    players = [lx.strategy("tit-for-tat", game, 0), lx.strategy("always-defect", game, 1)]
    games = lx.match(game, players, jax.random.key(0), horizon=20, batch_size=64)
    ```

    **Raises:** `ValueError` for a name that is unknown or that the game does not have, or a player it does not have.
    """
    check(name in strategy_names(game), "strategy", name, f"one of {', '.join(strategy_names(game))} in this game")
    check(0 <= player < game.num_players, "player", player, f"one of 0 … {game.num_players - 1}")
    num_actions = game.num_actions[player]
    if isinstance(game, RotatedSeats):
        seats = range(game.num_players)
        each = tuple(_with_hidden_state(game.game, strategy(name, game.game, seat), seat) for seat in seats)
        return RotatedSeatsStrategy(player, num_actions, each, game)
    if name in _own(game):
        return _own(game)[name](player)
    if name == "random":
        return RandomStrategy(player, num_actions)
    reaction = _reactions(game)[name]
    if isinstance(game, OneCoinGame):
        return CoinStrategy(player, num_actions, reaction, OneCoinMoves(game.grid_size))
    if isinstance(game, TwoCoinGame):
        return CoinStrategy(player, num_actions, reaction, TwoCoinMoves(game.grid_size))
    return MatrixStrategy(player, num_actions, reaction)


def strategies(names: Sequence[str], game: Game, player: int) -> list[Any]:
    """The strategies of these names for a seat in a game; they share a compiled program where they can.

    **Arguments:** their `names`; the `game`; the `player` whose seat they take, from 0.

    **Raises:** `ValueError` as [`strategy`][lookax.policies.strategies.strategy] does.
    """
    each = tuple(strategy(name, game, player) for name in names)
    if not all(hasattr(own, "update_hidden_state") for own in each):
        return list(each)
    return [ChosenStrategy(each, np.array(number)) for number in range(len(each))]


@functools.cache
def strategy_maker(name: str) -> Callable[[Game, int], Any]:
    """What makes the strategy of that name: always the same function, as programs are compiled for it."""

    def make(game: Game, player: int) -> Any:
        return strategy(name, game, player)

    return make


def _own(game: Game) -> Mapping[str, Callable[[int], Any]]:
    return getattr(game.game if isinstance(game, RotatedSeats) else game, "strategies", {})


def _with_hidden_state(game: Game, policy: Any, player: int) -> Any:
    """The policy as something that plays a single game."""
    if hasattr(policy, "actor"):
        raise BadInputError(
            "strategies: a game's own must be functions of an observation, or have `initial_hidden_state`, "
            "`update_hidden_state` and `act`"
        )
    return policy if hasattr(policy, "update_hidden_state") else Memoryless.of(game, policy, player)


def _reactions(game: Game) -> dict[str, Reaction]:
    if isinstance(game, RotatedSeats):
        return _reactions(game.game)
    if isinstance(game, CoinGame):
        return COIN_REACTIONS
    return MATRIX_REACTIONS if isinstance(game, MatrixGame | CommonsGame) and set(game.num_actions) == {2} else {}
