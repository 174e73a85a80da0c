"""Two agents that learn at once, each by a learner of its own, or not at all."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from lookax.learners.objectives.agent import Agent
from lookax.learners.opponents.imitation import Imitation
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

        def optimisers(i: int) -> PyTree:
            learner = self.learners[i]
            return () if learner is None else learner.init(agents[i])

        kept = tuple(None if how is None else model for how, model in zip(self.imitations, models, strict=True))
        return PairState(agents, (optimisers(0), optimisers(1)), (kept[0], kept[1]))

    def update(self, key: Key[Array, ""], state: PairState) -> tuple[PairState, Metrics]:
        """One update of both; metrics `model_cross_entropy` `[N]` of their models, 0 where there is none."""
        if self._are_alike(state):
            after = self._alike(key, state)
        else:
            after = [self._player(i, jax.random.fold_in(key, i), state) for i in (0, 1)]
        agents, optimisers, models, losses = zip(*after, strict=True)
        metrics = {"model_cross_entropy": jnp.stack(losses)} if any(self.imitations) else {}
        return PairState(agents, optimisers, models), metrics

    def _player(self, i: int, key: Key[Array, ""], state: PairState) -> tuple[Agent, PyTree, Any, Float[Array, ""]]:
        """A player's agent, optimisers and model after the update, and the model's cross-entropy."""
        learner, imitation = self.learners[i], self.imitations[i]
        fit_key, learn_key = jax.random.split(key)
        agent, other, model, loss = state.agents[i], state.agents[1 - i], state.models[i], jnp.zeros(())
        if imitation is not None:
            model, loss = imitation.fit(fit_key, i, state.agents, model)
            other = model
        optimisers = state.optimisers[i]
        if learner is not None:
            agent, optimisers = learner.update(learn_key, i, agent, other, optimisers)
        return agent, optimisers, model, loss

    def _are_alike(self, state: PairState) -> bool:
        """Whether both learn in the same way, and are of the same form."""
        [first, second] = zip(state.agents, state.optimisers, state.models, strict=True)
        same = self.learners[0] is self.learners[1] and self.imitations[0] is self.imitations[1]
        return same and self.learners[0] is not None and _form(first) == _form(second)

    def _alike(self, key: Key[Array, ""], state: PairState) -> list[Any]:
        """Of both players what `_player` gives, by one program that each runs in its turn: half as much to compile."""
        everything = state.agents, state.optimisers, state.models
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *zip(*everything, strict=True))

        def of(number: Int[Array, ""], turned: Bool[Array, ""]) -> tuple[Agent, PyTree, Any, Float[Array, ""]]:
            mine, theirs = (jax.tree.map(lambda leaf, j=j: leaf[j], stacked) for j in (number, 1 - number))
            turned_pair = Pair(
                self.initial,
                (self.learners[0] and self.learners[0].turned(turned), None),
                (self.imitations[0] and self.imitations[0].turned(turned), None),
            )
            seen = PairState((mine[0], theirs[0]), (mine[1], theirs[1]), (mine[2], theirs[2]))
            return turned_pair._player(0, jax.random.fold_in(key, number), seen)

        results = jax.lax.map(lambda number: of(number, number == 1), jnp.arange(2))
        return [jax.tree.map(lambda leaf, i=i: leaf[i], results) for i in (0, 1)]


def _form(tree: PyTree) -> tuple[Any, list[Any]]:
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
