"""Two agents that learn at once, each by a learner of its own, or not at all."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from lookax.learners.agent import Agent
from lookax.learners.imitation import Imitation
from lookax.learners.pola_dice import POLADiCE
from lookax.learners.state import Metrics


class PairState(eqx.Module):
    """Both `agents`; their `optimisers`' states; their `models` of each other, `None` where there is none."""

    agents: tuple[Agent, Agent]
    optimisers: tuple[PyTree, PyTree]
    models: tuple[Any, Any]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Both players learn at once, from the same agents; each treats the other as its own learner says.

    **Attributes:**

    - `initial`: from a key to both first agents, and (a second pair) both first models of the other.
    - `learners`: of each player; `None` for one that stays as it is, a fixed strategy or an agent that has learned.
    - `imitations`: how each player models the other from games with it; `None` for one that knows it.
    """

    initial: Callable[[Key[Array, ""]], tuple[tuple[Agent, Agent], tuple[Agent, Agent]]]
    learners: tuple[POLADiCE | None, POLADiCE | None]
    imitations: tuple[Imitation | None, Imitation | None] = (None, None)

    def init(self, key: Key[Array, ""]) -> PairState:
        """First agents, models and optimisers."""
        agents, models = self.initial(key)
        optimisers = tuple(
            () if learner is None else learner.init(agent) for learner, agent in zip(self.learners, agents, strict=True)
        )
        kept = tuple(None if how is None else model for how, model in zip(self.imitations, models, strict=True))
        return PairState(agents, optimisers, kept)

    def update(self, key: Key[Array, ""], state: PairState) -> tuple[PairState, Metrics]:
        """One update of both; metrics `model_cross_entropy` `[N]` of their models, 0 where there is none."""
        agents, optimisers, models = list(state.agents), list(state.optimisers), list(state.models)
        losses = [jnp.zeros(())] * 2
        for i, (learner, imitation) in enumerate(zip(self.learners, self.imitations, strict=True)):
            fit_key, learn_key = jax.random.split(jax.random.fold_in(key, i))
            other = state.agents[1 - i]
            if imitation is not None:
                models[i], losses[i] = imitation.fit(fit_key, i, state.agents, models[i])
                other = models[i]
            if learner is not None:
                agents[i], optimisers[i] = learner.update(learn_key, i, state.agents[i], other, optimisers[i])
        metrics = {"model_cross_entropy": jnp.stack(losses)} if any(self.imitations) else {}
        return PairState((agents[0], agents[1]), (optimisers[0], optimisers[1]), (models[0], models[1])), metrics
