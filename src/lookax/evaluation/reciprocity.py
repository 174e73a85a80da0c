"""Is a pair reciprocal: does it cooperate, without being exploited? And what an agent does after two steps."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame
from lookax.policies.actor import Actor, actors_of

MIN_GAIN = 0.25 / 0.33
"""The share that a pair reaches of what mutual cooperation pays above mutual defection."""

MAX_LOSS = 0.06 / 0.335
"""The share that the worse of its agents loses at most of what cooperating with a defector costs.

At contribution factor 1.33 these are mean rewards per step of 0.25 with each other and −0.06 against a defector.
"""

History = tuple[tuple[int, int], ...]
"""Both players' actions, step by step."""


def is_reciprocal(
    game: MatrixGame, self_play: Float[Array, " 2"], against_defection: Float[Array, " 2"]
) -> Bool[Array, ""]:
    """Whether a pair cooperates, and neither agent is exploited, in a symmetric dilemma of two players.

    With R paid for mutual cooperation, P for mutual defection and S for cooperating with a defector, both are measured
    in the game's own payoffs: self-play, the mean of both, as (· − P)/(R − P), and what the worse of the two gets
    against a defector as (P − ·)/(P − S).

    **Arguments:** both agents' mean rewards per step.
    """
    mine = game.payoffs[0]
    gain = self_play.mean() - mine[0, 0] >= MIN_GAIN * (mine[1, 1] - mine[0, 0])
    loss = mine[0, 0] - against_defection.min() <= MAX_LOSS * (mine[0, 0] - mine[1, 0])
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
