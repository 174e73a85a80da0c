"""MinAtar (Young & Tian 2019): five Atari games on grids of 10 × 10, by gymnax, within a program (extra `minatar`)."""

import dataclasses
import difflib
import functools
import importlib.util
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num, PyTree

from lookax.errors import BadInputError
from lookax.games.environment import Step

GAMES = {
    "asterix": "Asterix-MinAtar",
    "breakout": "Breakout-MinAtar",
    "freeway": "Freeway-MinAtar",
    "seaquest": "Seaquest-MinAtar",
    "space-invaders": "SpaceInvaders-MinAtar",
}


class MinAtarState(eqx.Module):
    """Everybody's `game`, as gymnax has it, and its `returns` so far."""

    game: PyTree
    returns: Float[Array, " B"]


@dataclasses.dataclass(frozen=True)
class MinAtar:
    """A `game` by its name, as an [`Environment`][lookax.games.environment]. Games end after 1000 steps at the latest.

    **Raises:** `ValueError` for an unknown game, or where the extra is not installed.
    """

    game: str

    def __post_init__(self):
        if self.game not in GAMES:
            near = difflib.get_close_matches(self.game, GAMES, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise BadInputError(f"game: {self.game!r} is not known; {hint}there are {', '.join(GAMES)}")
        if importlib.util.find_spec("gymnax") is None:
            raise BadInputError("game: MinAtar needs gymnax; pip install 'lookax[minatar]'")

    @property
    def num_actions(self) -> int:
        """How many the game makes use of."""
        return int(_made(self.game, _integers())[0].num_actions)

    @property
    def frame(self) -> tuple[int, int, int]:
        """10 × 10, a channel for each kind of thing."""
        height, width, channels = _made(self.game, _integers())[0].obs_shape
        return height, width, channels

    def reset(self, key: Key[Array, ""], batch_size: int) -> tuple[MinAtarState, Num[Array, "B 10 10 c"]]:
        """B first games."""
        game, rules = _made(self.game, _integers())
        frames, state = jax.vmap(game.reset, (0, None))(jax.random.split(key, batch_size), rules)
        return MinAtarState(state, jnp.zeros(batch_size)), frames

    def step(self, key: Key[Array, ""], state: MinAtarState, actions: Int[Array, " B"]) -> tuple[MinAtarState, Step]:
        """A step of everybody's game; where it ends the next one begins at once."""
        game, rules = _made(self.game, _integers())
        keys = jax.random.split(key, len(actions))
        frames, after, rewards, terminated, truncated, _ = jax.vmap(game.step, (0, 0, 0, None))(
            keys, state.game, actions, rules
        )
        ended = terminated | truncated
        returns = state.returns + rewards
        step = Step(frames, rewards, ~ended, jnp.ones_like(ended), jnp.where(ended, returns, 0), ended)
        return MinAtarState(after, jnp.where(ended, 0, returns)), step


def _integers() -> Any:
    return jax.dtypes.canonicalize_dtype(int)


@functools.cache
def _made(game: str, integers: Any) -> tuple[Any, Any]:
    del integers  # of which type a game makes its arrays, in single or in double precision
    import gymnax

    # It makes arrays, which would be a trace's own if it were asked for within one.
    with jax.ensure_compile_time_eval():
        return gymnax.make(GAMES[game])
