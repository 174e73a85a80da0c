"""How far an agent can be exploited: what a learner earns that is trained against it while it stays as it is."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, ScalarLike

from lookax.errors import check_at_least
from lookax.evaluation.league import Matches
from lookax.evaluation.matches import match, scores
from lookax.evaluation.sides import Side, in_chunks
from lookax.games.game import Game
from lookax.games.rotated_seats import RotatedSeats
from lookax.learners.agents import AgentUpdate
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.policy_gradients.ppo import PPO
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.strategies import RotatedSeatsStrategy
from lookax.rollouts.microbatches import Play
from lookax.training.constructors import new_agent

HIDDEN_SIZE = 32
"""Of a best responder's layers."""

LEARNING_RATE = 0.01
"""Of its policy and its critic."""

EPOCHS = 4
"""How many steps it takes with the games of an update."""

BATCH_SIZE = 128
"""How many games it plays for an update."""


class BestResponder(eqx.Module):
    """A fresh agent that learns against one that stays as it is, for a fixed budget.

    What it earns in the end bounds from below what the best response would: the budget is part of the result.

    **Attributes:**

    - `game`: what is played, by two; from either seat it must look alike.
    - `learner`: how it learns, an [`AgentUpdate`][lookax.learners.agents.AgentUpdate] in this game.
    - `initial`: from a random key to a fresh agent of the first seat.
    - `updates`: how many it makes.
    - `horizon`: T, the number of steps of a game in which both are scored.
    - `games`: how many of these are played.

    **Raises:** `ValueError` for fewer than one update, step or game.
    """

    _: dataclasses.KW_ONLY
    game: Game
    learner: AgentUpdate
    initial: Callable[[Key[Array, ""]], Agent]
    updates: int = eqx.field(static=True)
    horizon: int = eqx.field(static=True)
    games: int = eqx.field(static=True)

    def __check_init__(self):
        check_at_least("updates", self.updates, 1)
        check_at_least("horizon", self.horizon, 1)
        check_at_least("games", self.games, 1)

    def scores(self, victim: Any, shift: Int[Array, ""], key: Key[Array, ""]) -> Float[Array, " 2"]:
        """The responder's mean reward per step after its updates, and the victim's in the same games.

        **Arguments:** the `victim`, the policy of the second player; `shift`, 1 where this one has the game's first
        seat, and 0 where it has the second.
        """
        agent_key, learn_key, match_key = jax.random.split(key, 3)
        learner, opponent = self.learner.rotated(shift), Agent(victim, None)
        agent = self.initial(agent_key)

        def update(carry: tuple[Agent, Any], key: Key[Array, ""]) -> tuple[tuple[Agent, Any], None]:
            agent, states, _ = learner.update(key, 0, carry[0], (opponent,), carry[1])
            return (agent, states), None

        keys = jax.random.split(learn_key, self.updates)
        (agent, _), _ = jax.lax.scan(update, (agent, self.learner.init(agent)), keys)
        game = RotatedSeats(self.game, shift)
        return scores(match(game, (agent.policy, victim), match_key, self.horizon, self.games))


class FreshAgent(eqx.Module):
    """Draws an agent of the first seat of a `game`, with a recurrent policy and a recurrent critic."""

    game: Game

    def __call__(self, key: Key[Array, ""]) -> Agent:
        """A fresh agent."""
        return new_agent(key, self.game, 0, _fresh, _fresh)


def best_responder(
    game: Game, *, updates: int, horizon: int, games: int, discount: ScalarLike = 0.96, batch_size: int = BATCH_SIZE
) -> BestResponder:
    """A best responder of usual settings: PPO of a recurrent network, with a critic.

    **Arguments:**

    - `game`: what is played, by two.
    - `updates`: how many it makes.
    - `horizon`: T, the number of steps of a game.
    - `games`: how many are played to score it.
    - `discount`: γ.
    - `batch_size`: how many games are played for an update.
    """
    learner = PPO(
        play=Play(game=game, horizon=horizon, batch_size=batch_size),
        optimiser=Optimiser(optax.adam, learning_rate=LEARNING_RATE),
        discount=discount,
        epochs=EPOCHS,
        normalised=True,
    )
    initial = FreshAgent(game)
    return BestResponder(game=game, learner=learner, initial=initial, updates=updates, horizon=horizon, games=games)


class Exploitation(NamedTuple):
    """What came of best responses to the agents of a side, in each seat.

    **Attributes:**

    - `responder`: what the best responder earns, `[S, 2]`, by the victim's seat.
    - `victim`: what the victim earns then, `[S, 2]`.
    """

    responder: np.ndarray
    victim: np.ndarray


class Exploitability(NamedTuple):
    """How far the agents of a side can be exploited, per step, means over both seats, `[S]`.

    **Attributes:**

    - `responder`: what the best responder earns.
    - `victim`: what the victim earns then.
    - `gain`: how much more the responder earns than the victim's own kind does against it.
    - `loss`: how much less the victim earns than with its own kind.
    """

    responder: np.ndarray
    victim: np.ndarray
    gain: np.ndarray
    loss: np.ndarray


def exploit(responder: BestResponder, side: Side, key: Key[Array, ""]) -> Exploitation:
    """Trains a best responder against every agent of a side, in either seat.

    **Arguments:** the `responder`; the `side` whose agents are the victims.
    """
    keys = jax.random.split(key, (2, side.number))

    def in_seat(seat: int) -> np.ndarray:
        def of(places: np.ndarray) -> Float[Array, "_ 2"]:
            return _scores(responder, _victims(side.taken(places), seat), jnp.array(int(seat == 0)), keys[seat][places])

        return in_chunks(of, side.number)

    both = np.stack([in_seat(0), in_seat(1)], axis=1)
    return Exploitation(both[..., 0], both[..., 1])


def exploitability(exploited: Exploitation, own: Matches) -> Exploitability:
    """What best responders gain and victims lose, against games of the side with itself.

    The victim's own kind is all other seeds of its side; of a single seed, the agent itself.

    **Arguments:** what best responders have `exploited`; what came of the side's matches with its `own` agents.
    """
    responder, victim = exploited.responder.mean(axis=1), exploited.victim.mean(axis=1)
    # By victim and its own kind: [victims, others].
    kept = (own.rewards[..., 0] + own.rewards[..., 1].T) / 2
    kind = (own.rewards[..., 1] + own.rewards[..., 0].T) / 2
    seeds = len(kept)
    weights = np.ones((seeds, seeds)) - np.eye(seeds) if seeds > 1 else np.ones((1, 1))
    weights /= weights.sum(axis=1)
    before, theirs = (kept * weights).sum(axis=1), (kind * weights).sum(axis=1)
    return Exploitability(responder, victim, responder - theirs, before - victim)


@eqx.filter_jit
def _scores(
    responder: BestResponder, victims: Any, shift: Int[Array, ""], keys: Key[Array, " P"]
) -> Float[Array, "P 2"]:
    def one(victim: Any, key: Key[Array, ""]) -> Float[Array, " 2"]:
        if isinstance(victim, tuple):
            game = RotatedSeats(responder.game, shift)
            victim = RotatedSeatsStrategy(1, game.num_actions[1], victim, game)
        return responder.scores(victim, shift, key)

    return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(victims, keys)


def _victims(policies: Sequence[Any], seat: int) -> Any:
    """The policy of a seat; of one that plays a single game, and knows its seat, those of both seats."""

    def plays_a_game(policy: Any) -> bool:
        return hasattr(policy, "update_hidden_state") and not hasattr(policy, "actor")

    if not plays_a_game(policies[seat]):
        return policies[seat]
    return tuple(policies[i] if plays_a_game(policies[i]) else policies[seat] for i in (0, 1))


def _fresh(key: Key[Array, ""], inputs: int, outputs: int) -> Network:
    return network(key, inputs, outputs, hidden_size=HIDDEN_SIZE)
