"""What learners carry from one update to the next, and the step that several of them share."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import optax
from jaxtyping import Array, PyTree

from lookax.games.exact_play import Policies
from lookax.lookahead.ascent import ascent_step
from lookax.lookahead.gradient import Objective

Initial = Callable[[Array], Policies]
"""From a random key to everybody's first policies."""

Metrics = dict[str, Array]
"""Named quantities of one update."""


class LearnerState(eqx.Module):
    """The policies; each player's optimiser state; each player's models of its opponents (empty where not used)."""

    policies: Policies
    optimiser_states: tuple[PyTree, ...] = ()
    models: tuple[Policies, ...] = ()


def simultaneous_step(
    objectives: Sequence[Objective], state: LearnerState, optimiser: optax.GradientTransformation
) -> LearnerState:
    """One optimiser step of every player's policy up its own objective, all from the same policies."""
    policies, optimiser_states = [], []
    for objective, mine, optimiser_state in zip(objectives, state.policies, state.optimiser_states, strict=True):
        policy, optimiser_state = ascent_step(jax.grad(objective)(mine), mine, optimiser_state, optimiser)
        policies.append(policy)
        optimiser_states.append(optimiser_state)
    return LearnerState(tuple(policies), tuple(optimiser_states), state.models)
