"""Earlier selves as opponents, and one agent in all seats."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.agents import Agents
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.opponents.earlier_selves import EarlierSelves
from lookax.learners.opponents.self_play import SelfPlay
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.learners.policy_gradients.experience import unrolled
from lookax.learners.policy_gradients.loqa import LOQA
from lookax.learners.policy_gradients.ppo import PPO
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.actor import actor_of, actors_of
from lookax.policies.mixture import Population, Substitutes
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy
from lookax.rollouts.games import actor_rollout
from lookax.rollouts.microbatches import Play

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"], own_view=True)
KEY = jax.random.key(2)


def policies(number):
    keys = jax.random.split(jax.random.key(1), number)
    return jax.vmap(lambda key: network(key, 6, 2, hidden_size=3, initialiser="pytorch"))(keys)


def agent(key, values=3):
    policy_key, critic_key = jax.random.split(key)
    critic = network(critic_key, 6, values, hidden_size=3).head
    return Agent(network(policy_key, 6, 2, hidden_size=3), critic)


def test_the_ring_holds_a_policy_every_so_many_updates_and_the_newest_ones():
    earlier = EarlierSelves(size=3, every=2)
    pool = earlier.init((jnp.array([0.0]),))
    for update in range(1, 10):
        pool = earlier.kept(pool, (jnp.array([float(update)]),))
    # Those of updates 0, 2, 4, 6, 8 were kept; the places of 0 and 2 were taken by 6 and 8.
    np.testing.assert_array_equal(pool.policies[0][:, 0], [6.0, 8.0, 4.0])


def test_only_policies_that_there_have_been_are_drawn():
    earlier = EarlierSelves(size=50, every=1, number=40, fraction=0.25)
    pool = earlier.init((jnp.array([1.0]), jnp.array([10.0])))
    for update in (2.0, 3.0):
        pool = earlier.kept(pool, (jnp.array([update]), jnp.array([10 * update])))
    others = Agent(jnp.array([9.0]), "critic"), Agent(jnp.array([90.0]), None)
    first, second = earlier.several(KEY, others, pool)
    present, drawn = first.policy.policies
    assert (float(present[0]), first.policy.fractions, first.critic) == (9.0, (0.75, 0.25), "critic")
    assert set(np.asarray(drawn.policies)[:, 0]) == {1.0, 2.0, 3.0}
    # Of two others, those who play together are of the same time.
    np.testing.assert_array_equal(second.policy.policies[1].policies, 10 * drawn.policies)
    # A fixed strategy has none, and plays as it does.
    fixed = Agent(strategy("tit-for-tat", GAME, 1), None)
    [steady] = earlier.several(KEY, (fixed,), earlier.init((fixed.policy,)))
    assert steady.policy.policies == (fixed.policy, fixed.policy)
    one, other = earlier.one(KEY, others, pool)
    assert float(other.policy[0]) == 10 * float(one.policy[0])


def test_each_of_a_population_plays_its_games():
    together = Population(policies(3), 3)
    against = strategy("tit-for-tat", GAME, 1)
    games = actor_rollout(GAME, actors_of(GAME, (together, against)), KEY, horizon=4, batch_size=6)
    for number in range(3):
        own = jax.tree.map(lambda leaf, i=number: leaf[i], together.policies)
        memory = own.unit.initial_hidden_state(2)
        for t, state in enumerate(games.states):
            part = slice(2 * number, 2 * number + 2)
            observations = jax.vmap(lambda state: GAME.observe(state, 0), -1, -1)(state[part])
            memory = own.unit.update(memory, own.encoder(observations))
            np.testing.assert_allclose(games.outputs[0][t][:, part], own.head(memory), rtol=1e-6)


def test_a_substitute_acts_in_the_last_games_and_the_actor_goes_on_remembering():
    own = jax.tree.map(lambda leaf: leaf[0], policies(1))
    alone, defector = actor_of(GAME, own, 1), actor_of(GAME, strategy("always-defect", GAME, 1), 1)
    seats = actor_of(GAME, strategy("random", GAME, 0), 0), Substitutes(alone, (defector,), (0.75, 0.25))
    games = actor_rollout(GAME, seats, KEY, horizon=5, batch_size=8)
    assert not games.actions[:, 1, 6:].any()
    assert games.actions[:, 1, :6].any()
    observed = jax.vmap(jax.vmap(lambda state: GAME.observe(state, 1), -1, -1))(games.states)
    remembered, outputs = unrolled(own, observed)
    np.testing.assert_allclose(games.hidden_states[1][0], remembered, rtol=1e-6)
    np.testing.assert_allclose(games.outputs[1][..., :6], outputs[..., :6], rtol=1e-6)


def updates(**options):
    play = Play(game=GAME, horizon=6, batch_size=16)
    common = {"play": play, "optimiser": optax.adam(0.01), "discount": 0.9}
    pola = POLADiCEUpdate(
        play=play,
        objectives=SampledObjectives(discount=0.9),
        optimiser=optax.adam(0.01),
        critic_optimiser=optax.adam(0.01),
        lookahead=Lookahead(optax.sgd(0.1), 1),
        inner_critic_optimiser=optax.sgd(0.1),
    )
    return {"loqa": LOQA(**common, **options), "ppo": PPO(**common, **options), "pola": pola}


def same_parameters(first, second):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("names", [("loqa", "pola"), ("ppo", "loqa")])
def test_learners_of_different_kinds_make_a_pair(names):
    known = updates()
    pair = Agents(
        initial=lambda key: ((agent(key), agent(jax.random.fold_in(key, 1))), (None, None)),
        updates=(known[names[0]], known[names[1]]),
        earlier_selves=(EarlierSelves(size=4, every=1, number=2), None),
    )
    state = pair.init(KEY)
    after, metrics = eqx.filter_jit(pair.update)(KEY, state)
    for before, now in zip(state.agents, after.agents, strict=True):
        assert not same_parameters(before.policy, now.policy)
    assert metrics["gradient_norm"].shape == (2,)
    assert (metrics["gradient_norm"] > 0).all()
    # The first player's pool is of the second one's policies.
    assert after.pools[0] is not None
    assert same_parameters(jax.tree.map(lambda leaf: leaf[1], after.pools[0].policies[0]), after.agents[1].policy)
    assert after.pools[1] is None


def test_one_agent_has_all_seats():
    learner = SelfPlay(
        initial=agent,
        update_of_agent=updates(all_seats=True)["loqa"],
        earlier_selves=EarlierSelves(size=4, every=1, number=2),
    )
    state = learner.init(KEY)
    after, metrics = eqx.filter_jit(learner.update)(KEY, state)
    assert after.policies[0] is after.policies[1]
    assert len(after.policies) == 2
    assert not same_parameters(state.agent, after.agent)
    assert after.pool is not None
    assert same_parameters(jax.tree.map(lambda leaf: leaf[1], after.pool.policies[0]), after.agent.policy)
    assert metrics["gradient_norm"].shape == ()


def test_naive_learners_come_to_defect():
    learner = SelfPlay(initial=agent, update_of_agent=updates(all_seats=True)["ppo"])

    def train(key):
        return jax.lax.scan(lambda s, k: (learner.update(k, s)[0], None), learner.init(key), jax.random.split(key, 300))

    state = jax.jit(train)(KEY)[0]
    policy: Network = state.agent.policy
    seats = [policy.actor(GAME, player) for player in (0, 1)]
    games = actor_rollout(GAME, seats, KEY, horizon=6, batch_size=256)
    # Fresh agents cooperate in half of all steps; the best response to anything that is learned here is to defect.
    assert games.actions.mean() < 0.1
