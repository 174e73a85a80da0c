"""From settings to a matrix game."""

from typing import Any

import jax.numpy as jnp

from lookax.choices import Start
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs


def matrix_game_of(
    settings: Any, memory_length: int, start: Start, num_players: int = 2, *, scaled: bool = False
) -> MatrixGame:
    """The matrix game of settings that have `game`, `contribution_factor` and `payoffs`.

    **Arguments:**

    - `settings`: which game. Where there are `payoffs`, they are used instead of the named game's.
    - `memory_length`: how many steps players remember.
    - `start`: what players see at the first step.
    - `num_players`: of the contribution game.
    - `scaled`: as of [`contribution_payoffs`][lookax.games.payoffs.contribution_payoffs].

    **Raises:** `ValueError` for payoffs that make no game.
    """
    if settings.payoffs is not None:
        payoffs: Any = jnp.asarray(settings.payoffs, float)
    elif settings.game == "contribution":
        payoffs = contribution_payoffs(settings.contribution_factor, num_players, scaled=scaled)
    else:
        payoffs = TWO_PLAYER_GAMES[settings.game]
    return MatrixGame(payoffs, memory_length, start)


def paying(settings: Any) -> tuple[str, ...]:
    """The names of the settings that say what is paid."""
    if settings.payoffs is not None:
        return ("payoffs",)
    return ("game", "contribution_factor") if settings.game == "contribution" else ("game",)
