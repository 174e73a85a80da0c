"""MinAtar (Young & Tian 2019): five Atari games on grids of 10 × 10, by gymnax, within a program (extra `minatar`)."""

import dataclasses
import difflib
import functools
import importlib.util
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num, PyTree

from lookax.errors import BadInputError
from lookax.games.arcade.environment import Step

GAMES = {
    "asterix": "Asterix-MinAtar",
    "breakout": "Breakout-MinAtar",
    "freeway": "Freeway-MinAtar",
    "seaquest": "Seaquest-MinAtar",
    "space-invaders": "SpaceInvaders-MinAtar",
}


class MinAtarState(eqx.Module):
    """Each game's `game`, as gymnax has it, its `returns` so far, and whether it was `cut` by the latest step."""

    game: PyTree
    returns: Float[Array, " B"]
    cut: Bool[Array, " B"]


@dataclasses.dataclass(frozen=True)
class MinAtar:
    """A `game` by its name, as an [`Environment`][lookax.games.arcade.environment].

    Games are cut after gymnax' number of steps: 2500 of Freeway, which has no other end, and 1000 of the others.

    **Raises:** `ValueError` for an unknown game, or where the extra is not installed.
    """

    game: str

    def __post_init__(self):
        if self.game not in GAMES:
            near = difflib.get_close_matches(self.game, GAMES, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise BadInputError(f"game: {self.game!r} is not known; {hint}there are {', '.join(GAMES)}")
        if importlib.util.find_spec("gymnax") is None:
            raise BadInputError("game: MinAtar needs gymnax; `pip install gymnax six` (lookax' extra minatar)")

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
        return MinAtarState(state, jnp.zeros(batch_size), jnp.zeros(batch_size, bool)), frames

    def step(self, key: Key[Array, ""], state: MinAtarState, actions: Int[Array, " B"]) -> tuple[MinAtarState, Step]:
        """A step of every game. Where one ends the next begins at once; where one is cut, with the next step.

        **Arguments:** the `state` before; all games' `actions`, `[B]`.
        """
        game, rules = _made(self.game, _integers())

        def step(key: Key[Array, ""], own: PyTree, action: Int[Array, ""]) -> tuple[Any, ...]:
            step_key, reset_key = jax.random.split(key)
            frame, after, reward, terminated, _ = game.step_env(step_key, own, action, rules)
            truncated = game.is_truncated(after, rules)
            return reward, terminated, truncated, (frame, after), game.reset_env(reset_key, rules)

        keys = jax.random.split(key, len(actions))
        rewards, terminated, truncated, gone_on, begun = jax.vmap(step)(keys, state.game, actions)
        played = ~state.cut
        terminated, truncated = played & terminated, played & truncated & ~terminated
        choose = jax.vmap(lambda again, *games: jax.tree.map(functools.partial(jnp.where, again), *games))
        frames, after = choose(terminated | state.cut, begun, gone_on)
        rewards, ended = jnp.where(played, rewards, 0), terminated | truncated
        returns = state.returns + rewards
        seen = Step(frames, rewards, played & ~terminated, played, jnp.where(ended, returns, 0), ended)
        return MinAtarState(after, jnp.where(ended, 0, returns), truncated), seen


def _integers() -> Any:
    return jax.dtypes.canonicalize_dtype(int)


@functools.cache
def _made(game: str, integers: Any) -> tuple[Any, Any]:
    del integers  # of which type a game makes its arrays, in single or in double precision
    import gymnax

    # It makes arrays, which would be a trace's own if it were asked for within one.
    with jax.ensure_compile_time_eval():
        return gymnax.make(GAMES[game])
