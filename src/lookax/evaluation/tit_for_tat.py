"""Has reciprocity been learned? The test by which POLA's Figure 3 counts, and what returns are measured against."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, ScalarLike

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame

MAX_COOPERATION_AFTER_DEFECTION = 0.65
MIN_SHARE_OF_COOPERATIVE_RETURN = 0.8


def discounted_length(discount: ScalarLike, horizon: int | None) -> ScalarLike:
    """Σₜ γᵗ over the horizon: 1/(1 − γ), or the finite sum. The return of a player who is paid 1 at every step."""
    if horizon is None:
        return 1 / (1 - discount)
    return jnp.sum(jnp.power(discount, jnp.arange(horizon)))


def constant_returns(play: ExactPlay, action: int) -> Float[Array, " N"]:
    """All players' returns where all players always play `action`."""
    payoffs = play.game.payoffs[(slice(None), *(action,) * play.num_players)]
    return payoffs * discounted_length(play.discount, play.horizon)


def states_after_defection(game: MatrixGame) -> np.ndarray:
    """The states, in a player's own view, in which tit-for-tat has been defected on: all others did, whatever I did.

    With two players and memory one, DD and CD. With a longer memory, the last step counts.
    """
    last = game.histories.actions[:, -1]
    return np.flatnonzero((last[:, 1:] == 0).all(axis=1) & (last[:, 0] >= 0))


def is_tit_for_tat(play: ExactPlay, returns: Float[Array, " N"], cooperation: Float[Array, "N S"]) -> Bool[Array, ""]:
    """Whether all players reciprocate: they cooperate with cooperators, and much less with defectors.

    True where the mean return is above 0.8 of the cooperative maximum, and every player's P(C | state) is below 0.65
    wherever all others have just defected (DD and CD). For the contribution game this is the test of Zhao et al. 2022
    (POLA; its code); the share is counted from mutual defection, which pays 0 there.

    **Arguments:**

    - `returns`: all players' expected returns.
    - `cooperation`: P(C | state), each player's states in its own view (mine first).
    """
    defect, cooperate = (constant_returns(play, action).mean() for action in (0, 1))
    enough = returns.mean() > defect + MIN_SHARE_OF_COOPERATIVE_RETURN * (cooperate - defect)
    retaliates = (cooperation[:, states_after_defection(play.game)] < MAX_COOPERATION_AFTER_DEFECTION).all()
    return enough & retaliates
