"""What policies do: P(cooperate | state), as each player sees the states."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.games.histories import NOTHING_YET
from lookax.games.matrix_game import MatrixGame
from lookax.games.observations import own_view


def cooperation_probabilities(play: ExactPlay, policies: Policies) -> Float[Array, "N S"]:
    """P(action 1 | state) of every player, its states in its own view (mine, theirs): DD, DC, CD, CC, start."""
    rows = []
    for player, policy in enumerate(policies):
        probabilities = jnp.exp(play.log_probs(player, policy)[:, 1])
        rows.append(probabilities[np.argsort(own_view(play.game, player))])
    return jnp.stack(rows)


def state_names(game: MatrixGame) -> list[str]:
    """The states' names in a player's own view: DD, DC, CD, CC, start; steps of a longer memory join by a dash."""
    letters = {NOTHING_YET: "", 0: "D", 1: "C"}

    def name(history: np.ndarray) -> str:
        steps = ["".join(letters.get(int(a), str(a)) for a in step) for step in history]
        return "-".join(step for step in steps if step) or "start"

    return [name(history) for history in game.histories.actions]
