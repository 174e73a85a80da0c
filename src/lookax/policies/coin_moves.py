"""Where to go in a coin game in order to cooperate or to defect.

Distances are counted in steps on the n × n torus. Of several moves that are equally good a vertical one is made before
a horizontal one, as in POLA's code; where both ways round are equally short (n even), it is action 2 or 0.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from lookax.games.coin_game import OneCoinState, TwoCoinState, moved

PREFERRED = np.array([2, 3, 0, 1, 4], np.int32)
"""Actions, best first where several are equally good."""


class OneCoinMoves(eqx.Module):
    """Moves in the one-coin game on an n × n torus, n = `grid_size`, as in POLA's code.

    Who defects steps towards the coin on a shortest path. Who cooperates does so if the coin is its own, and otherwise
    makes the opposite move, which never takes a coin. (On the coin's cell, where no player is after a pick-up, every
    move leads away: it is action 2, or its opposite.)
    """

    grid_size: int = eqx.field(static=True)

    def __call__(self, state: OneCoinState, player: int, cooperates: Bool[Array, ""]) -> Int[Array, ""]:
        """The action of a player who cooperates or not."""
        moves = PREFERRED[:4]
        cells = moved(self.grid_size, state.players[player], jnp.asarray(moves))
        towards = jnp.asarray(moves)[jnp.argmin(_distance(self.grid_size, cells, state.coin))]
        # Opposite moves are 0 and 1, 2 and 3: they differ in the last bit.
        return jnp.where(cooperates & (state.colour != player), towards ^ 1, towards)


class TwoCoinMoves(eqx.Module):
    """Moves in the two-coin game on an n × n torus, n = `grid_size`.

    Who defects goes towards the coin that it can pick up soonest, blind to colours: against itself it earns nothing on
    average. Who cooperates goes towards its own coin on a shortest path that does not touch the other's; where both lie
    on one cell, it takes both. A coin under the player's feet is picked up by staying, in one step like a coin next to
    it.
    """

    grid_size: int = eqx.field(static=True)

    def __call__(self, state: TwoCoinState, player: int, cooperates: Bool[Array, ""]) -> Int[Array, ""]:
        """The action of a player who cooperates or not."""
        own, others = state.coins[player], state.coins[1 - player]
        cells = moved(self.grid_size, state.players[player], jnp.asarray(PREFERRED))
        to_either = jnp.minimum(*(_distance(self.grid_size, cells, coin) for coin in (own, others)))
        remaining = jnp.where(cooperates, self.distance_around(cells, own, others), to_either)
        return jnp.asarray(PREFERRED)[jnp.argmin(remaining)]

    def distance_around(self, cells: Int[Array, "*L"], goal: Int[Array, ""], obstacle: Int[Array, ""]) -> Array:
        """Steps from `cells` to a goal without touching an obstacle elsewhere; more than n² from the obstacle itself.

        An obstacle costs something only if it lies on the straight line to the goal: two steps to evade it, or what is
        longer about the way round the torus, n − d in place of d.

        **Arguments:** `cells`, n · row + column; the cells of the `goal` and of the `obstacle`.
        """
        n = self.grid_size
        rows, columns = _offsets(n, cells, goal)
        direct = rows + columns
        straight = (rows == 0) | (columns == 0)
        between = straight & (_distance(n, cells, obstacle) + _distance(n, obstacle, goal) == direct)
        around = direct + jnp.where(between, jnp.minimum(2, n - 2 * direct), 0)
        around = jnp.where(cells == obstacle, n * n + 1, around)
        return jnp.where(goal == obstacle, direct, around)


def _offsets(
    grid_size: int, start: Int[Array, "*L"], goal: Int[Array, "*M"]
) -> tuple[Int[Array, "*S"], Int[Array, "*S"]]:
    """How many rows and how many columns lie between two cells, the shorter way round."""
    rows, columns = (start // grid_size - goal // grid_size) % grid_size, (start - goal) % grid_size
    return jnp.minimum(rows, grid_size - rows), jnp.minimum(columns, grid_size - columns)


def _distance(grid_size: int, start: Int[Array, "*L"], goal: Int[Array, "*M"]) -> Int[Array, "*S"]:
    """How many steps one cell is from another."""
    rows, columns = _offsets(grid_size, start, goal)
    return rows + columns
