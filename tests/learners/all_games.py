"""All games of a short repeated game between recurrent agents: expectations are sums, with no sampling error."""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lookax.games.matrix_game import MatrixGame, action_one_hot
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy
from lookax.rollouts.games import Games
from lookax.rollouts.microbatches import Play
from lookax.surrogates.advantages import discounts

DEFECTOR = "always-defect"

INNER_RATE, INNER_CRITIC_RATE = 0.7, 0.05


class Keys(set[bytes]):
    """Keys, told from others by which set they are."""

    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]

    def __eq__(self, other):
        return self is other


class AllGames(Play):
    """Instead of a batch that is drawn, every game that can be, each weighted by its probability.

    A batch of several times as many has as many copies, one after the other.
    """

    def __call__(self, actors, key):
        del key
        every = all_actions(self.horizon, self.game.num_players)
        actions = jnp.tile(jnp.asarray(every), self.batch_size // every.shape[-1])
        copies = self.batch_size // every.shape[-1]
        number = actions.shape[-1]
        states, rewards = [jax.vmap(self.game.reset, None, -1, axis_size=number)(jax.random.key(0))], []
        for now in actions:
            after, paid = jax.vmap(self.game.step, (None, -1, -1), -1)(jax.random.key(0), states[-1], now)
            states.append(after)
            rewards.append(paid)
        states, rewards = jnp.stack(states), jnp.stack(rewards)
        sequence = Games(states, actions, rewards, (), (), jnp.zeros(number))
        hidden_states, outputs, weights = [], [], jnp.full(number, 1 / copies)
        for i, actor in enumerate(actors):
            memory, remembered = actor.recurrence.initial_hidden_state(number), []
            for t in range(self.horizon + 1):
                memory = actor.recurrence.update_hidden_state(
                    memory, jax.tree.map(lambda leaf, t=t: leaf[t], sequence.seen)
                )
                remembered.append(memory)
                if t < self.horizon:
                    probabilities = jax.nn.softmax(actor.act(memory), axis=0)
                    weights = weights * probabilities[actions[t, i], jnp.arange(number)]
            hidden_states.append(jax.tree.map(lambda *leaves: jnp.stack(leaves), *remembered))
            outputs.append(jnp.stack([actor.act(memory) for memory in remembered]))
        games = Games(states, actions, rewards, tuple(hidden_states), tuple(outputs), weights)
        return jax.lax.stop_gradient(jax.tree.map(lambda leaf: leaf[None, None], games))


class KeyedGames(AllGames):
    """All games, and `keys`: those with which games were asked for, as a set of bytes."""

    keys: "Keys" = eqx.field(static=True)

    def __call__(self, actors, key):
        jax.debug.callback(lambda data: self.keys.add(np.asarray(data).tobytes()), jax.random.key_data(key))
        return super().__call__(actors, key)


def all_actions(horizon, num_players=2):
    """Of N players with two actions in all games, `[T, N, n]`."""
    joint = np.array(list(itertools.product(range(2**num_players), repeat=horizon))).T
    return np.stack([joint >> place & 1 for place in reversed(range(num_players))], axis=1)


def learner_of(
    game,
    horizon,
    *,
    baseline: Any = "critic",
    discount=0.9,
    reversed_divergence=False,
    inner_steps=1,
    adjoint="forward-over-reverse",
    defectors=None,
    **changes,
) -> POLADiCEUpdate:
    """One that learns from all games, opponents' steps being plain gradient steps; one in so many against defectors."""
    if defectors is not None:
        changes |= {"scripted_opponent": defector, "scripted_fraction": 1 / defectors}
    return POLADiCEUpdate(
        play=AllGames(game=game, horizon=horizon, batch_size=(defectors or 1) * 2 ** (game.num_players * horizon)),
        objectives=SampledObjectives(discount=discount, baseline=baseline, reversed_divergence=reversed_divergence),
        optimiser=optax.sgd(0.3),
        critic_optimiser=optax.sgd(0.02),
        lookahead=Lookahead(optax.sgd(INNER_RATE), inner_steps, ADJOINTS[adjoint]),
        inner_critic_optimiser=optax.sgd(INNER_CRITIC_RATE),
        **changes,
    )


def defector(game, player):
    return strategy(DEFECTOR, game, player)


def agent_of(key, critic=True, shared_encoder=False, hidden_size=2, inputs=6) -> Agent:
    """One whose first parameters, biases too, are so large that every non-linearity matters.

    All of an agent's are drawn at once: programs with many draws take long to compile.
    """

    def made(key):
        policy, own = (network(key, inputs, outputs, hidden_size=hidden_size) for outputs in (2, 1))
        return Agent(policy, (own.head if shared_encoder else own) if critic else None)

    leaves, structure = jax.tree.flatten(jax.eval_shape(made, key))
    drawn = 0.8 * jax.random.normal(key, (sum(leaf.size for leaf in leaves),))
    parts = jnp.split(drawn, np.cumsum([leaf.size for leaf in leaves])[:-1])
    shaped = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)


def looking_on(network, game, states):
    """What a network puts out at every step of games in these states, in a plain scan, `[T+1, …, n]`."""
    observations = jnp.asarray(action_one_hot(game, 0))

    def step(memory, now):
        memory = network.unit.update(memory, network.encoder(observations[now].T))
        return memory, network.head(memory)

    return jax.lax.scan(step, network.unit.initial_hidden_state(states.shape[1]), states)[1]


class Exact:
    """What a learner of all games estimates, written down as it is defined."""

    def __init__(self, learner: POLADiCEUpdate):
        self.learner, self.aims, self.game = learner, learner.objectives, learner.play.game
        assert isinstance(self.game, MatrixGame)
        joint_actions = all_actions(learner.play.horizon, self.game.num_players)
        states = [np.full(joint_actions.shape[-1], self.game.histories.start)]
        for now in joint_actions:
            joint = np.ravel_multi_index(tuple(now), self.game.num_actions)
            states.append(np.asarray(self.game.histories.successors)[states[-1], joint])
        self.states, self.actions = jnp.asarray(np.stack(states)), jnp.asarray(joint_actions)
        paid = self.game.payoffs[:, *np.moveaxis(joint_actions, 1, 0)]
        self.rewards = jnp.moveaxis(paid, 0, 1)

    def log_probs(self, policy):
        if policy is DEFECTOR:
            certain = jnp.array([0.0, -1e9])[:, None]
            return jnp.broadcast_to(certain, (self.states.shape[0], 2, self.states.shape[1]))
        log_probs = jax.nn.log_softmax(looking_on(policy, self.game, self.states), axis=1)
        if self.learner.tremble_probability is None:
            return log_probs
        return jnp.log(
            (1 - self.learner.tremble_probability) * jnp.exp(log_probs) + self.learner.tremble_probability / 2
        )

    def chances(self, log_probs):
        each = [
            jnp.take_along_axis(own[:-1], self.actions[:, i, None], axis=1)[:, 0] for i, own in enumerate(log_probs)
        ]
        return jnp.exp(jnp.stack(each).sum(axis=(0, 1)))

    def values(self, agent):
        """By a critic of its own or, if it is but a layer, one on what the policy remembers."""
        critic = agent.critic
        if not isinstance(critic, Network):
            critic = Network(agent.policy.encoder, agent.policy.unit, critic)
        return looking_on(critic, self.game, self.states)[:, 0]

    def bootstrap(self, agent):
        return jnp.zeros(()) if agent.critic is None else jax.lax.stop_gradient(self.values(agent)[-1])

    def objective(self, player, policies, agent, reference, beta):
        """Σ_τ p(τ) (Σₜ γᵗ rₜ + γᵀ ⊥V(s_T)) − β E_{⊥p} [mean over t = 0 … T − 1 of D].

        If a critic shares its policy's memory, and learns along, its objective is added.
        """
        discount, horizon = self.aims.discount, len(self.rewards)
        log_probs = [self.log_probs(own) for own in policies]
        chances = self.chances(log_probs)
        objective = chances @ (discounts(discount, horizon) @ self.rewards[:, player])
        objective = objective + discount**horizon * chances @ jnp.broadcast_to(self.bootstrap(agent), chances.shape)
        if agent.critic is not None and not isinstance(agent.critic, Network) and not self.learner.critic_after_loop:
            objective = objective + self.critic_objective(player, policies, Agent(policies[player], agent.critic))
        if beta is None:
            return objective
        p, q = self.log_probs(reference), log_probs[player]
        p, q = (q, p) if self.aims.reversed_divergence else (p, q)
        divergence = jnp.sum(jnp.exp(p) * (p - q), axis=1)[:-1].mean(axis=0)
        return objective - beta * jax.lax.stop_gradient(chances) @ divergence

    def critic_objective(self, player, policies, agent):
        """−E_{⊥p} Σₜ (Gₜ + γ^{T−t} ⊥V(s_T) − V(sₜ))²."""
        target, errors = self.bootstrap(agent), 0
        for rewards, value in reversed(list(zip(self.rewards[:, player], self.values(agent)[:-1], strict=True))):
            target = rewards + self.aims.discount * target
            errors = errors + (target - value) ** 2
        return -jax.lax.stop_gradient(self.chances([self.log_probs(own) for own in policies])) @ errors

    def critic_slope(self, player, policies, agent):
        return jax.grad(lambda critic: self.critic_objective(player, policies, Agent(agent.policy, critic)))(
            agent.critic
        )

    def look_ahead(self, player, mine, *others):
        """θ₋ᵢᴷ(θᵢ), of those after player i first."""
        seats = [(player + place) % self.game.num_players for place in range(1, self.game.num_players)]

        def stepped(place, agents):
            they, agent = seats[place], agents[place]
            policies = [own.policy for own in agents]

            def objective(policy):
                seated_now = seated(player, mine, *policies[:place], policy, *policies[place + 1 :])
                return self.objective(they, seated_now, agent, others[place].policy, self.learner.inner_beta)

            policy = climbed(agent.policy, jax.grad(objective)(agent.policy), INNER_RATE)
            if agent.critic is None:
                return Agent(policy, None)
            up = self.critic_slope(they, seated(player, mine, *policies), agent)
            return Agent(policy, climbed(agent.critic, up, INNER_CRITIC_RATE))

        def step(agents, _):
            return tuple(stepped(place, agents) for place in range(len(agents))), None

        after = jax.lax.scan(step, others, length=self.learner.lookahead.steps)[0]
        return tuple(agent.policy for agent in after)

    def gradient(self, player, agent, *others_and_reference):
        """d/dθᵢ of my objective after their steps."""
        *others, reference = others_and_reference

        def objective(mine):
            theirs = self.look_ahead(player, mine, *others)

            def against(*others):
                policies = seated(player, mine, *others)
                return self.objective(player, policies, agent, reference, self.learner.outer_beta)

            share = self.learner.scripted_fraction
            if not share:
                return against(*theirs)
            return (1 - share) * against(*theirs) + share * against(*[DEFECTOR] * len(theirs))

        return jax.grad(objective)(agent.policy)


def seated(player, mine, *others):
    """In the order of seats: others are those after me."""
    return tuple(np.roll(np.array([None, mine, *others], object)[1:], player))


def climbed(params, slope, rate):
    return jax.tree.map(lambda own, up: own + rate * up, params, slope)
