"""POLA-DiCE: proximal opponent shaping from sampled games, by agents with a hidden state (Zhao et al. 2022).

Algorithm 2 of the paper, as one player's update within a [`Pair`][lookax.learners.pair.Pair].
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Bool, Float, Key, PyTree, ScalarLike

from lookax.concrete import constant
from lookax.errors import check, check_at_least
from lookax.games.game import Game
from lookax.games.swapped_seats import SwappedSeats
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent, Observed, SampledObjectives, observe
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.lookahead.total_derivative import Ahead, ahead, total_gradient
from lookax.policies.actor import Actor, MixedActors, TremblingActor, actor_of, actors_of
from lookax.rollouts.check_game import check_game
from lookax.rollouts.microbatches import Play


class OptimiserStates(eqx.Module):
    """States of an agent's optimisers.

    **Attributes:**

    - `policy`, `critic`: of either's.
    """

    policy: PyTree
    critic: PyTree


class POLADiCEUpdate(eqx.Module):
    """Takes M steps up the return after the opponent's K steps, and stays near the policy that it started from.

    From both players' agents at the start of the update, θᵢ⁰ = θᵢ, and for m = 0 … M − 1

        θⱼ⁰ = θⱼ,    θⱼᵏ⁺¹ = θⱼᵏ + η ∇_θⱼ [Jⱼ(θᵢᵐ, θⱼᵏ) − β_in D(θⱼ, θⱼᵏ)],    k = 0 … K − 1,
        θᵢᵐ⁺¹ = θᵢᵐ + u(d/dθᵢ [Jᵢ(θᵢ, θⱼᴷ(θᵢ)) − β_out D(θᵢ⁰, θᵢ)] at θᵢᵐ),

    each J and D estimated from games of the policies that it is of
    ([`SampledObjectives`][lookax.learners.objectives.sampled_objectives.SampledObjectives]), each played anew. Critics
    learn along, the opponent's by steps of its own within its K, from where it is at the update's start.

    With M = 1 and neither β it is LOLA-DiCE of agents with a hidden state (Foerster et al. 2018), with K = 0 too a
    naive policy gradient.

    **Attributes:**

    - `play`: how games are played.
    - `objectives`: what of them is maximised.
    - `optimiser`, `critic_optimiser`: of the M outer steps.
    - `lookahead`: the opponent's K steps, and how they are differentiated.
    - `inner_critic_optimiser`: of the opponent's critic in them; it starts afresh at each step.
    - `outer_steps`: M ≥ 1.
    - `inner_beta`, `outer_beta`: β; `None` for no divergence.
    - `keep_optimisers`: optimisers go on from one update to the next; else they start afresh, as published. Schedules
      of step sizes, such as `optax.adam(optax.linear_schedule(…))`, go on in any case.
    - `critic_after_loop`: the critic stays as it is in the M steps, and then takes M on games of the new policy.
    - `tremble_probability`: ε with which learners' actions are replaced by random ones in the games that are learned
      from, and in D; `None` for never. States off the path of play are then visited, too.
    - `scripted_opponent`: from a game and a player to a fixed strategy, against which a part of the games of Jᵢ and of
      its divergence is played; it does not learn.
    - `scripted_fraction`: that part. What an agent does to a defector, say, then never stops to matter.

    **Raises:** `ValueError` for numbers out of range.
    """

    _: dataclasses.KW_ONLY
    play: Play
    objectives: SampledObjectives
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    critic_optimiser: Optimiser = eqx.field(converter=as_optimiser)
    lookahead: Lookahead
    inner_critic_optimiser: Optimiser = eqx.field(converter=as_optimiser)
    outer_steps: int = eqx.field(static=True, default=1)
    inner_beta: ScalarLike | None = None
    outer_beta: ScalarLike | None = None
    keep_optimisers: bool = eqx.field(static=True, default=False)
    critic_after_loop: bool = eqx.field(static=True, default=False)
    tremble_probability: ScalarLike | None = None
    scripted_opponent: Callable[[Game, int], Any] | None = eqx.field(static=True, default=None)
    scripted_fraction: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        check_at_least("outer_steps", self.outer_steps, 1)
        if self.scripted_opponent is not None:
            at_once = self.play.batch_size // self.play.num_microbatches
            rule = f"between 1/{at_once} and {at_once - 1}/{at_once}, as {at_once} games are played at once"
            possible = 1 <= self.scripted_fraction * at_once <= at_once - 1
            check(possible, "scripted_fraction", self.scripted_fraction, rule)

    def swapped(self, swapped: Bool[Array, ""]) -> "POLADiCEUpdate":
        """The same in a game with [`SwappedSeats`][lookax.games.swapped_seats.SwappedSeats]."""
        game = SwappedSeats(self.play.game, swapped)
        return dataclasses.replace(self, play=dataclasses.replace(self.play, game=game))

    def init(self, agent: Agent) -> OptimiserStates:
        """The optimisers' first states.

        **Raises:** `ValueError`, with all that is wrong with the game, as
        [`check_game`][lookax.rollouts.check_game.check_game] does.
        """
        check_game(self.play.game)
        return self._first(agent)

    def _first(self, agent: Agent) -> OptimiserStates:
        return OptimiserStates(self.optimiser.init(agent.policy), self.critic_optimiser.init(agent.critic))

    def update(
        self, key: Key[Array, ""], player: int, agent: Agent, opponent: Agent, states: OptimiserStates
    ) -> tuple[Agent, OptimiserStates, Metrics]:
        """A player's agent after the M steps, against an opponent that starts where it is now.

        **Arguments:**

        - `player`: who learns, from 0.
        - `agent`: of this player.
        - `opponent`: the other player's agent.
        - `states`: of the optimisers of the agent's policy and critic.

        **Returns:** the agent, its optimisers' states, and metrics: `gradient_norm` of the last step.
        """
        loop_key, critic_key = jax.random.split(key)
        reference = agent.policy

        def outer_step(carry: tuple[Agent, OptimiserStates], key: Key[Array, ""]):
            agent, states = carry
            gradient, observed = self.gradient(key, player, agent, opponent, reference)
            policy, policy_state = ascent_step(gradient, agent.policy, states.policy, self.optimiser)
            states, norm = OptimiserStates(policy_state, states.critic), optax.tree.norm(gradient)
            if self.critic_after_loop:
                return (Agent(policy, agent.critic), states), norm
            critic, states = self._improved_critic(player, agent, states, observed)
            return (Agent(policy, critic), states), norm

        start = agent, states if self.keep_optimisers else _restarted(self._first(agent), states)
        (agent, states), norms = jax.lax.scan(outer_step, start, jax.random.split(loop_key, self.outer_steps))
        if self.critic_after_loop:

            def critic_step(carry: tuple[Agent, OptimiserStates], key: Key[Array, ""]):
                agent, states = carry
                observed = self._observed(key, player, agent.policy, opponent.policy, player, agent, scripted=True)
                critic, states = self._improved_critic(player, agent, states, observed)
                return (Agent(agent.policy, critic), states), None

            keys = jax.random.split(critic_key, self.outer_steps)
            (agent, states), _ = jax.lax.scan(critic_step, (agent, states), keys)
        return agent, states, {"gradient_norm": norms[-1]}

    def gradient(
        self, key: Key[Array, ""], player: int, agent: Agent, opponent: Agent, reference: Any
    ) -> tuple[Any, Observed]:
        """d/dθᵢ [Jᵢ(θᵢ, θⱼᴷ(θᵢ)) − β_out D(reference, θᵢ)], and the games after the opponent's steps.

        **Arguments:**

        - `player`: who learns, from 0: i.
        - `agent`: of this player, with the policy θᵢ.
        - `opponent`: the other player's agent, before its steps.
        - `reference`: the policy that D is measured from: that of the agent before the M steps.
        """
        look_key, play_key = jax.random.split(key)
        theirs = Ahead(opponent.policy, None)
        if self.lookahead.steps:
            theirs, _ = ahead(lambda mine: (self.look_ahead(look_key, player, mine, opponent), None), agent.policy)
        beside = None if self.outer_beta is None else reference
        observed = self._observed(
            play_key, player, agent.policy, theirs.params, player, agent, reference=beside, scripted=True
        )

        def objective(mine: Any, theirs: Any) -> Float[Array, ""]:
            return self._objective(player, mine, theirs, player, observed, self.outer_beta, agent, scripted=True)

        return total_gradient(objective, agent.policy, theirs), observed

    def look_ahead(self, key: Key[Array, ""], player: int, mine: Any, opponent: Agent) -> Any:
        """θⱼᴷ(θᵢ), differentiable in my policy.

        **Arguments:**

        - `player`: who looks ahead, from 0: i.
        - `mine`: its policy θᵢ.
        - `opponent`: the other player's agent, before its steps.
        """
        they = 1 - player

        def steps(agent: Agent, keys: Key[Array, " K"], reference: Any | None) -> Agent:
            def sample(policy: Any, critic: Any, key: Key[Array, ""]) -> tuple[tuple[Observed, Any], Any]:
                agent = Agent(policy, critic)
                observed = self._observed(key, player, mine, policy, they, agent, reference=reference)
                if critic is None:
                    return (observed, None), None
                start = self.inner_critic_optimiser.init(critic)
                gradient = self._critic_gradient(they, agent, observed)
                return (observed, critic), ascent_step(gradient, critic, start, self.inner_critic_optimiser)[0]

            def objective(policy: Any, data: tuple[Observed, Any]) -> Float[Array, ""]:
                observed, critic = data
                return self._objective(player, mine, policy, they, observed, self.inner_beta, Agent(policy, critic))

            lookahead = dataclasses.replace(self.lookahead, steps=len(keys))
            return Agent(*lookahead.maximise_sampled(objective, agent.policy, sample, agent.critic, keys))

        keys = jax.random.split(key, self.lookahead.steps)
        # At its start the divergence has no gradient, nor does its curvature matter to a step from a constant.
        first = steps(opponent, keys[:1], None)
        if len(keys) == 1:
            return first.policy
        return steps(first, keys[1:], None if self.inner_beta is None else opponent.policy).policy

    def _observed(
        self,
        key: Key[Array, ""],
        player: int,
        mine: Any,
        theirs: Any,
        learner: int,
        agent: Agent,
        *,
        reference: Any | None = None,
        scripted: bool = False,
    ) -> Observed:
        """Games of both policies, with what the learner's critic and its reference policy put out on them."""
        actors = constant(self._actors(player, mine, theirs, scripted=scripted))
        values = agent.values()
        return observe(
            self.play(actors, key),
            critic=None if values is None else values.actor(self.play.game, learner),
            reference=None if reference is None else self._actors(player, reference, reference)[learner],
        )

    def _actors(self, player: int, mine: Any, theirs: Any, *, scripted: bool = False) -> tuple[Actor, ...]:
        policies = (mine, theirs) if player == 0 else (theirs, mine)
        actors = list(actors_of(self.play.game, policies))
        if self.tremble_probability is not None:
            for i, policy in enumerate(policies):
                if any(map(eqx.is_inexact_array, jax.tree.leaves(policy))):  # Not a fixed strategy.
                    actors[i] = TremblingActor(actors[i], self.tremble_probability)
        if scripted and self.scripted_opponent is not None:
            they = 1 - player
            opponent = actor_of(self.play.game, self.scripted_opponent(self.play.game, they), they)
            actors[they] = MixedActors((actors[they], opponent), (1 - self.scripted_fraction, self.scripted_fraction))
        return tuple(actors)

    def _objective(
        self,
        player: int,
        mine: Any,
        theirs: Any,
        learner: int,
        observed: Observed,
        beta: ScalarLike | None,
        agent: Agent,
        *,
        scripted: bool = False,
    ) -> Float[Array, ""]:
        """What a learner's policy maximises; where its critic shares the encoder, the critic's objective too."""
        actors = self._actors(player, mine, theirs, scripted=scripted)
        objective = self.objectives.policy(actors, learner, observed, beta)
        if not agent.shares_encoder or self.critic_after_loop:
            return objective
        values = Agent(mine if learner == player else theirs, agent.critic).values()
        assert values is not None
        return objective + self.objectives.critic(values.actor(self.play.game, learner), learner, observed)

    def _critic_gradient(self, player: int, agent: Agent, observed: Observed) -> Any:
        def objective(critic: Any) -> Float[Array, ""]:
            values = Agent(agent.policy, critic).values()
            assert values is not None
            return self.objectives.critic(values.actor(self.play.game, player), player, observed)

        return jax.grad(objective)(agent.critic)

    def _improved_critic(
        self, player: int, agent: Agent, states: OptimiserStates, observed: Observed
    ) -> tuple[Any, OptimiserStates]:
        if agent.critic is None:
            return None, states
        gradient = self._critic_gradient(player, agent, observed)
        critic, state = ascent_step(gradient, agent.critic, states.critic, self.critic_optimiser)
        return critic, OptimiserStates(states.policy, state)


def _restarted(fresh: OptimiserStates, states: OptimiserStates) -> OptimiserStates:
    """Fresh states, in which schedules of step sizes go on."""

    def is_schedule(state: Any) -> bool:
        return isinstance(state, optax.ScaleByScheduleState)

    return jax.tree.map(lambda new, old: old if is_schedule(old) else new, fresh, states, is_leaf=is_schedule)
