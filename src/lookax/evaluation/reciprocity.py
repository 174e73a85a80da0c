"""Are agents reciprocal: do they cooperate, without being exploited? And what an agent does after two steps."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame
from lookax.policies.actor import Actor, actors_of

MIN_GAIN = 0.25 / 0.33
"""The share that agents reach of what mutual cooperation pays above mutual defection."""

MAX_LOSS = 0.06 / 0.335
"""The share that the worst of them loses at most of what cooperating with defectors costs.

For two at contribution factor 1.33 these are mean rewards per step of 0.25 with each other and −0.06 against a
defector.
"""

History = tuple[tuple[int, int], ...]
"""Both players' actions, step by step."""


def is_reciprocal(
    game: MatrixGame, self_play: Float[Array, " N"], against_defection: Float[Array, " N"]
) -> Bool[Array, ""]:
    """Whether agents cooperate, and none is exploited, in a symmetric dilemma.

    With R paid if all cooperate, P if all defect and S for cooperating among defectors, both are measured in the game's
    own payoffs: self-play, the mean of all, as (· − P)/(R − P), and what the worst of them gets among defectors as
    (P − ·)/(P − S).

    **Arguments:** the `game`; all agents' mean rewards per step, with each other in `self_play`, and each among
    defectors.
    """
    mine, rest = game.payoffs[0], (0,) * (game.num_players - 1)
    reward, punishment, sucker = mine[(1,) * game.num_players], mine[(0, *rest)], mine[(1, *rest)]
    gain = self_play.mean() - punishment >= MIN_GAIN * (reward - punishment)
    loss = punishment - against_defection.min() <= MAX_LOSS * (punishment - sucker)
    return gain & loss


def short_histories() -> list[History]:
    """All histories of no, one and two steps, (mine, theirs) at each: the empty one, DD, DC, CD, CC, DD-DD, …."""
    joint = [(mine, theirs) for mine in (0, 1) for theirs in (0, 1)]
    return [history for length in range(3) for history in itertools.product(joint, repeat=length)]


def history_names() -> list[str]:
    """The short histories' names, such as `start` or `DC-CC`, earlier steps first."""
    return ["-".join("".join("DC"[action] for action in step) for step in h) or "start" for h in short_histories()]


def cooperation_after(game: MatrixGame, policies: tuple[Any, Any]) -> Float[Array, "2 _"]:
    """P(cooperate | history) of both players after every short history, in their own views (mine, theirs)."""

    def after(actor: Actor, player: int, history: History) -> Float[Array, ""]:
        steps = [step if player == 0 else step[::-1] for step in history]
        state, hidden_state = game.reset(jax.random.key(0)), actor.recurrence.initial_hidden_state(1)
        for actions in [(-1, -1), *steps]:
            if actions[0] >= 0:
                state, _ = game.step(jax.random.key(0), state, jnp.array(actions))
            seen = Seen(state[None], jnp.array(actions)[:, None], jnp.zeros((2, 1)))
            hidden_state = actor.recurrence.update_hidden_state(hidden_state, seen)
        return jax.nn.softmax(actor.act(hidden_state)[:, 0])[1]

    actors = actors_of(game, policies)
    return jnp.stack([jnp.stack([after(a, i, h) for h in short_histories()]) for i, a in enumerate(actors)])
