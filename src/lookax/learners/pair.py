"""Two agents that learn at once, each by an update of its own, or not at all."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, PyTree

from lookax.errors import check
from lookax.games.game import Policies
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.opponents.earlier_selves import EarlierSelves, Pool
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient

Updated = tuple[Agent, PyTree, Any, Metrics]
"""A player's agent, optimisers' states and model after an update, and metrics of it."""


@runtime_checkable
class AgentUpdate(Protocol):
    """How one agent of a pair learns, such as [`POLADiCEUpdate`][lookax.learners.pola_dice.POLADiCEUpdate]."""

    def init(self, agent: Agent) -> PyTree:
        """The optimisers' first states; also where the game is checked."""
        ...

    def update(
        self, key: Key[Array, ""], player: int, agent: Agent, opponent: Agent, states: Any
    ) -> tuple[Agent, PyTree, Metrics]:
        """A player's agent, its optimisers' states, and metrics, among them `gradient_norm`.

        **Arguments:** the `opponent` as it is before it learns itself, or the player's model of it.
        """
        ...

    def swapped(self, swapped: Bool[Array, ""]) -> "AgentUpdate":
        """The same in a game with [`SwappedSeats`][lookax.games.swapped_seats.SwappedSeats].

        What learns in the second seat is thus computed by the program of the first.
        """
        ...


class PairState(eqx.Module):
    """What a pair carries from one update to the next, of both players.

    **Attributes:**

    - `agents`: policies and critics.
    - `optimisers`: their optimisers' states.
    - `models`: their models of each other, `None` where there is none.
    - `pools`: earlier policies of each one's opponent, `None` where none are kept.
    """

    agents: tuple[Agent, Agent]
    optimisers: tuple[PyTree, PyTree]
    models: tuple[Any, Any]
    pools: tuple[Pool | None, Pool | None] = (None, None)

    @property
    def policies(self) -> Policies:
        """Both agents' policies."""
        return tuple(agent.policy for agent in self.agents)


class Pair(eqx.Module):
    """Both players learn at once, from the same agents; each treats the other as its own update says.

    With a [`POLADiCEUpdate`][lookax.learners.pola_dice.POLADiCEUpdate] for both it is POLA-DiCE.

    **Attributes:**

    - `initial`: from a random key to both first agents, and (a second pair) both first models of the other.
    - `updates`: of each player; `None` for one that stays as it is, a fixed strategy or an agent that has learned.
    - `imitations`: how each player models the other from games with it; `None` for one that knows it.
    - `earlier_selves`: how each player plays with earlier policies of the other too; `None` for one that does not.
      A policy gradient plays a part of its games with several of them, other updates make a part of their updates
      against one.
    """

    _: dataclasses.KW_ONLY
    initial: Callable[[Key[Array, ""]], tuple[tuple[Agent, Agent], tuple[Any, Any]]] = eqx.field(static=True)
    updates: tuple[AgentUpdate | None, AgentUpdate | None]
    imitations: tuple[Imitation | None, Imitation | None] = (None, None)
    earlier_selves: tuple[EarlierSelves | None, EarlierSelves | None] = (None, None)

    def init(self, key: Key[Array, ""]) -> PairState:
        """First agents, models and optimisers' states."""
        for update in self.updates:
            alone = not (isinstance(update, PolicyGradient) and update.all_seats)
            check(alone, "all_seats", True, "False in a pair, whose players are not one agent")
        agents, models = self.initial(key)

        def optimisers(i: int) -> PyTree:
            update = self.updates[i]
            return () if update is None else update.init(agents[i])

        kept = tuple(None if how is None else model for how, model in zip(self.imitations, models, strict=True))
        pools = [how and how.init(agents[1 - i].policy) for i, how in enumerate(self.earlier_selves)]
        return PairState(agents, (optimisers(0), optimisers(1)), (kept[0], kept[1]), (pools[0], pools[1]))

    def update(self, key: Key[Array, ""], state: PairState) -> tuple[PairState, Metrics]:
        """One update of both.

        Metrics, `[N]`, 0 for a player that has none: `gradient_norm` of each player's last step;
        `model_cross_entropy` of their models, where there are any; what else their updates say.
        """
        if self._are_alike(state):
            after = self._alike(key, state)
        else:
            after = [self._player(i, jax.random.fold_in(key, i), state) for i in (0, 1)]
        agents, optimisers, models, metrics = zip(*after, strict=True)

        def pool(i: int) -> Pool | None:
            how, before = self.earlier_selves[i], state.pools[i]
            return before if how is None or before is None else how.kept(before, agents[1 - i].policy)

        names = dict.fromkeys(name for own in metrics for name in own)
        stacked = {name: jnp.stack([own.get(name, jnp.zeros(())) for own in metrics]) for name in names}
        return PairState(agents, optimisers, models, (pool(0), pool(1))), stacked

    def _player(self, i: int, key: Key[Array, ""], state: PairState) -> Updated:
        """One player's part of an update."""
        update, imitation = self.updates[i], self.imitations[i]
        fit_key, learn_key = jax.random.split(key)
        agent, other, model = state.agents[i], state.agents[1 - i], state.models[i]
        metrics = {"gradient_norm": jnp.zeros(())}
        if any(self.imitations):
            metrics["model_cross_entropy"] = jnp.zeros(())
        if imitation is not None:
            model, metrics["model_cross_entropy"] = imitation.fit(fit_key, i, state.agents, model)
            other = model
        earlier, pool = self.earlier_selves[i], state.pools[i]
        if earlier is not None and pool is not None:
            draw_key, learn_key = jax.random.split(learn_key)
            draw = earlier.opponent if isinstance(update, PolicyGradient) else earlier.one
            other = draw(draw_key, other, pool)
        optimisers = state.optimisers[i]
        if update is not None:
            agent, optimisers, own = update.update(learn_key, i, agent, other, optimisers)
            metrics |= own
        return agent, optimisers, model, metrics

    def _are_alike(self, state: PairState) -> bool:
        """Whether both learn in the same way, and are of the same form."""
        [first, second] = zip(state.agents, state.optimisers, state.models, state.pools, strict=True)
        ways = self.updates, self.imitations, self.earlier_selves
        same = all(first is second for first, second in ways)
        return same and self.updates[0] is not None and _form(first) == _form(second)

    def _alike(self, key: Key[Array, ""], state: PairState) -> list[Any]:
        """Of both players what `_player` gives, by one program that each runs in its turn: half as much to compile."""
        everything = state.agents, state.optimisers, state.models, state.pools
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *zip(*everything, strict=True))

        def of(number: Int[Array, ""], swapped: Bool[Array, ""]) -> Updated:
            mine, theirs = (jax.tree.map(lambda leaf, j=j: leaf[j], stacked) for j in (number, 1 - number))
            pair = Pair(
                initial=self.initial,
                updates=(self.updates[0] and self.updates[0].swapped(swapped), None),
                imitations=(self.imitations[0] and self.imitations[0].swapped(swapped), None),
                earlier_selves=(self.earlier_selves[0], None),
            )
            seen = PairState(*((own, other) for own, other in zip(mine, theirs, strict=True)))
            return pair._player(0, jax.random.fold_in(key, number), seen)

        results = jax.lax.map(lambda number: of(number, number == 1), jnp.arange(2))
        return [jax.tree.map(lambda leaf, i=i: leaf[i], results) for i in (0, 1)]


def _form(tree: PyTree) -> tuple[Any, list[Any]]:
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
