"""Is a game the same for all of its players, as they see it? One network can have all seats only then."""

from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from lookax.errors import BadInputError
from lookax.games.matrix_game import MatrixGame
from lookax.policies.published.seats import view_of


def check_symmetric(game: Any) -> None:
    """Raises `ValueError` for a game that is not the same from all seats, as far as lookax can know it.

    All players must have as many actions, and observations of one shape. The one-coin game must be seen from each
    player's own side; a matrix game besides has to be symmetric.
    """
    actions = set(game.num_actions)
    state = jax.eval_shape(game.reset, jax.random.key(0))
    seen = {jax.eval_shape(lambda own, i=i: game.observe(own, i), state).shape for i in range(game.num_players)}
    if len(actions) > 1 or len(seen) > 1:
        raise BadInputError("game: its players differ in what they observe or can do, and one network has all seats")
    if view_of(game) == "board":
        how = "own_view=True" if isinstance(game, MatrixGame) else 'view="own" or view="egocentric"'
        raise BadInputError(f"game: players see the first one's side of it; one network in all seats needs {how}")
    if not isinstance(game, MatrixGame) or isinstance(game.payoffs, Tracer):
        return
    first, *others = np.asarray(game.payoffs)
    axes = np.arange(game.num_players)
    for player, own in enumerate(others, 1):
        # The player's own action first, then those of the players after it.
        turned = np.transpose(own, np.roll(axes, -player))
        if turned.shape != first.shape or not np.allclose(turned, first):
            raise BadInputError("game: its payoffs are not the same for all players, and one network has all seats")
