"""Coin games: players of different colours pick up coins of these colours on a torus (Lerer & Peysakhovich 2017).

Whoever steps onto a coin is paid, whatever its colour; if it was of another's colour, that one pays more than that.
Picking up everything in reach is to defect, picking up coins of one's own colour alone is to cooperate. There are two
players, red and blue, in everything that is published; the one-coin game may be played by more.

Two variants that are played in the literature are not the same game:

| | [`OneCoinGame`][lookax.games.coin_game.OneCoinGame] | [`TwoCoinGame`][lookax.games.coin_game.TwoCoinGame] |
|---|---|---|
| played by | POLA's code (Zhao et al. 2022) | pax and JaxMARL (the game of Lu et al. 2022, M-FOS) |
| coins | one, whose colour is the next player's after every pick-up | one of each colour, always |
| a coin that was picked up reappears | on a cell free of players | on any cell, even under a player or the other coin |
| actions | right, left, down, up | right, left, down, up, stay |
| the first state | players anywhere, the coin on a free cell | players and coins anywhere |
| an observation's layout | planes × rows × columns | rows × columns × planes |
| the second player sees | by default what the first one sees | colours exchanged: each player sees itself as red |

Cells are numbered row by row, c = row·n + column. Player 0 is red, player 1 blue, and so are coins of colours 0 and 1;
players after them have further colours.
"""

import abc
from typing import Any, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, ScalarLike

from lookax.choices import CoinView
from lookax.errors import check

MIN_GRID_SIZE = 3
"""On a smaller torus opposite moves lead to the same cell."""


class OneCoinState(NamedTuple):
    """The cells of the `players`, `[N]`, and of the `coin`, and the coin's `colour`."""

    players: Int[Array, " N"]
    coin: Int[Array, ""]
    colour: Int[Array, ""]


class TwoCoinState(NamedTuple):
    """The cells of the `players`, `[2]`, and of the red and the blue one of the `coins`, `[2]`."""

    players: Int[Array, " 2"]
    coins: Int[Array, " 2"]


class CoinGame(eqx.Module):
    """What both coin games have in common; n is the grid's size and P[i, k] says that player i picks up coin k.

        rᵢ = own·P[i, i] + Σⱼ (other·P[i, j] + cost·P[j, i]),    j ≠ i.

    Several may step onto a coin at once, and all are then paid as if alone: with the defaults and two players +1 to the
    one, 1 − 2 to the coin's owner. With `shared_coins` they share it: of two each row of P counts ½, so payments and
    costs do.

    **Attributes:** `own_coin_reward` and `other_coin_reward` to the one who picks up a coin of its own and of the
    other's colour; `other_coin_cost`, added to the reward of the owner of a coin that the other picks up; `grid_size`
    n; `shared_coins`.

    **Raises:** `ValueError` for a grid size below 3.
    """

    own_coin_reward: ScalarLike = 1.0
    other_coin_reward: ScalarLike = 1.0
    other_coin_cost: ScalarLike = -2.0
    grid_size: int = eqx.field(static=True, default=3)
    shared_coins: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check(self.grid_size >= MIN_GRID_SIZE, "grid_size", self.grid_size, f"at least {MIN_GRID_SIZE}")

    @property
    @abc.abstractmethod
    def num_actions(self) -> tuple[int, ...]:
        """How many moves there are."""

    @property
    def num_cells(self) -> int:
        """n²."""
        return self.grid_size**2

    @abc.abstractmethod
    def picked(self, state: Any, actions: Int[Array, " N"]) -> Bool[Array, "N N"]:
        """Who picks up which coin when `actions` are played in `state`: `[picker, colour]`."""

    def rewards(self, picked: Bool[Array, "N N"]) -> Float[Array, " N"]:
        """Each player's reward for what was picked up, as above."""
        taken = picked.astype(float)
        if self.shared_coins:
            taken = taken / jnp.maximum(taken.sum(0), 1)
        own = jnp.diagonal(taken)
        of_others, by_others = taken.sum(1) - own, taken.sum(0) - own
        return self.own_coin_reward * own + self.other_coin_reward * of_others + self.other_coin_cost * by_others


class OneCoinGame(CoinGame):
    """The coin game of POLA's code: one coin, four moves (right, left, down, up).

    At every pick-up the coin takes the next player's colour and reappears, uniformly, on a cell where no player stands.
    The first coin is of any colour and on any free cell, independently; players start anywhere, perhaps on the same
    cell. Source: Zhao et al. 2022 (POLA), whose code has two players, and drew the first coin's colour and cell from
    one random key.

    **Attributes:** as in [`CoinGame`][lookax.games.coin_game.CoinGame]; and

    - `view`: what the 2N planes of an observation are. `"board"`: the players, red first, and coins of their colours;
      the same for all players (POLA's code). `"own"`: I, the players after me, a coin of mine, one of each of these
      (LOQA's and Advantage Alignment's code). `"egocentric"`: as `"own"`, and the torus is shifted so that I stand in
      the middle.
    - `num_players`: N.

    **Raises:** `ValueError` for an unknown view, too, and for fewer than two players, or as many as there are cells.
    """

    view: CoinView = eqx.field(static=True, default="board")
    num_players: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        check(self.view in get_args(CoinView), "view", self.view, f"one of {', '.join(get_args(CoinView))}")
        possible = 2 <= self.num_players < self.num_cells
        check(possible, "num_players", self.num_players, f"between 2 and {self.num_cells - 1}, so that a cell is free")

    @property
    def num_actions(self) -> tuple[int, ...]:
        """Right, left, down, up."""
        return (4,) * self.num_players

    def reset(self, key: Key[Array, ""]) -> OneCoinState:
        """Draws all players, the coin and its colour."""
        # 32 bits in either precision: cells need no more.
        uniforms = jax.random.uniform(key, (self.num_players + 2,), jnp.float32)
        players = _uniform_below(self.num_cells, uniforms[:-2])
        return OneCoinState(
            players, self.free_cell(uniforms[-2], players), _uniform_below(self.num_players, uniforms[-1])
        )

    def step(
        self, key: Key[Array, ""], state: OneCoinState, actions: Int[Array, " N"]
    ) -> tuple[OneCoinState, Float[Array, " N"]]:
        """Plays all moves at once: the next state and all rewards.

        **Arguments:** the `state` before; all players' `actions`, `[N]`, each from 0 to 3.
        """
        players = moved(self.grid_size, state.players, actions)
        taken = (players == state.coin).any()
        respawned = self.free_cell(jax.random.uniform(key, (), jnp.float32), players)
        coin = jnp.where(taken, respawned, state.coin)
        colour = jnp.where(taken, (state.colour + 1) % self.num_players, state.colour)
        return OneCoinState(players, coin, colour), self.rewards(self.picked(state, actions))

    def picked(self, state: OneCoinState, actions: Int[Array, " N"]) -> Bool[Array, "N N"]:
        """Who picks up which coin when `actions` are played in `state`: `[picker, colour]`."""
        there = moved(self.grid_size, state.players, actions) == state.coin
        return there[:, None] & (state.colour == jnp.arange(self.num_players))

    def observe(self, state: OneCoinState, player: int) -> Float[Array, " D"]:
        """Planes of the players and of a coin of each colour, flattened: `[2N·n²]`; which, says the game's `view`."""
        first = 0 if self.view == "board" else player
        seen = jnp.append(jnp.roll(state.players, -first), state.coin)
        if self.view == "egocentric":
            seen = _shifted(self.grid_size, seen)
        there = seen[:, None] == jnp.arange(self.num_cells)
        colours = (jnp.arange(self.num_players) + first) % self.num_players
        coin = there[-1] & (state.colour == colours)[:, None]
        return jnp.concatenate([there[:-1], coin]).astype(float).reshape(-1)

    def free_cell(self, uniform: Float[Array, ""], players: Int[Array, " N"]) -> Int[Array, ""]:
        """The cell without a player that a number in [0, 1) stands for; uniform among them if the number is."""
        occupied = jnp.sort(players)
        alone = jnp.append(True, occupied[1:] != occupied[:-1])
        cell = _uniform_below(self.num_cells - alone.sum(), uniform)
        # Count on past the occupied cells, the lowest first.
        for own, counts in zip(occupied, alone, strict=True):
            cell = cell + (counts & (cell >= own))
        return cell.astype(jnp.int32)


class TwoCoinGame(CoinGame):
    """The coin game of pax and JaxMARL: a red and a blue coin, five actions (right, left, down, up, stay).

    Each coin keeps its colour and, when picked up, reappears uniformly on any of the n² cells: under a player too, who
    then picks it up by staying (or by coming back), and both coins may lie on one cell, to be picked up together.
    Players and coins start anywhere, independently.

    Differences from their code: grids need not be 3×3; their action 2, which adds one to the row, is called "up" there;
    they start anew after a fixed number of steps and pay nothing at the last of them, while here play goes on until the
    caller stops it. Source: the `coin_game.py` of github.com/ucl-dark/pax and github.com/FLAIROx/JaxMARL (2024), after
    Lu et al. 2022 (Model-Free Opponent Shaping).

    **Attributes:** as in [`CoinGame`][lookax.games.coin_game.CoinGame]; and `egocentric`, whether a player sees the
    torus shifted so that it stands in the middle itself (pax's experiments) or everything where it is (JaxMARL's
    default).
    """

    egocentric: bool = eqx.field(static=True, default=False)

    @property
    def num_players(self) -> int:
        """Two."""
        return 2

    @property
    def num_actions(self) -> tuple[int, int]:
        """Right, left, down, up, stay."""
        return 5, 5

    def reset(self, key: Key[Array, ""]) -> TwoCoinState:
        """Draws both players and both coins."""
        cells = _uniform_below(self.num_cells, jax.random.uniform(key, (4,), jnp.float32))
        return TwoCoinState(cells[:2], cells[2:])

    def step(
        self, key: Key[Array, ""], state: TwoCoinState, actions: Int[Array, " 2"]
    ) -> tuple[TwoCoinState, Float[Array, " 2"]]:
        """Plays both moves at once: the next state and both rewards.

        **Arguments:** the `state` before; both players' `actions`, `[2]`, each from 0 to 4.
        """
        picked = self.picked(state, actions)
        respawned = _uniform_below(self.num_cells, jax.random.uniform(key, (2,), jnp.float32))
        coins = jnp.where(picked.any(0), respawned, state.coins)
        return TwoCoinState(moved(self.grid_size, state.players, actions), coins), self.rewards(picked)

    def picked(self, state: TwoCoinState, actions: Int[Array, " 2"]) -> Bool[Array, "2 2"]:
        """Who picks up which coin when `actions` are played in `state`: `[picker, colour]`."""
        return moved(self.grid_size, state.players, actions)[:, None] == state.coins

    def observe(self, state: TwoCoinState, player: int) -> Float[Array, " D"]:
        """For every cell in turn: I, the other player, a coin of mine, one of the other's; `[n²·4]`."""
        mine_first = jnp.array([player, 1 - player])
        cells = jnp.concatenate([state.players[mine_first], state.coins[mine_first]])
        if self.egocentric:
            cells = _shifted(self.grid_size, cells)
        return (jnp.arange(self.num_cells)[:, None] == cells).astype(float).reshape(-1)


def moved(grid_size: int, cells: Int[Array, "*L"], actions: Int[Array, "*M"]) -> Int[Array, "*S"]:
    """The cells to which actions lead: one column on (0) or back (1), one row on (2) or back (3), nowhere (4).

    **Arguments:** the `grid_size` n; `cells`, n · row + column; `actions`, from 0 to 4. Shapes of `cells` and `actions`
    are broadcast.
    """
    row, column = jnp.divmod(cells, grid_size)
    row = (row + _sign(actions, 2, 3)) % grid_size
    column = (column + _sign(actions, 0, 1)) % grid_size
    return (row * grid_size + column).astype(jnp.int32)


def _shifted(grid_size: int, cells: Int[Array, " L"]) -> Int[Array, " L"]:
    """The cells once the torus is shifted so that the first of them is in the middle."""
    middle, n = grid_size // 2, grid_size
    rows, columns = jnp.divmod(cells, n)
    return (rows - rows[0] + middle) % n * n + (columns - columns[0] + middle) % n


def _sign(actions: Int[Array, "*L"], forward: int, backward: int) -> Int[Array, "*L"]:
    """1 where an action is `forward`, −1 where it is `backward`: arithmetic, as looking up a table is slower."""
    return (actions == forward).astype(jnp.int32) - (actions == backward).astype(jnp.int32)


def _uniform_below(count: int | Int[Array, ""], uniform: Float[Array, "*L"]) -> Int[Array, "*L"]:
    """⌊u·count⌋, one of 0 … count − 1."""
    # Rounding may lift the product up to count itself.
    return jnp.minimum((uniform * count).astype(jnp.int32), count - 1)
