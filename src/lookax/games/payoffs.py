"""Payoff tensors `[N, A₁, …, A_N]` of well-known matrix games; action 0 defects and action 1 cooperates.

Two-player games are written as the row player's payoffs `[mine, theirs]`; in the symmetric ones the column player's are
its transpose.
"""

import itertools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, ScalarLike

from lookax.errors import check_at_least

PRISONERS_DILEMMA = np.array([[-2.0, 0.0], [-3.0, -1.0]])
"""Both defect −2, I alone defect 0, I alone cooperate −3, both cooperate −1 (Foerster et al. 2018, LOLA)."""

STAG_HUNT = np.array([[1.0, 3.0], [0.0, 4.0]])
"""Cooperating is to hunt the stag: 4 together, 0 alone; the hare gives 1 to two hunters, 3 to a single one."""

CHICKEN = np.array([[-10.0, 1.0], [-1.0, 0.0]])
"""Cooperating is to swerve. Both go straight −10, I alone go straight 1, I alone swerve −1, both swerve 0."""

MATCHING_PENNIES = np.array([[1.0, -1.0], [-1.0, 1.0]])
"""The first player wins 1 where the pennies match, the second where they differ; zero-sum."""

BATTLE_OF_THE_SEXES = np.array([[1.0, 0.0], [0.0, 2.0]])
"""Two players who would rather meet than not, the first preferring action 1 (2 to 1), the second action 0."""

TWO_PLAYER_GAMES: dict[str, np.ndarray] = {
    "prisoners-dilemma": np.stack([PRISONERS_DILEMMA, PRISONERS_DILEMMA.T]),
    "stag-hunt": np.stack([STAG_HUNT, STAG_HUNT.T]),
    "chicken": np.stack([CHICKEN, CHICKEN.T]),
    "matching-pennies": np.stack([MATCHING_PENNIES, -MATCHING_PENNIES]),
    "battle-of-the-sexes": np.stack([BATTLE_OF_THE_SEXES, BATTLE_OF_THE_SEXES[::-1, ::-1]]),
}
"""Payoffs `[2, 2, 2]` by name."""


def contribution_payoffs(
    contribution_factor: ScalarLike, num_players: int = 2, *, scaled: bool = False
) -> Float[Array, "..."]:
    """Payoffs of the contribution game (a linear public-goods game), the prisoner's dilemma of any number of players.

    Whoever cooperates pays 1 into a pool that is multiplied and shared equally:

        rᵢ(a) = c · (a₁ + … + a_N) / N − aᵢ,    c = contribution factor, or N times it if `scaled`.

    A dilemma for 1 < c < N. Source: Zhao et al. 2022 (POLA), section 5.1 (the scaled form is their code's for N > 2, in
    which c/N stays the same whatever N).

    **Arguments:**

    - `contribution_factor`: the number by which the pool is multiplied.
    - `num_players`: N, at least 2.
    - `scaled`: multiply it by N times this number instead.

    **Returns:** `[N, 2, …, 2]`.

    **Raises:** `ValueError` for fewer than two players.
    """
    check_at_least("num_players", num_players, 2)
    contributions = np.array(list(itertools.product((0, 1), repeat=num_players))).T
    share = jnp.asarray(contribution_factor) / (1 if scaled else num_players)
    payoffs = share * contributions.sum(0) - contributions
    return payoffs.reshape(num_players, *(2,) * num_players)
