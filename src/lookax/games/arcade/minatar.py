"""MinAtar (Young & Tian 2019): five Atari games on grids of 10 × 10, by gymnax, within a program (extra `minatar`)."""

import difflib
import importlib.util

from lookax.errors import BadInputError
from lookax.games.adapters.gymnax_environment import GymnaxEnvironment
from lookax.imports import how_to_install

GAMES = {
    "asterix": "Asterix-MinAtar",
    "breakout": "Breakout-MinAtar",
    "freeway": "Freeway-MinAtar",
    "seaquest": "Seaquest-MinAtar",
    "space-invaders": "SpaceInvaders-MinAtar",
}


class MinAtar(GymnaxEnvironment):
    """A `game` by its name, as an [`Environment`][lookax.games.arcade.environment].

    Games are cut after gymnax' number of steps: 2500 of Freeway, which has no other end, and 1000 of the others.

    **Raises:** `ValueError` for an unknown game, or where the extra is not installed.
    """

    def __init__(self, game: str):
        if game not in GAMES:
            near = difflib.get_close_matches(game, GAMES, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise BadInputError(f"game: {game!r} is not known; {hint}there are {', '.join(GAMES)}")
        if importlib.util.find_spec("gymnax") is None:
            raise BadInputError(f"game: MinAtar needs gymnax; {how_to_install('minatar')}")
        super().__init__(GAMES[game])
