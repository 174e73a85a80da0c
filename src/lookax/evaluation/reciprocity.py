"""Is a pair reciprocal: does it cooperate, without being exploited? And what an agent does after two steps."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame
from lookax.learners.agent import seats
from lookax.policies.actor import Actor

MIN_SELF_PLAY = 0.25
"""Mean reward per step that a pair reaches: three quarters of what cooperating pays at contribution factor 1.33."""

MIN_AGAINST_DEFECTION = -0.06
"""What the worse of a pair's agents reaches against a defector, where cooperating always gets −0.335."""


History = tuple[tuple[int, int], ...]
"""Both players' actions, step by step."""


def is_reciprocal(self_play: Float[Array, " 2"], against_defection: Float[Array, " 2"]) -> Bool[Array, ""]:
    """Whether a pair in the contribution game with factor 1.33 cooperates, and neither agent is exploited."""
    return (self_play.mean() >= MIN_SELF_PLAY) & (against_defection.min() >= MIN_AGAINST_DEFECTION)


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
        state, memory = game.reset(jax.random.key(0)), actor.recurrence.first_memory(1)
        for actions in [(-1, -1), *steps]:
            if actions[0] >= 0:
                state, _ = game.step(jax.random.key(0), state, jnp.array(actions))
            seen = Seen(state[None], jnp.array(actions)[:, None], jnp.zeros((2, 1)))
            memory = actor.recurrence.remember(memory, seen)
        return jax.nn.softmax(actor.act(memory)[:, 0])[1]

    actors = seats(game, policies)
    return jnp.stack([jnp.stack([after(a, i, h) for h in short_histories()]) for i, a in enumerate(actors)])
