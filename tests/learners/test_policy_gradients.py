"""LOQA, Advantage Alignment and PPO over all games that two agents can play, against sums as they are defined."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.policy_gradients.advantage_alignment import AdvantageAlignment
from lookax.learners.policy_gradients.loqa import LOQA
from lookax.learners.policy_gradients.ppo import PPO
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy
from tests.learners.all_games import AllGames, all_actions, defector

HORIZON, DISCOUNT, LAMBDA, CRITIC_LAMBDA = 3, 0.9, 0.8, 0.6
GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"], own_view=True)
LOPSIDED = MatrixGame(jax.random.normal(jax.random.key(3), (2, 2, 2)))
KEY = jax.random.key(5)
close = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-9)
"""Both are computed in double precision; gradients are of order 1."""


def quick(function):
    """Compiled without optimisation: it runs for milliseconds."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def agent_of(seed, values=1, shared=True, inputs=6):
    """One whose parameters are so large that every non-linearity matters."""
    keys = jax.random.split(jax.random.key(seed), 3)
    policy, critic = (
        network(key, inputs, outputs, hidden_size=3) for key, outputs in zip(keys, (2, values), strict=False)
    )
    agent = Agent(policy, critic.head if shared else critic)
    leaves, structure = jax.tree.flatten(agent)
    drawn = 0.8 * jax.random.normal(keys[2], (sum(leaf.size for leaf in leaves),))
    parts = jnp.split(drawn, np.cumsum([leaf.size for leaf in leaves])[:-1])
    shaped = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)


def learner_of(kind, game=GAME, copies=1, **options):
    play = AllGames(game=game, horizon=HORIZON, batch_size=copies * 2 ** (game.num_players * HORIZON))
    given = {"discount": DISCOUNT, "gae_lambda": LAMBDA, "critic_lambda": CRITIC_LAMBDA, "entropy_coefficient": 0.3}
    return kind(play=play, optimiser=optax.sgd(0.1), value_coefficient=0.2, **(given | options))


def games_of(game):
    """States `[T+1, n]`, actions `[T, N, n]` and rewards `[T, N, n]` of all games."""
    actions = all_actions(HORIZON, game.num_players)
    states = [np.full(actions.shape[-1], game.histories.start)]
    for now in actions:
        joint = np.ravel_multi_index(tuple(now), game.num_actions)
        states.append(np.asarray(game.histories.successors)[states[-1], joint])
    rewards = np.asarray(game.payoffs)[:, *np.moveaxis(actions, 1, 0)]
    return np.stack(states), actions, np.moveaxis(rewards, 0, 1)


def outputs_of(own, game, seat, states):
    """A network's in a seat, step by step, `[T+1, …, n]`."""
    observations = jnp.stack([game.observe(jnp.array(state), seat) for state in range(game.num_states)])
    memory, found = own.unit.initial_hidden_state(states.shape[1]), []
    for now in states:
        memory = own.unit.update(memory, own.encoder(observations[now].T))
        found.append(own.head(memory))
    return jnp.stack(found)


def critic_of(agent):
    return agent.critic if isinstance(agent.critic, Network) else Network(*_trunk(agent.policy), agent.critic)


def _trunk(policy):
    return policy.encoder, policy.unit


def gae(rewards, values, gae_lambda):
    """By its definition, a sum over what is left, `[T, n]`."""
    deltas = rewards + DISCOUNT * values[1:] - values[:-1]
    return np.stack([
        sum((DISCOUNT * gae_lambda) ** (k - t) * deltas[k] for k in range(t, HORIZON)) for t in range(HORIZON)
    ])  # fmt: skip


def advantages_that_align(weight):
    def made(mine, others, *_):
        past = [sum(DISCOUNT ** (t - k) * mine[k] for k in range(t)) for t in range(HORIZON)]
        return np.stack([mine[t] + weight * DISCOUNT * past[t] * others[t] for t in range(HORIZON)])

    return made


def advantages_of_loqa(weight, decay, temperature):
    def made(mine, others, their_returns, their_values, their_action_values, their_actions):
        action_values = np.array(their_action_values)
        taken = np.asarray(their_actions)[:, None]
        np.put_along_axis(action_values, taken, their_returns[:, None], axis=1)
        chances = np.exp(action_values / temperature)
        chances = np.take_along_axis(chances / chances.sum(axis=1, keepdims=True), taken, 1)[:, 0]
        worth = their_returns - their_values
        return np.stack([
            mine[t]
            + weight / temperature * worth[t]
            * sum((DISCOUNT * decay) ** (t - k) * mine[k] * (1 - chances[k]) for k in range(t))
            for t in range(HORIZON)
        ])  # fmt: skip

    return made


def with_stopped_normaliser_and_present_reward(weight):
    def made(mine, others, their_returns, their_values, *_):
        worth = their_returns - their_values
        return np.stack([
            mine[t] + weight * worth[t] * sum((DISCOUNT * 0.9) ** (t - k) * mine[k] for k in range(t + 1))
            for t in range(HORIZON)
        ])  # fmt: skip

    return made


def standardised(weighted):
    """Of advantages less their mean over all games, over their deviation, which the others' are divided by too."""

    def made(mine, others, *rest, chances):
        centred = mine - (mine @ chances).mean()
        deviation = np.sqrt((centred**2 @ chances).mean())
        return weighted(centred / deviation, others / deviation, *rest)

    return made


def by_enumeration(learner, weighted, agents, seats, game=GAME, scripted=False):
    """The gradient by the learning agent: Σ over games and seats of p (Σₜ Âₜ ∇log π(aₜ) + …)/T."""
    states, actions, rewards = games_of(game)
    policies = [outputs_of(own.policy, game, seat, states) for seat, own in enumerate(agents)]
    values = [np.asarray(outputs_of(critic_of(own), game, seat, states)) for seat, own in enumerate(agents)]
    probabilities = [jax.nn.log_softmax(own[:-1], axis=1) for own in policies]
    played = [jnp.take_along_axis(own, actions[:, i, None], 1)[:, 0] for i, own in enumerate(probabilities)]
    chances = np.exp(np.asarray(sum(played)).sum(axis=0))
    if scripted:
        chances = np.exp(np.asarray(played[seats[0]]).sum(axis=0)) * (actions[:, 1 - seats[0]] == 0).all(axis=0)
    total = 0.0
    for seat in seats:
        mine = gae(rewards[:, seat], values[seat][:, 0], LAMBDA)
        coefficients = mine
        for they in range(len(agents)):
            # What each of the others adds to my advantages adds up.
            if they == seat or weighted is None or scripted:
                continue
            others = gae(rewards[:, they], values[they][:, 0], LAMBDA)
            their_returns = gae(rewards[:, they], values[they][:, 0], 1.0) + values[they][:-1, 0]
            given = mine, others, their_returns, values[they][:-1, 0], values[they][:-1, 1:], actions[:, they]
            if "chances" in inspect.signature(weighted).parameters:
                coefficients = weighted(*given, chances=chances)
            else:
                coefficients = coefficients + weighted(*given) - mine
        targets = gae(rewards[:, seat], values[seat][:, 0], CRITIC_LAMBDA) + values[seat][:-1, 0]

        def objective(agent, seat=seat, coefficients=coefficients, targets=targets):
            log_probs = jax.nn.log_softmax(outputs_of(agent.policy, game, seat, states)[:-1], axis=1)
            own = jnp.take_along_axis(log_probs, actions[:, seat, None], 1)[:, 0]
            entropies = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=1)
            terms = coefficients * own + learner.entropy_coefficient * entropies
            put_out = outputs_of(critic_of(agent), game, seat, states)[:-1]
            errors = (put_out[:, 0] - targets) ** 2
            if put_out.shape[1] > 1:
                errors = errors + (jnp.take_along_axis(put_out[:, 1:], actions[:, seat, None], 1)[:, 0] - targets) ** 2
            return ((terms - learner.value_coefficient * errors) @ chances).mean()

        gradient = flat(jax.grad(objective)(agents[seats[0]]))
        total = total + gradient / len(seats)
    return total


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def gradient_of(learner, player, agent, *others):
    def gradient(agent, *others):
        return learner.gradient(agent, learner.experience(KEY, player, agent, others))[0]

    return flat(quick(gradient)(agent, *others))


CASES = {
    "ppo": (PPO, {"clip": 0.2}, None, 1),
    "advantage-alignment": (AdvantageAlignment, {"weight": 0.7}, advantages_that_align(0.7), 1),
    "loqa": (
        LOQA,
        {"weight": 0.8, "decay": 0.7, "temperature": 1.4},
        advantages_of_loqa(0.8, 0.7, 1.4),
        3,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("player", [0, 1])
def test_gradients_are_those_of_all_games(name, player):
    kind, options, weighted, values = CASES[name]
    learner = learner_of(kind, LOPSIDED, **options)
    agents = [agent_of(seed, values, shared=seed == 1) for seed in (1, 2)]
    theirs = by_enumeration(learner, weighted, agents, [player], LOPSIDED)
    close(gradient_of(learner, player, agents[player], agents[1 - player]), theirs)


OPTIONS = {
    "loqa": (
        LOQA,
        {"weight": 0.8, "stop_normaliser": True, "present_reward": True},
        with_stopped_normaliser_and_present_reward(0.8),
        3,
    ),
    "advantage-alignment": (
        AdvantageAlignment,
        {"weight": 0.7, "normalised": True},
        standardised(advantages_that_align(0.7)),
        1,
    ),
    "ppo": (PPO, {"normalised": True}, standardised(lambda mine, *_: mine), 1),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_their_options_are_those_of_all_games(name):
    kind, options, weighted, values = OPTIONS[name]
    agents = [agent_of(seed, values) for seed in (1, 2)]
    theirs = by_enumeration(learner_of(kind, LOPSIDED, **options), weighted, agents, [0], LOPSIDED)
    close(gradient_of(learner_of(kind, LOPSIDED, **options), 0, *agents), theirs)


def test_several_epochs_are_steps_with_the_same_games():
    learner = learner_of(PPO, clip=0.05, epochs=2)
    agents = [agent_of(seed) for seed in (1, 2)]

    @quick
    def by_update(agent, opponent):
        return learner.update(KEY, 0, agent, (opponent,), learner.optimiser.init(agent))[0]

    @quick
    def by_hand(agent, opponent):
        experience = learner.experience(KEY, 0, agent, (opponent,))
        for _ in range(2):
            up = learner.gradient(agent, experience)[0]
            agent = jax.tree.map(lambda own, by: own + 0.1 * by, agent, up)
        return agent

    close(flat(by_update(*agents)), flat(by_hand(*agents)))


@pytest.mark.parametrize("name", CASES)
def test_with_all_seats_it_learns_from_each(name):
    kind, options, weighted, values = CASES[name]
    learner = learner_of(kind, all_seats=True, **options)
    agent = agent_of(1, values)
    close(gradient_of(learner, 0, agent, agent), by_enumeration(learner, weighted, [agent, agent], [0, 1]))


@pytest.mark.parametrize("name", CASES)
def test_who_does_not_learn_is_not_shaped(name):
    """Half of the games are against a defector: there, the opponent's part is that of its own policy's gradient."""
    kind, options, weighted, values = CASES[name]
    learner = learner_of(kind, copies=2, scripted_opponents=(defector,), scripted_fractions=(0.5,), **options)
    agents = [agent_of(seed, values) for seed in (1, 2)]
    half = by_enumeration(learner, weighted, agents, [0]), by_enumeration(learner, weighted, agents, [0], scripted=True)
    mean = (half[0] + half[1]) / 2
    close(gradient_of(learner, 0, agents[0], agents[1]), mean)


@pytest.mark.parametrize("name", ["advantage-alignment", "loqa"])
def test_with_all_seats_games_against_a_strategy_are_there_once(name):
    """Half of the games are against a defector: those with itself are there for both seats."""
    kind, options, weighted, values = CASES[name]
    scripted = {"scripted_opponents": (defector,), "scripted_fractions": (0.5,)}
    learner = learner_of(kind, copies=2, all_seats=True, **scripted, **options)
    agent = agent_of(1, values)
    both = [by_enumeration(learner, weighted, [agent, agent], [seat]) for seat in (0, 1)]
    against = by_enumeration(learner, weighted, [agent, agent], [0], scripted=True)
    close(gradient_of(learner, 0, agent, agent), (both[0] + both[1] + against) / 3)


THREE = MatrixGame(jax.random.normal(jax.random.key(4), (3, 2, 2, 2)))


@pytest.fixture
def of_two_steps(monkeypatch):
    """All games of three players are as many of two steps as those of two players of three."""
    monkeypatch.setitem(globals(), "HORIZON", 2)


@pytest.mark.usefixtures("of_two_steps")
@pytest.mark.parametrize("name", ["advantage-alignment", "loqa"])
def test_among_three_all_others_are_shaped(name):
    kind, options, weighted, values = CASES[name]
    learner = learner_of(kind, THREE, **options)
    agents = [agent_of(seed, values, inputs=9) for seed in (1, 2, 3)]
    expected = by_enumeration(learner, weighted, agents, [1], THREE)
    # From the first seat, where all have moved on by one: the players after the second are the third and the first.
    rotated = learner.rotated(jnp.array(1))
    close(gradient_of(rotated, 0, agents[1], agents[2], agents[0]), expected)


@pytest.mark.usefixtures("of_two_steps")
def test_among_three_one_that_does_not_learn_is_not_shaped():
    learner = learner_of(AdvantageAlignment, THREE, weight=0.7)
    mine, other = (agent_of(seed, inputs=9) for seed in (1, 2))
    fixed = Agent(strategy("tit-for-tat", THREE, 0), None)
    # Of the second player the third is the first of its others, and the first, which does not learn, the second.
    experience = quick(lambda mine, other: learner.experience(KEY, 1, mine, (other, fixed)))(mine, other)
    learns = np.asarray(experience.others_learn)[0, 0]
    np.testing.assert_array_equal(learns, np.repeat([[1.0], [0.0]], 64, axis=1))


def test_in_rotated_seats_the_first_player_learns_as_the_second():
    kind, options, _, values = CASES["loqa"]
    learner = learner_of(kind, LOPSIDED, **options)
    agents = [agent_of(seed, values) for seed in (1, 2)]
    swapped = gradient_of(learner.rotated(jnp.array(1)), 0, agents[1], agents[0])
    close(swapped, gradient_of(learner, 1, agents[1], agents[0]))
