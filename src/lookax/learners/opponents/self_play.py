"""One agent in all seats, and earlier ones of itself as opponents."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Key, PyTree

from lookax.games.game import Policies
from lookax.learners.agents import AgentUpdate, check_seats
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.opponents.earlier_selves import EarlierSelves, Pool


class SelfPlayState(eqx.Module):
    """What an agent carries from one update to the next.

    **Attributes:** the `agent`; its `optimiser`'s state; `pool`, its earlier selves, `None` without any; the `seats`
    that there are.
    """

    agent: Agent
    optimiser: PyTree
    pool: Pool | None
    seats: int = eqx.field(static=True)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The agent, once for each seat."""
        return (self.agent,) * self.seats

    @property
    def policies(self) -> Policies:
        """The policy, once for each seat."""
        return (self.agent.policy,) * self.seats


class SelfPlay(eqx.Module):
    """One agent has all seats of a game that is the same for all of its players, as they see it.

    It learns as the first player, with itself as it is in all other seats. An update with `all_seats` learns from those
    too.

    **Attributes:**

    - `initial`: from a random key to the first agent.
    - `update_of_agent`: how it learns.
    - `seats`: how many there are.
    - `earlier_selves`: how its opponents are drawn from earlier selves; `None` for none.
    """

    _: dataclasses.KW_ONLY
    initial: Callable[[Key[Array, ""]], Agent] = eqx.field(static=True)
    update_of_agent: AgentUpdate
    seats: int = eqx.field(static=True, default=2)
    earlier_selves: EarlierSelves | None = None

    def init(self, key: Key[Array, ""]) -> SelfPlayState:
        """The first agent.

        **Raises:** `ValueError` for another number of seats than the game has.
        """
        check_seats(self.update_of_agent, self.seats)
        agent = self.initial(key)
        pool = None if self.earlier_selves is None else self.earlier_selves.init((agent.policy,))
        return SelfPlayState(agent, self.update_of_agent.init(agent), pool, self.seats)

    def update(self, key: Key[Array, ""], state: SelfPlayState) -> tuple[SelfPlayState, Metrics]:
        """One update; metrics are those of the agent's."""
        draw_key, learn_key = jax.random.split(key)
        opponent = state.agent
        if self.earlier_selves is not None and state.pool is not None:
            [opponent] = self.earlier_selves.several(draw_key, (state.agent,), state.pool)
        others = (opponent,) * (self.seats - 1)
        agent, optimiser, metrics = self.update_of_agent.update(learn_key, 0, state.agent, others, state.optimiser)
        pool = state.pool
        if self.earlier_selves is not None and pool is not None:
            pool = self.earlier_selves.kept(pool, (agent.policy,))
        return SelfPlayState(agent, optimiser, pool, state.seats), metrics
