"""Players who learn at once, each up its own objective, from the same policies."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key, PyTree

from lookax.games.differentiable import DifferentiableGame
from lookax.games.game import Policies
from lookax.learners.learner import Metrics
from lookax.lookahead.objectives import Objective
from lookax.lookahead.optimiser import Optimiser
from lookax.lookahead.step import ascent_step

Initial = Callable[[Key[Array, ""]], Policies]
"""From a random key to the first policies of all players."""


class PlayersState(eqx.Module):
    """What players carry from one update to the next.

    **Attributes:**

    - `policies`: one per player.
    - `optimiser_states`: one per player; none where optimisers start afresh at every update.
    - `models`: each player's models of all players; none where policies are known.
    """

    policies: Policies
    optimiser_states: tuple[PyTree, ...] = ()
    models: tuple[Policies, ...] = ()

    @classmethod
    def first(cls, key: Key[Array, ""], initial: Initial, opponent_model: "OpponentModelling | None") -> "PlayersState":
        """First policies and models.

        **Arguments:** `initial`, from a key to all players' first policies; the `opponent_model`, `None` where policies
        are known.
        """
        policies_key, models_key = jax.random.split(key)
        policies = initial(policies_key)
        models = () if opponent_model is None else opponent_model.init(models_key, len(policies))
        return cls(policies, models=models)


Belief = tuple[DifferentiableGame, Policies]
"""What a player works with: the game as it sees it, with all policies or its models of the others'."""


@runtime_checkable
class OpponentModelling(Protocol):
    """How players model their opponents, as [`OpponentModel`][lookax.learners.opponents.opponent_model] does."""

    def init(self, key: Key[Array, ""], num_players: int) -> tuple[Policies, ...]:
        """Each player's first models of all players."""
        ...

    def beliefs(self, game: Any, state: PlayersState) -> tuple[list[Belief], tuple[Policies, ...], Metrics]:
        """Each player's belief, the models, and metrics of them."""
        ...


def beliefs(
    opponent_model: OpponentModelling | None, game: DifferentiableGame, state: PlayersState
) -> tuple[list[Belief], tuple[Policies, ...], Metrics]:
    """What every player works with in one update: all policies, or its models of the others'.

    **Arguments:** the `opponent_model`, `None` where policies are known; the `game`; the players' `state`, with their
    policies and models.
    """
    if opponent_model is None:
        return [(game, state.policies)] * game.num_players, (), {}
    return opponent_model.beliefs(game, state)


def simultaneous_step(
    objectives: Sequence[Objective], state: PlayersState, optimiser: Optimiser
) -> tuple[PlayersState, Metrics]:
    """One optimiser step of every player's policy up its own objective; metric `gradient_norm` `[N]`.

    **Arguments:** `objectives`, one per player, each of its own policy; the players' `state` before; the `optimiser` of
    every policy.
    """
    policies, optimiser_states, norms = [], [], []
    for objective, mine, optimiser_state in zip(objectives, state.policies, state.optimiser_states, strict=True):
        gradient = jax.grad(objective)(mine)
        policy, optimiser_state = ascent_step(gradient, mine, optimiser_state, optimiser)
        policies.append(policy)
        optimiser_states.append(optimiser_state)
        norms.append(optax.tree.norm(gradient))
    return PlayersState(tuple(policies), tuple(optimiser_states), state.models), {"gradient_norm": jnp.stack(norms)}
