"""What a player of a matrix game sees: one row of features for every state.

There are few states, so a policy is applied to the table of all of them at once, and play picks rows from the result.
"""

import numpy as np

from lookax.games.histories import histories, remembered_one_hot
from lookax.games.matrix_game import MatrixGame


def own_view(game: MatrixGame, player: int) -> np.ndarray:
    """The number that each state has for `player`, who counts itself first and the others in their order; `[S]`.

    With two players and memory one, the second player sees CD (the first cooperated, it defected) as DC: mine, theirs.
    """
    own_first = [player, *(other for other in range(game.num_players) if other != player)]
    seen = game.histories.actions[:, :, own_first].reshape(game.num_states, -1)
    # The game as this player counts it has its own list of states; look each seen history up there.
    own = histories(tuple(game.num_actions[p] for p in own_first), game.memory_length, game.start)
    number = {tuple(row): i for i, row in enumerate(own.actions.reshape(game.num_states, -1).tolist())}
    return np.array([number[tuple(row)] for row in seen.tolist()])


def state_one_hot(game: MatrixGame, player: int) -> np.ndarray:
    """One-hot of the state's number in the player's [`own_view`][lookax.games.observations.own_view]; `[S, S]`."""
    return np.eye(game.num_states)[own_view(game, player)]


def action_one_hot(game: MatrixGame, player: int) -> np.ndarray:
    """One-hots of every remembered action, one more category standing for "nothing yet"; `[S, memory_length·Σᵢ(Aᵢ+1)]`.

    Oldest step first, and within a step the *first player first whoever looks*, as in POLA's code: two players with the
    same network do not act the same in mirrored states.
    """
    del player
    return remembered_one_hot(game.num_actions, game.histories)
