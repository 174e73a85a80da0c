"""Agents that learn at once, each by an update of its own, or not at all."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, PyTree

from lookax.errors import check
from lookax.games.game import Policies
from lookax.games.rotated_seats import seats_after
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.opponents.earlier_selves import EarlierSelves, Pool
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient

Updated = tuple[Agent, PyTree, Any, Metrics]
"""A player's agent, optimisers' states and model after an update, and metrics of it."""


@runtime_checkable
class AgentUpdate(Protocol):
    """How one of several agents learns, such as [`POLADiCEUpdate`][lookax.learners.pola_dice.POLADiCEUpdate]."""

    def init(self, agent: Agent) -> PyTree:
        """The optimisers' first states; also where the game is checked."""
        ...

    def update(
        self, key: Key[Array, ""], player: int, agent: Agent, others: tuple[Agent, ...], states: Any
    ) -> tuple[Agent, PyTree, Metrics]:
        """A player's agent, its optimisers' states, and metrics, among them `gradient_norm`.

        **Arguments:** the `others` as they are before they learn themselves, or the player's models of them, those
        [after][lookax.games.rotated_seats.seats_after] the player first.
        """
        ...

    def rotated(self, shift: Int[Array, ""]) -> "AgentUpdate":
        """The same in a game with [`RotatedSeats`][lookax.games.rotated_seats.RotatedSeats].

        What learns in any seat is thus computed by the program of the first.
        """
        ...


class AgentsState(eqx.Module):
    """What agents carry from one update to the next; each entry is of one player.

    **Attributes:**

    - `agents`: policies and critics.
    - `optimisers`: their optimisers' states.
    - `models`: their models of the others, those after them first; `None` where there are none.
    - `pools`: earlier policies of each one's others, `None` where none are kept.
    """

    agents: tuple[Agent, ...]
    optimisers: tuple[PyTree, ...]
    models: tuple[tuple[Agent, ...] | None, ...]
    pools: tuple[Pool | None, ...]

    @property
    def policies(self) -> Policies:
        """All agents' policies."""
        return tuple(agent.policy for agent in self.agents)


class Agents(eqx.Module):
    """All players learn at once, from the same agents; each treats the others as its own update says.

    With a [`POLADiCEUpdate`][lookax.learners.pola_dice.POLADiCEUpdate] for each it is POLA-DiCE.

    **Attributes:**

    - `initial`: from a random key to all first agents, and each one's first models of the others, those after it first
      (`()` for one without any).
    - `updates`: of each player; `None` for one that stays as it is, a fixed strategy or an agent that has learned.
    - `imitations`: how each player models the others from games with them; `None` for one that knows them. None at all
      unless given.
    - `earlier_selves`: how each player plays with earlier policies of the others too; `None` for one that does not.
      A policy gradient plays a part of its games with several of them, other updates make a part of their updates
      against one. None at all unless given.

    If all updates are one and the same object, and so are the other parts, one program serves all players. As an
    argument of `jax.jit` a learner is taken apart, and each player has a program of its own: close over it instead.

    **Raises:** `ValueError` for parts that are not one for each player, and for a player that models others and plays
    with their earlier policies, which it does not know.
    """

    _: dataclasses.KW_ONLY
    initial: Callable[[Key[Array, ""]], tuple[tuple[Agent, ...], tuple[Any, ...]]] = eqx.field(static=True)
    updates: tuple[AgentUpdate | None, ...]
    imitations: tuple[Imitation | None, ...] = ()
    earlier_selves: tuple[EarlierSelves | None, ...] = ()

    def __post_init__(self):
        for name in ("imitations", "earlier_selves"):
            if not getattr(self, name):
                setattr(self, name, (None,) * len(self.updates))

    def __check_init__(self):
        number = len(self.updates)
        check(number >= 2, "updates", number, "two or more, one for each player")
        for name in ("imitations", "earlier_selves"):
            check(len(getattr(self, name)) == number, name, len(getattr(self, name)), f"{number}, as many as updates")
        for imitation, earlier in zip(self.imitations, self.earlier_selves, strict=True):
            known = imitation is None or earlier is None
            check(
                known, "earlier_selves", earlier, "None for a player that models others, whose policies it cannot know"
            )

    def init(self, key: Key[Array, ""]) -> AgentsState:
        """First agents, models and optimisers' states."""
        for update in self.updates:
            alone = not (isinstance(update, PolicyGradient) and update.all_seats)
            check(alone, "all_seats", True, "False where players are not one agent")
            check_seats(update, len(self.updates))
        agents, models = self.initial(key)
        check(len(agents) == len(self.updates), "updates", len(self.updates), f"{len(agents)}, one for each agent")
        for how, own in zip(self.imitations, models, strict=True):
            if how is not None:
                rule = f"{len(agents) - 1}, one of each other player, where they are imitated"
                check(len(own) == len(agents) - 1, "models", len(own), rule)
        pairs = zip(self.updates, agents, strict=True)
        optimisers = tuple(() if update is None else update.init(agent) for update, agent in pairs)
        kept = tuple(None if how is None else own for how, own in zip(self.imitations, models, strict=True))
        pools = tuple(
            how and how.init(tuple(agents[seat].policy for seat in seats_after(i, len(agents))))
            for i, how in enumerate(self.earlier_selves)
        )
        return AgentsState(agents, optimisers, kept, pools)

    def update(self, key: Key[Array, ""], state: AgentsState) -> tuple[AgentsState, Metrics]:
        """One update of all.

        Metrics, `[N]`, 0 for a player that has none: `gradient_norm` of each player's last step;
        `model_cross_entropy` of their models, the mean over these, where there are any; what else their updates say.
        """
        if self._are_alike(state):
            after = self._alike(key, state)
        else:
            after = [self._player(i, jax.random.fold_in(key, i), state) for i in range(len(self.updates))]
        agents, optimisers, models, metrics = zip(*after, strict=True)

        def pool(i: int) -> Pool | None:
            how, before = self.earlier_selves[i], state.pools[i]
            if how is None or before is None:
                return before
            return how.kept(before, tuple(agents[seat].policy for seat in seats_after(i, len(agents))))

        names = dict.fromkeys(name for own in metrics for name in own)
        stacked = {name: jnp.stack([own.get(name, jnp.zeros(())) for own in metrics]) for name in names}
        return AgentsState(agents, optimisers, models, tuple(map(pool, range(len(agents))))), stacked

    def _player(self, i: int, key: Key[Array, ""], state: AgentsState) -> Updated:
        """One player's part of an update."""
        update, imitation = self.updates[i], self.imitations[i]
        fit_key, learn_key = jax.random.split(key)
        agent, models = state.agents[i], state.models[i]
        others = tuple(state.agents[seat] for seat in seats_after(i, len(state.agents)))
        metrics = {"gradient_norm": jnp.zeros(())}
        if any(self.imitations):
            metrics["model_cross_entropy"] = jnp.zeros(())
        if imitation is not None and models is not None:
            models, metrics["model_cross_entropy"] = imitation.fit(fit_key, i, state.agents, models)
            others = models
        earlier, pool = self.earlier_selves[i], state.pools[i]
        if earlier is not None and pool is not None:
            draw_key, learn_key = jax.random.split(learn_key)
            draw = earlier.several if isinstance(update, PolicyGradient) else earlier.one
            others = draw(draw_key, others, pool)
        optimisers = state.optimisers[i]
        if update is not None:
            agent, optimisers, own = update.update(learn_key, i, agent, others, optimisers)
            metrics |= own
        return agent, optimisers, models, metrics

    def _are_alike(self, state: AgentsState) -> bool:
        """Whether all learn in the same way, and are of the same form."""
        first, *rest = zip(state.agents, state.optimisers, state.models, state.pools, strict=True)
        ways = self.updates, self.imitations, self.earlier_selves
        same = all(own is way[0] for way in ways for own in way)
        return same and self.updates[0] is not None and all(_form(own) == _form(first) for own in rest)

    def _alike(self, key: Key[Array, ""], state: AgentsState) -> list[Updated]:
        """Of all players what `_player` gives, by one program that each runs in its turn: 1/N as much to compile."""
        everything = state.agents, state.optimisers, state.models, state.pools
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *zip(*everything, strict=True))
        number = len(self.updates)

        def of(player: Int[Array, ""]) -> Updated:
            def at(place: int) -> Any:
                return jax.tree.map(lambda leaf: leaf[(player + place) % number], stacked)

            first, nobody = self.updates[0], (None,) * (number - 1)
            agents = Agents(
                initial=self.initial,
                updates=(first and first.rotated(player), *nobody),
                imitations=(self.imitations[0] and self.imitations[0].rotated(player), *nobody),
                earlier_selves=(self.earlier_selves[0], *nobody),
            )
            seen = AgentsState(*zip(*map(at, range(number)), strict=True))
            return agents._player(0, jax.random.fold_in(key, player), seen)

        results = jax.lax.map(of, jnp.arange(number))
        return [jax.tree.map(lambda leaf, i=i: leaf[i], results) for i in range(number)]


def check_seats(update: AgentUpdate | None, number: int) -> None:
    """Raises `ValueError` for an update in a game of another number of players.

    **Arguments:** the `update`; the `number` of players.
    """
    play = getattr(update, "play", None)
    if play is not None:
        players = play.game.num_players
        check(players == number, "number of agents", number, f"{players}, as many as the game has players")


def _form(tree: PyTree) -> tuple[Any, list[Any]]:
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
