"""What policy gradients in games with others have in common: games are played, an objective of them is climbed."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree, ScalarLike

from lookax.categorical import entropy
from lookax.concrete import constant, known
from lookax.errors import BadInputError, check, check_at_least
from lookax.games.game import Game
from lookax.games.rotated_seats import RotatedSeats, in_seats
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.policy_gradients.experience import Experience, unrolled
from lookax.learners.policy_gradients.symmetry import check_symmetric
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.policies.actor import Actor, actor_of, ends_of_parts
from lookax.policies.mixture import Mixture, Substitutes
from lookax.policies.network import Network
from lookax.policies.strategies import NEVER
from lookax.rollouts.check_game import check_game
from lookax.rollouts.games import Games, observed_by
from lookax.rollouts.microbatches import Play, in_microbatches


class PolicyGradient(eqx.Module):
    """Takes steps up an objective of games that it plays with others, one batch of them for every update.

        θ ← θ + u(∇ mean over games and steps of [Lₜ(θ) + c_H H(π_θ(·|oₜ)) − c_V |Vₜ(θ) − Gₜ|²]),

    with u an optimiser's step, L the `objective` of an algorithm, H the entropy, and G the λ-return that the critic
    learns: A + V by GAE with its own λ. A critic that puts out 1 + A numbers gives action values too: Q(oₜ, aₜ) learns
    the same G.

    **Attributes:**

    - `play`: how games are played.
    - `optimiser`: of the agent, its policy and its critic.
    - `discount`: γ.
    - `gae_lambda`: λ of advantages.
    - `critic_lambda`: λ of what the critic learns.
    - `entropy_coefficient`, `value_coefficient`: c_H and c_V.
    - `epochs`: steps that are taken with the same games.
    - `all_seats`: the opponent is the agent itself, which has all seats and learns from each of them. The game must be
      the same for all of its players, as they see it.
    - `scripted_opponents`: each from the game and a seat to a fixed strategy, against which a part of the games is
      played; they do not learn, and are not shaped.
    - `scripted_fractions`: those parts.

    **Raises:** `ValueError` for numbers out of range.
    """

    shapes_others: ClassVar[bool] = False
    """Whether others' critics are needed."""
    needs_action_values: ClassVar[bool] = False
    """Whether critics have to put out 1 + A numbers."""

    _: dataclasses.KW_ONLY
    play: Play
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    discount: ScalarLike
    gae_lambda: ScalarLike = 0.95
    critic_lambda: ScalarLike = 0.95
    entropy_coefficient: ScalarLike = 0.01
    value_coefficient: ScalarLike = 0.5
    epochs: int = eqx.field(static=True, default=1)
    all_seats: bool = eqx.field(static=True, default=False)
    scripted_opponents: tuple[Callable[[Game, int], Any], ...] = eqx.field(static=True, default=())
    scripted_fractions: tuple[float, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        check_at_least("epochs", self.epochs, 1)
        for name in ("discount", "gae_lambda", "critic_lambda"):
            if (value := known(getattr(self, name))) is not None:
                check(0 <= value <= 1, name, value, "between 0 and 1")
        for name in ("entropy_coefficient", "value_coefficient"):
            if (value := known(getattr(self, name))) is not None:
                check_at_least(name, value, 0)
        if self.all_seats:
            check_symmetric(self.play.game)
        at_once = self.play.batch_size // self.play.num_microbatches
        rule = f"as many as opponents, each at least 1/{at_once} and together at most {at_once - 1}/{at_once}, as "
        rule += f"{at_once} games are played at once"
        each = all(fraction * at_once >= 1 - 1e-9 for fraction in self.scripted_fractions)
        possible = len(self.scripted_opponents) == len(self.scripted_fractions) and each
        possible = possible and sum(self.scripted_fractions) * at_once <= at_once - 1 + 1e-9
        check(possible, "scripted_fractions", self.scripted_fractions, rule)

    @abc.abstractmethod
    def objective(self, log_probs: Float[Array, "T B"], experience: Experience) -> Float[Array, "T B"]:
        """Lₜ, differentiable in log π_θ(aₜ|o₀ … oₜ) of what was played, `[T, B′]`.

        **Arguments:** `log_probs`, `[T, B′]`; the `experience`, a constant.
        """

    def rotated(self, shift: Int[Array, ""]) -> "PolicyGradient":
        """The same in a game with [`RotatedSeats`][lookax.games.rotated_seats.RotatedSeats]."""
        game = RotatedSeats(self.play.game, shift)
        return dataclasses.replace(self, play=dataclasses.replace(self.play, game=game))

    def init(self, agent: Agent) -> PyTree:
        """The optimiser's first state.

        **Raises:** `ValueError`, with all that is wrong with the game, as
        [`check_game`][lookax.rollouts.check_game.check_game] does.
        """
        check_game(self.play.game)
        return self.optimiser.init(agent)

    def update(
        self, key: Key[Array, ""], player: int, agent: Agent, others: tuple[Agent, ...], states: PyTree
    ) -> tuple[Agent, PyTree, Metrics]:
        """A player's agent after a batch of games with the others.

        **Arguments:**

        - `player`: who learns, from 0.
        - `agent`: of this player.
        - `others`: the other players' agents, those [after][lookax.games.rotated_seats.seats_after] this one first. Of
          a [`Mixture`][lookax.policies.mixture.Mixture] the first policy is the present one, whose critic it is; all of
          them are then mixtures, of the same fractions.
        - `states`: of the optimiser.

        **Returns:** the agent, the optimiser's state, and metrics: `gradient_norm` of the last step, and `entropy`.
        """
        experience = self.experience(key, player, agent, others)

        def step(carry: tuple[Agent, PyTree], _: None) -> tuple[tuple[Agent, PyTree], Metrics]:
            agent, state = carry
            gradient, entropy = self.gradient(agent, experience)
            agent, state = ascent_step(gradient, agent, state, self.optimiser)
            return (agent, state), {"gradient_norm": optax.tree.norm(gradient), "entropy": entropy}

        if self.epochs == 1:
            (agent, states), metrics = step((agent, states), None)
            return agent, states, metrics
        (agent, states), metrics = jax.lax.scan(step, (agent, states), length=self.epochs)
        return agent, states, jax.tree.map(lambda leaf: leaf[-1], metrics)

    def experience(self, key: Key[Array, ""], player: int, agent: Agent, others: tuple[Agent, ...]) -> Experience:
        """Games, as the agent has seen them, in microbatches `[devices, P / devices, …]`.

        **Arguments:** as of [`update`][lookax.learners.policy_gradients.policy_gradient.PolicyGradient.update].
        """
        game = self.play.game
        present, substitutes, fractions = self._parts(others)
        agents = list(in_seats(player, agent, present))
        by_seat = in_seats(player, (), substitutes)
        actors: list[Actor] = []
        for seat, (own, instead) in enumerate(zip(agents, by_seat, strict=True)):
            actor = actor_of(game, own.policy, seat)
            policies = [*instead, *(make(game, seat) for make in self.scripted_opponents)]
            if seat != player and policies:
                actor = Substitutes(actor, tuple(actor_of(game, policy, seat) for policy in policies), fractions)
            actors.append(actor)
        games = self.play(constant(tuple(actors)), key)
        return in_microbatches(lambda agents, games: self._seen(player, agents, games, fractions), agents, games)

    def gradient(self, agent: Agent, experience: Experience) -> tuple[Agent, Float[Array, ""]]:
        """∇ of what is climbed, by the agent; and the mean entropy.

        **Arguments:** the `agent`; the `experience`, in microbatches.
        """

        def of_microbatch(agent: Agent, own: Experience) -> tuple[Agent, Float[Array, ""]]:
            return eqx.filter_grad(self._climbed, has_aux=True)(agent, own)

        means = in_microbatches(of_microbatch, agent, experience)
        return jax.tree.map(lambda leaf: leaf.mean(axis=(0, 1)), means)

    def _climbed(self, agent: Agent, own: Experience) -> tuple[Float[Array, ""], Float[Array, ""]]:
        hidden_states, outputs = unrolled(agent.policy, own.observations)
        log_probs = jax.nn.log_softmax(outputs, axis=1)
        actions = jax.nn.one_hot(own.actions[:, 0], log_probs.shape[1], axis=1, dtype=log_probs.dtype)
        entropies = entropy(log_probs, axis=1)
        taken = jnp.sum(log_probs * actions, axis=1)
        terms = self.objective(taken, own) + self.entropy_coefficient * entropies
        if agent.critic is not None:
            if agent.shares_encoder:
                values = jax.vmap(agent.critic)(hidden_states)
            else:
                values = unrolled(agent.critic, own.observations)[1]
            targets = own.advantages(self.discount, self.critic_lambda)[:, 0] + own.values[:-1, 0]
            errors = (values[:, 0] - targets) ** 2
            if values.shape[1] > 1:
                errors = errors + (jnp.sum(values[:, 1:] * actions, axis=1) - targets) ** 2
            terms = terms - self.value_coefficient * errors
        return (terms @ own.weights).mean(), (entropies @ own.weights).mean()

    def _parts(
        self, others: tuple[Agent, ...]
    ) -> tuple[tuple[Agent, ...], tuple[tuple[Any, ...], ...], tuple[float, ...]]:
        """The present others, what other policies each of them has in the last games, and all fractions of games."""
        mixtures = [own.policy if isinstance(own.policy, Mixture) else Mixture((own.policy,), (1.0,)) for own in others]
        fractions = mixtures[0].fractions
        same = all(own.fractions == fractions for own in mixtures)
        check(same, "fractions", [own.fractions for own in mixtures], "the same for all others")
        rest = 1 - sum(self.scripted_fractions)
        fractions = (*(own * rest for own in fractions), *self.scripted_fractions)
        present = tuple(Agent(own.policies[0], other.critic) for own, other in zip(mixtures, others, strict=True))
        return present, tuple(own.policies[1:] for own in mixtures), fractions

    def _seen(self, player: int, agents: list[Agent], games: Games, fractions: tuple[float, ...]) -> Experience:
        """What is learned from one microbatch."""
        batch = games.weights.shape[0]
        ends = ends_of_parts(fractions, batch)
        present, learning = ends[1], ends[len(ends) - 1 - len(self.scripted_fractions)]
        outputs = [self._values(seat, own, games, substituted=seat != player and len(fractions) > 1)
                   for seat, own in enumerate(agents)]  # fmt: skip
        width = max(own.shape[1] for own in outputs)
        # A player with fewer actions than another one never takes what it does not have.
        padded = [jnp.pad(own, ((0, 0), (0, width - own.shape[1]), (0, 0)), constant_values=NEVER) for own in outputs]
        values = jnp.stack(padded, axis=2)
        log_probs = jnp.stack([_log_prob(out, games.actions[:, i]) for i, out in enumerate(games.outputs)], axis=1)
        who_learns = jnp.array([_learns(own) for own in agents], float)
        for seat, own in enumerate(agents):
            if seat == player or (self.shapes_others and _learns(own)):
                self._check_critic(seat, own, outputs[seat].shape[1])
        with_learners = jnp.arange(batch) < learning

        def of_seat(seat: int) -> Experience:
            observe = jax.vmap(jax.vmap(lambda state: self.play.game.observe(state, seat), -1, -1))
            own = Experience(
                observe(games.states)[:-1],
                _first(games.actions, seat, 1),
                _first(log_probs, seat, 1),
                _first(games.rewards, seat, 1),
                _first(values[:, 0], seat, 1),
                _first(values[:-1, 1:], seat, 2),
                jnp.where(with_learners, _first(who_learns, seat, 0)[1:, None], 0.0),
                games.weights,
            )
            return own if seat == player else jax.tree.map(lambda leaf: leaf[..., :present], own)

        seats = [player]
        if self.all_seats:
            seats += [seat for seat in range(self.play.game.num_players) if seat != player]
        own = jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=-1), *map(of_seat, seats))
        return dataclasses.replace(own, weights=own.weights / own.weights.sum())

    def _check_critic(self, seat: int, agent: Agent, number: int) -> None:
        """Raises `ValueError` for an agent whose critic does not put out what is needed."""
        needed = 1 + self.play.game.num_actions[seat]
        if agent.critic is None and (self.shapes_others or self.needs_action_values):
            raise BadInputError(f"critic: player {seat} has none, and {type(self).__name__} needs one of all who learn")
        if self.needs_action_values and number != needed:
            raise BadInputError(
                f"critic: that of player {seat} puts out {number} numbers; {type(self).__name__} needs {needed}: "
                "the value, and that of every action"
            )

    def _values(self, seat: int, agent: Agent, games: Games, *, substituted: bool) -> Float[Array, "_ V B"]:
        """What a seat's critic puts out on s₀ … s_T; zeros where there is none."""
        if agent.critic is None:
            return jnp.zeros((games.rewards.shape[0] + 1, 1, games.weights.shape[0]))
        if agent.shares_encoder:
            hidden_states = games.hidden_states[seat]
            return jax.vmap(agent.critic)(hidden_states[0] if substituted else hidden_states)
        network = agent.values()
        assert isinstance(network, Network)
        return observed_by(network.actor(self.play.game, seat), games)[1]


def _learns(agent: Agent) -> bool:
    """Whether an agent has parameters: who has is taken for one who learns."""
    return any(map(eqx.is_inexact_array, jax.tree.leaves(agent.policy)))


def _first(leaf: Array, seat: int, axis: int) -> Array:
    """The players in another order: the seat's own first, then those after it."""
    return jnp.roll(leaf, -seat, axis)


def _log_prob(outputs: Float[Array, "_ A B"], actions: Int[Array, "T B"]) -> Float[Array, "T B"]:
    """Log-probabilities of what was played."""
    log_probs = jax.nn.log_softmax(outputs[:-1], axis=1)
    return jnp.sum(log_probs * jax.nn.one_hot(actions, outputs.shape[1], axis=1, dtype=outputs.dtype), axis=1)
