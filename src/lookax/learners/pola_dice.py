"""POLA-DiCE: proximal opponent shaping from sampled games, by agents with a memory (Zhao et al. 2022, algorithm 2)."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Key, PyTree, ScalarLike

from lookax.errors import check, check_at_least
from lookax.games.swapped_seats import Turned
from lookax.learners.objectives.agent import Agent, SampledObjectives, Watched, seats, watch
from lookax.lookahead.ascent import ascent_step
from lookax.lookahead.unrolled import Adjoint, unrolled
from lookax.policies.actor import Actor, Network, OneByOne, SideBySide, Trembling
from lookax.policies.strategies import strategy
from lookax.rollouts.microbatches import Play


class Optimisers(eqx.Module):
    """States of an agent's optimisers, of its `policy` and of its `critic`."""

    policy: PyTree
    critic: PyTree


@dataclasses.dataclass(frozen=True)
class POLADiCE:
    """Takes M steps up the return after the opponent's K steps, and stays near the policy that it started from.

    From everybody's agents at the start of the update, θᵢ⁰ = θᵢ, and for m = 0 … M − 1

        θⱼ⁰ = θⱼ,    θⱼᵏ⁺¹ = θⱼᵏ + η ∇_θⱼ [Jⱼ(θᵢᵐ, θⱼᵏ) − β_in D(θⱼ, θⱼᵏ)],    k = 0 … K − 1,
        θᵢᵐ⁺¹ = θᵢᵐ + u(d/dθᵢ [Jᵢ(θᵢ, θⱼᴷ(θᵢ)) − β_out D(θᵢ⁰, θᵢ)] at θᵢᵐ),

    each J and D estimated from games of the policies that it is of
    ([`SampledObjectives`][lookax.learners.objectives.agent.SampledObjectives]), each played anew. Critics climb
    along, the opponent's by steps of its own within its K, from where it is at the update's start.

    With M = 1 and neither β it is LOLA-DiCE (Foerster et al. 2018), with K = 0 too a naive policy gradient.

    **Attributes:**

    - `play`: how games are played; `objectives`: what of them is climbed.
    - `optimiser`, `critic_optimiser`: of the outer steps.
    - `inner_optimiser`, `inner_critic_optimiser`: of the opponent's; they start afresh at each step.
    - `inner_steps`: K ≥ 0; `outer_steps`: M ≥ 1.
    - `inner_beta`, `outer_beta`: β; `None` for no divergence.
    - `keep_optimisers`: optimisers go on from one update to the next; else they start afresh, as published.
    - `critic_after_loop`: the critic stays as it is in the M steps, and then takes M on games of the new policy.
    - `tremble`: ε with which every learner's hand trembles in the games that are learned from, as it does in D; `None`
      for steady hands. States off the path of play are then never left to chance.
    - `sparring`: one in so many of the games of Jᵢ and of its divergence is against a fixed defector, who does not
      learn; `None` for none. What an agent does to defectors then never stops to matter.
    - `adjoint`: how the opponent's steps are differentiated, as in [`lookax.lookahead.unrolled`][].

    **Raises:** `ValueError` for numbers of steps out of range.
    """

    play: Play
    objectives: SampledObjectives
    optimiser: optax.GradientTransformation
    critic_optimiser: optax.GradientTransformation
    inner_optimiser: optax.GradientTransformation
    inner_critic_optimiser: optax.GradientTransformation
    inner_steps: int = 1
    outer_steps: int = 1
    inner_beta: ScalarLike | None = None
    outer_beta: ScalarLike | None = None
    keep_optimisers: bool = False
    critic_after_loop: bool = False
    tremble: ScalarLike | None = None
    sparring: int | None = None
    adjoint: Adjoint = "forward-over-reverse"

    def __post_init__(self):
        check_at_least("inner_steps", self.inner_steps, 0)
        check_at_least("outer_steps", self.outer_steps, 1)
        if self.sparring is not None:
            at_once = self.play.batch_size // self.play.num_pieces
            rule = f"between 2 and the number of games at once, {at_once}"
            check(2 <= self.sparring <= at_once, "sparring", self.sparring, rule)

    def turned(self, turned: Bool[Array, ""]) -> "POLADiCE":
        """The same learner in a [`Turned`][lookax.games.swapped_seats.Turned] game."""
        return dataclasses.replace(self, play=dataclasses.replace(self.play, game=Turned(self.play.game, turned)))

    def init(self, agent: Agent) -> Optimisers:
        """Optimisers' first states."""
        return Optimisers(self.optimiser.init(agent.policy), self.critic_optimiser.init(agent.critic))

    def update(
        self, key: Key[Array, ""], player: int, agent: Agent, opponent: Agent, optimisers: Optimisers
    ) -> tuple[Agent, Optimisers]:
        """A player's agent after the M steps, against an opponent that starts where it is now."""
        loop_key, critic_key = jax.random.split(key)
        reference = agent.policy

        def outer_step(carry: tuple[Agent, Optimisers], key: Key[Array, ""]) -> tuple[tuple[Agent, Optimisers], None]:
            agent, optimisers = carry
            slope, watched = self.gradient(key, player, agent, opponent, reference)
            policy, policy_state = ascent_step(slope, agent.policy, optimisers.policy, self.optimiser)
            optimisers = Optimisers(policy_state, optimisers.critic)
            if self.critic_after_loop:
                return (Agent(policy, agent.critic), optimisers), None
            critic, optimisers = self._improved_critic(player, agent, optimisers, watched)
            return (Agent(policy, critic), optimisers), None

        start = agent, optimisers if self.keep_optimisers else self.init(agent)
        (agent, optimisers), _ = jax.lax.scan(outer_step, start, jax.random.split(loop_key, self.outer_steps))
        if self.critic_after_loop:

            def critic_step(carry: tuple[Agent, Optimisers], key: Key[Array, ""]):
                agent, optimisers = carry
                policies = agent.policy, opponent.policy
                watched = self._watched(key, player, *policies, player, agent, None, self.sparring)
                critic, optimisers = self._improved_critic(player, agent, optimisers, watched)
                return (Agent(agent.policy, critic), optimisers), None

            keys = jax.random.split(critic_key, self.outer_steps)
            (agent, optimisers), _ = jax.lax.scan(critic_step, (agent, optimisers), keys)
        return agent, optimisers

    def gradient(
        self, key: Key[Array, ""], player: int, agent: Agent, opponent: Agent, reference: Any
    ) -> tuple[Any, Watched]:
        """d/dθᵢ [Jᵢ(θᵢ, θⱼᴷ(θᵢ)) − β_out D(reference, θᵢ)], and the games after the opponent's steps."""
        look_key, play_key = jax.random.split(key)
        mine = agent.policy
        if self.inner_steps:
            theirs, pull_back = jax.vjp(lambda mine: self.look_ahead(look_key, player, mine, opponent), mine)
        else:
            theirs, pull_back = opponent.policy, None
        beside = None if self.outer_beta is None else reference
        watched = self._watched(play_key, player, mine, theirs, player, agent, beside, self.sparring)

        def objective(mine: Any, theirs: Any) -> Float[Array, ""]:
            return self._objective(player, mine, theirs, player, watched, self.outer_beta, agent, self.sparring)

        if pull_back is None:
            return jax.grad(objective)(mine, theirs), watched
        by_mine, by_theirs = jax.grad(objective, argnums=(0, 1))(mine, theirs)
        [through_theirs] = pull_back(by_theirs)
        return jax.tree.map(jnp.add, by_mine, through_theirs), watched

    def look_ahead(self, key: Key[Array, ""], player: int, mine: Any, opponent: Agent) -> Any:
        """θⱼᴷ(θᵢ), differentiable in my policy."""
        they = 1 - player

        def inner_step(theirs: Agent, key: Key[Array, ""], reference: Any | None) -> Agent:
            watched = self._watched(key, player, mine, theirs.policy, they, theirs, reference)

            def objective(policy: Any) -> Float[Array, ""]:
                return self._objective(player, mine, policy, they, watched, self.inner_beta, theirs)

            policy = unrolled(objective, theirs.policy, optimiser=self.inner_optimiser, steps=1, adjoint=self.adjoint)
            if theirs.critic is None:
                return Agent(policy, None)
            slope = self._critic_slope(they, theirs, watched)
            start = self.inner_critic_optimiser.init(theirs.critic)
            return Agent(policy, ascent_step(slope, theirs.critic, start, self.inner_critic_optimiser)[0])

        keys = jax.random.split(key, self.inner_steps)
        # At its start the divergence has no slope, nor does its curvature matter to a step from a constant.
        first = inner_step(opponent, keys[0], None)
        if self.inner_steps == 1:
            return first.policy
        reference = None if self.inner_beta is None else opponent.policy
        last, _ = jax.lax.scan(lambda theirs, key: (inner_step(theirs, key, reference), None), first, keys[1:])
        return last.policy

    def _watched(
        self,
        key: Key[Array, ""],
        player: int,
        mine: Any,
        theirs: Any,
        learner: int,
        agent: Agent,
        reference: Any | None = None,
        sparring: int | None = None,
    ) -> Watched:
        """Games of both policies, watched by the critic of the one who is to learn from them and by its reference."""
        game = self.play.game
        actors = jax.lax.stop_gradient(self._seats(player, mine, theirs, sparring))
        values = agent.values()
        return watch(
            self.play(actors, key),
            critic=None if values is None else values.seated(game, learner),
            reference=None if reference is None else self._seats(player, reference, reference)[learner],
        )

    def _seats(self, player: int, mine: Any, theirs: Any, sparring: int | None = None) -> tuple[Actor, ...]:
        everybody = (mine, theirs) if player == 0 else (theirs, mine)
        actors = list(seats(self.play.game, everybody))
        if self.tremble is not None:
            for i, own in enumerate(everybody):
                if isinstance(own, Network):
                    actors[i] = Trembling(actors[i], self.tremble)
        if sparring is not None:
            they = 1 - player
            defector = OneByOne(strategy("always-defect", self.play.game, they))
            actors[they] = SideBySide((actors[they], defector), (sparring - 1, 1))
        return tuple(actors)

    def _objective(
        self,
        player: int,
        mine: Any,
        theirs: Any,
        learner: int,
        watched: Watched,
        beta: ScalarLike | None,
        agent: Agent,
        sparring: int | None = None,
    ) -> Float[Array, ""]:
        """What a learner's policy climbs; where its critic shares the memory, the critic's objective too."""
        objective = self.objectives.policy(self._seats(player, mine, theirs, sparring), learner, watched, beta)
        if not agent.shares_memory or self.critic_after_loop:
            return objective
        values = Agent(mine if learner == player else theirs, agent.critic).values()
        assert values is not None
        return objective + self.objectives.critic(values.seated(self.play.game, learner), learner, watched)

    def _critic_slope(self, player: int, agent: Agent, watched: Watched) -> Any:
        def objective(critic: Any) -> Float[Array, ""]:
            values = Agent(agent.policy, critic).values()
            assert values is not None
            return self.objectives.critic(values.seated(self.play.game, player), player, watched)

        return jax.grad(objective)(agent.critic)

    def _improved_critic(
        self, player: int, agent: Agent, optimisers: Optimisers, watched: Watched
    ) -> tuple[Any, Optimisers]:
        if agent.critic is None:
            return None, optimisers
        slope = self._critic_slope(player, agent, watched)
        critic, state = ascent_step(slope, agent.critic, optimisers.critic, self.critic_optimiser)
        return critic, Optimisers(optimisers.policy, state)
