"""POLA-DiCE: proximal opponent shaping from sampled games, by agents with a hidden state (Zhao et al. 2022).

Algorithm 2 of the paper, as one player's update among [`Agents`][lookax.learners.agents.Agents]. Its two players
are any number here: all opponents take their steps at once.
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Float, Int, Key, PyTree, ScalarLike

from lookax.concrete import constant
from lookax.errors import check, check_at_least
from lookax.games.game import Game
from lookax.games.rotated_seats import RotatedSeats, in_seats, seats_after
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent, Observed, SampledObjectives, observe
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.lookahead.total_derivative import Ahead, ahead, total_gradient
from lookax.policies.actor import Actor, MixedActors, TremblingActor, actor_of
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
    """Takes M steps up the return after the opponents' K steps, and stays near the policy that it started from.

    From all players' agents at the start of the update, θᵢ⁰ = θᵢ, and for m = 0 … M − 1

        θⱼ⁰ = θⱼ,    θⱼᵏ⁺¹ = θⱼᵏ + η ∇_θⱼ [Jⱼ(θᵢᵐ, θ₋ᵢᵏ) − β_in D(θⱼ, θⱼᵏ)],    k = 0 … K − 1, for all j ≠ i at once,
        θᵢᵐ⁺¹ = θᵢᵐ + u(d/dθᵢ [Jᵢ(θᵢ, θ₋ᵢᴷ(θᵢ)) − β_out D(θᵢ⁰, θᵢ)] at θᵢᵐ),

    each J and D estimated from games of the policies that it is of
    ([`SampledObjectives`][lookax.learners.objectives.sampled_objectives.SampledObjectives]), played anew for each k,
    the same ones for all opponents. Critics learn along, an opponent's by steps of its own within its K, from where it
    is at the update's start. The paper has two players; with more, opponents step up their own returns at once, as in
    exact [`LOLA`][lookax.learners.lola.LOLA].

    With M = 1 and neither β it is LOLA-DiCE of agents with a hidden state (Foerster et al. 2018), with K = 0 too a
    naive policy gradient.

    **Attributes:**

    - `play`: how games are played.
    - `objectives`: what of them is maximised.
    - `optimiser`, `critic_optimiser`: of the M outer steps.
    - `lookahead`: the opponents' K steps, and how they are differentiated.
    - `inner_critic_optimiser`: of the opponents' critics in them; it starts afresh at each step.
    - `outer_steps`: M ≥ 1.
    - `inner_beta`, `outer_beta`: β; `None` for no divergence.
    - `keep_optimisers`: optimisers go on from one update to the next; else they start afresh, as published. Schedules
      of step sizes, such as `optax.adam(optax.linear_schedule(…))`, go on in any case.
    - `critic_after_loop`: the critic stays as it is in the M steps, and then takes M on games of the new policy.
    - `tremble_probability`: ε with which learners' actions are replaced by random ones in the games that are learned
      from, and in D; `None` for never. States off the path of play are then visited, too.
    - `scripted_opponent`: from a game and a player to a fixed strategy, which has all other seats in a part of the
      games of Jᵢ and of its divergence; it does not learn.
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

    def rotated(self, shift: Int[Array, ""]) -> "POLADiCEUpdate":
        """The same in a game with [`RotatedSeats`][lookax.games.rotated_seats.RotatedSeats]."""
        game = RotatedSeats(self.play.game, shift)
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
        self, key: Key[Array, ""], player: int, agent: Agent, others: tuple[Agent, ...], states: OptimiserStates
    ) -> tuple[Agent, OptimiserStates, Metrics]:
        """A player's agent after the M steps, against opponents that start where they are now.

        **Arguments:**

        - `player`: who learns, from 0.
        - `agent`: of this player.
        - `others`: the other players' agents, those [after][lookax.games.rotated_seats.seats_after] this one first.
        - `states`: of the optimisers of the agent's policy and critic.

        **Returns:** the agent, its optimisers' states, and metrics: `gradient_norm` of the last step.
        """
        loop_key, critic_key = jax.random.split(key)
        reference = agent.policy

        def outer_step(carry: tuple[Agent, OptimiserStates], key: Key[Array, ""]):
            agent, states = carry
            gradient, observed = self.gradient(key, player, agent, others, reference)
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
                policies = in_seats(player, agent.policy, [other.policy for other in others])
                [observed] = self._observed(key, policies, {player: agent}, scripted_for=player)
                critic, states = self._improved_critic(player, agent, states, observed)
                return (Agent(agent.policy, critic), states), None

            keys = jax.random.split(critic_key, self.outer_steps)
            (agent, states), _ = jax.lax.scan(critic_step, (agent, states), keys)
        return agent, states, {"gradient_norm": norms[-1]}

    def gradient(
        self, key: Key[Array, ""], player: int, agent: Agent, others: tuple[Agent, ...], reference: Any
    ) -> tuple[Any, Observed]:
        """d/dθᵢ [Jᵢ(θᵢ, θ₋ᵢᴷ(θᵢ)) − β_out D(reference, θᵢ)], and the games after the opponents' steps.

        **Arguments:**

        - `player`: who learns, from 0: i.
        - `agent`: of this player, with the policy θᵢ.
        - `others`: the other players' agents, before their steps, those after this one first.
        - `reference`: the policy that D is measured from: that of the agent before the M steps.
        """
        look_key, play_key = jax.random.split(key)
        theirs = Ahead(tuple(other.policy for other in others), None)
        if self.lookahead.steps:
            theirs, _ = ahead(lambda mine: (self.look_ahead(look_key, player, mine, others), None), agent.policy)
        references = {} if self.outer_beta is None else {player: reference}
        policies = in_seats(player, agent.policy, theirs.params)
        [observed] = self._observed(play_key, policies, {player: agent}, references, scripted_for=player)

        def objective(mine: Any, theirs: Any) -> Float[Array, ""]:
            policies = in_seats(player, mine, theirs)
            return self._objective(policies, player, observed, self.outer_beta, agent.critic, scripted_for=player)

        return total_gradient(objective, agent.policy, theirs), observed

    def look_ahead(self, key: Key[Array, ""], player: int, mine: Any, others: tuple[Agent, ...]) -> tuple[Any, ...]:
        """θ₋ᵢᴷ(θᵢ), differentiable in my policy.

        **Arguments:**

        - `player`: who looks ahead, from 0: i.
        - `mine`: its policy θᵢ.
        - `others`: the other players' agents, before their steps, those after this one first.

        **Returns:** their policies, in the same order.
        """
        seats = seats_after(player, self.play.game.num_players)

        def steps(agents: tuple[Agent, ...], keys: Key[Array, " K"], references: dict[int, Any]) -> tuple[Agent, ...]:
            def sample(policies: tuple[Any, ...], critics: tuple[Any, ...], key: Key[Array, ""]):
                learners = {seat: Agent(*own) for seat, *own in zip(seats, policies, critics, strict=True)}
                observed = self._observed(key, in_seats(player, mine, policies), learners, references)
                improved = [
                    self._inner_critic(seat, learner, own)
                    for (seat, learner), own in zip(learners.items(), observed, strict=True)
                ]
                return (observed, critics), tuple(improved)

            def objective(place: int) -> Callable[..., Float[Array, ""]]:
                def of(policies: tuple[Any, ...], data: tuple[tuple[Observed, ...], tuple[Any, ...]]):
                    observed, critics = (own[place] for own in data)
                    everyone = in_seats(player, mine, policies)
                    return self._objective(everyone, seats[place], observed, self.inner_beta, critics)

                return of

            policies, critics = zip(*((agent.policy, agent.critic) for agent in agents), strict=True)
            lookahead = dataclasses.replace(self.lookahead, steps=len(keys))
            objectives = tuple(map(objective, range(len(agents))))
            after = lookahead.maximise_sampled(objectives, policies, sample, critics, keys)
            return tuple(Agent(*own) for own in zip(*after, strict=True))

        keys = jax.random.split(key, self.lookahead.steps)
        # At its start the divergence has no gradient, nor does its curvature matter to a step from a constant.
        after = steps(others, keys[:1], {})
        if len(keys) > 1:
            references = {} if self.inner_beta is None else {
                seat: other.policy for seat, other in zip(seats, others, strict=True)
            }  # fmt: skip
            after = steps(after, keys[1:], references)
        return tuple(agent.policy for agent in after)

    def _inner_critic(self, player: int, agent: Agent, observed: Observed) -> Any:
        """An opponent's critic after its step; `None` where it has none."""
        if agent.critic is None:
            return None
        start = self.inner_critic_optimiser.init(agent.critic)
        gradient = self._critic_gradient(player, agent, observed)
        return ascent_step(gradient, agent.critic, start, self.inner_critic_optimiser)[0]

    def _observed(
        self,
        key: Key[Array, ""],
        policies: tuple[Any, ...],
        learners: dict[int, Agent],
        references: Mapping[int, Any] = MappingProxyType({}),
        *,
        scripted_for: int | None = None,
    ) -> tuple[Observed, ...]:
        """Games of all policies; for each learner with what its critic and its reference policy put out on them.

        Learners and references are by their seats.
        """
        games = self.play(constant(self._actors(policies, scripted_for)), key)

        def of(player: int, agent: Agent) -> Observed:
            values, reference = agent.values(), None
            if player in references:
                reference = self._actor(references[player], player)
            return observe(
                games,
                critic=None if values is None else values.actor(self.play.game, player),
                reference=reference,
            )

        return tuple(of(player, agent) for player, agent in learners.items())

    def _actor(self, policy: Any, player: int) -> Actor:
        actor = actor_of(self.play.game, policy, player)
        learns = any(map(eqx.is_inexact_array, jax.tree.leaves(policy)))  # Not a fixed strategy.
        if self.tremble_probability is None or not learns:
            return actor
        return TremblingActor(actor, self.tremble_probability)

    def _actors(self, policies: tuple[Any, ...], scripted_for: int | None) -> tuple[Actor, ...]:
        """All players' actors; in a part of the games scripted opponents of that player."""
        actors = [self._actor(policy, player) for player, policy in enumerate(policies)]
        if scripted_for is not None and self.scripted_opponent is not None:
            fractions = 1 - self.scripted_fraction, self.scripted_fraction
            for seat in seats_after(scripted_for, len(policies)):
                opponent = actor_of(self.play.game, self.scripted_opponent(self.play.game, seat), seat)
                actors[seat] = MixedActors((actors[seat], opponent), fractions)
        return tuple(actors)

    def _objective(
        self,
        policies: tuple[Any, ...],
        learner: int,
        observed: Observed,
        beta: ScalarLike | None,
        critic: Any,
        *,
        scripted_for: int | None = None,
    ) -> Float[Array, ""]:
        """What a learner's policy maximises; where its critic shares the encoder, the critic's objective too."""
        objective = self.objectives.policy(self._actors(policies, scripted_for), learner, observed, beta)
        agent = Agent(policies[learner], critic)
        if not agent.shares_encoder or self.critic_after_loop:
            return objective
        values = agent.values()
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
