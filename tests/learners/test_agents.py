"""Agents that learn at once."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.learners.agents import Agents
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.opponents.earlier_selves import EarlierSelves
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.opponents.self_play import SelfPlay
from lookax.policies.strategies import strategy
from lookax.policies.tabular import TabularPolicy
from tests.learners.all_games import KeyedGames, Keys, agent_of, learner_of

KEY = jax.random.key(6)
# Not the same game from both seats.
GAME = MatrixGame(jnp.asarray(np.random.default_rng(6).normal(size=(2, 2, 2)), jnp.float32))


def quick(function):
    """Compiled without optimisation: it runs for milliseconds."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def initial(key):
    first, second, *models = (agent_of(k) for k in jax.random.split(key, 4))
    return (first, second), ((models[0],), (models[1],))


def imitation_of(learner):
    return Imitation(
        play=learner.play,
        objectives=learner.objectives,
        optimiser=optax.adam(0.1),
        critic_optimiser=optax.adam(0.1),
        batches=1,
    )


@pytest.mark.parametrize("inner_steps", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_one_program_for_both_does_what_one_for_each_does(inner_steps):
    # Over all games nothing is drawn, so that seats do not matter to what is. Learners that are equal, but not one and
    # the same, are compiled one by one.
    play = KeyedGames(game=GAME, horizon=2, batch_size=16, keys=Keys())
    learner = dataclasses.replace(
        learner_of(GAME, 2, inner_steps=inner_steps, inner_beta=0.5, outer_beta=0.8), play=play
    )
    imitation = imitation_of(learner)
    alike = Agents(initial=initial, updates=(learner, learner), imitations=(imitation, imitation))
    other = dataclasses.replace(learner)
    apart = Agents(initial=initial, updates=(learner, other), imitations=(imitation, imitation))
    state = quick(lambda key: alike.init(key))(KEY)
    after = []
    for pair in (alike, apart):
        play.keys.clear()
        after.append(jax.block_until_ready(quick(lambda key, state, pair=pair: pair.update(key, state))(KEY, state)))
        jax.effects_barrier()
        # Of each player one batch for its model, one for every step of the other, and one for its own.
        assert len(play.keys) == 2 * (2 + inner_steps)
    (together, told), (each, told_each) = after
    # Both in double precision.
    np.testing.assert_allclose(flat(together), flat(each), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(told["model_cross_entropy"], told_each["model_cross_entropy"], rtol=1e-9)
    for before, after in zip((*state.agents, *state.models), (*together.agents, *together.models), strict=True):
        assert np.abs(flat(before) - flat(after)).max() > 1e-3


class Follower(eqx.Module):
    """Goes where the other agent is, which takes no compiling."""

    def init(self, agent):
        del agent
        return ()

    def update(self, key, player, agent, others, states):
        del key, player
        policies = [other.policy for other in others]
        policy = jax.tree.map(
            lambda mine, *theirs: sum((k + 2) * own for k, own in enumerate(theirs)) + mine, agent.policy, *policies
        )
        return Agent(policy, agent.critic), states, {"gradient_norm": jnp.zeros(())}

    def rotated(self, shift):
        del shift
        return self


@pytest.mark.slow
def test_one_program_for_three_does_what_one_for_each_does():
    # Not the same game from any two seats; over all games nothing is drawn.
    game = MatrixGame(jnp.asarray(np.random.default_rng(7).normal(size=(3, 2, 2, 2)), jnp.float32))
    learner = learner_of(game, 1, inner_steps=1, baseline="zero")

    def initial_three(key):
        return tuple(agent_of(own, False, inputs=9) for own in jax.random.split(key, 3)), ((), (), ())

    alike = Agents(initial=initial_three, updates=(learner,) * 3)
    apart = Agents(initial=initial_three, updates=(learner, learner, dataclasses.replace(learner)))
    state = quick(lambda key: alike.init(key))(KEY)
    (together, _), (each, _) = (
        quick(lambda key, state, own=own: own.update(key, state))(KEY, state) for own in (alike, apart)
    )
    np.testing.assert_allclose(flat(together.agents), flat(each.agents), rtol=1e-9, atol=1e-12)
    assert np.abs(flat(together.agents) - flat(state.agents)).max() > 1e-3


def test_who_models_others_does_not_know_their_earlier_policies():
    learner = learner_of(GAME, 2)
    imitation = imitation_of(learner)
    with pytest.raises(ValueError, match="None for a player that models others"):
        Agents(
            initial=initial,
            updates=(learner,) * 2,
            imitations=(imitation, None),
            earlier_selves=(EarlierSelves(size=2), None),
        )
    without_models = Agents(
        initial=lambda key: (initial(key)[0], ((), ())), updates=(learner,) * 2, imitations=(imitation, None)
    )
    with pytest.raises(ValueError, match="models: 0 is not allowed; it must be 1, one of each other player"):
        without_models.init(KEY)


def test_there_are_as_many_agents_as_players():
    learner = learner_of(MatrixGame(jnp.zeros((3, 2, 2, 2))), 1)
    with pytest.raises(ValueError, match="number of agents: 2 is not allowed; it must be 3, as many as the game has"):
        Agents(initial=initial, updates=(learner,) * 2).init(KEY)
    with pytest.raises(ValueError, match="number of agents: 2 is not allowed; it must be 3, as many as the game has"):
        SelfPlay(initial=lambda key: initial(key)[0][0], update_of_agent=learner).init(KEY)


def test_of_three_each_is_updated_against_where_those_after_it_were():
    def initial_three(key):
        return tuple(map(agent_of, jax.random.split(key, 3))), ((), (), ())

    # One program for all, and one for each.
    alike = Follower()
    for updates in ((alike,) * 3, (Follower(), Follower(), alike)):
        agents = Agents(initial=initial_three, updates=updates)
        state = quick(lambda key, agents=agents: agents.init(key))(KEY)
        after, metrics = quick(lambda key, state, agents=agents: agents.update(key, state))(KEY, state)
        assert metrics["gradient_norm"].shape == (3,)
        for player in range(3):
            mine, following, last = (flat(state.agents[(player + place) % 3].policy) for place in range(3))
            np.testing.assert_allclose(flat(after.agents[player].policy), mine + 2 * following + 3 * last, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"updates": (None,)}, "updates: 1 is not allowed; it must be two or more, one for each player"),
        ({"updates": (None,) * 3, "imitations": (None,) * 2}, "imitations: 2 is not allowed; it must be 3"),
    ],
)
def test_parts_that_are_not_one_for_each_player_are_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        Agents(initial=initial, **changes)
    with pytest.raises(ValueError, match="updates: 3 is not allowed; it must be 2, one for each agent"):
        Agents(initial=initial, updates=(None,) * 3).init(KEY)


def test_each_is_updated_against_where_the_other_was():
    pair = Agents(initial=initial, updates=(Follower(), Follower()))
    state = quick(lambda key: pair.init(key))(KEY)
    after, _ = quick(lambda key, state: pair.update(key, state))(KEY, state)
    for player in (0, 1):
        mine, theirs = (flat(state.agents[i].policy) for i in (player, 1 - player))
        np.testing.assert_allclose(flat(after.agents[player].policy), mine + 2 * theirs, rtol=1e-6)


@pytest.mark.slow
def test_each_learns_from_where_the_other_was():
    # One that does not look ahead, and one that does, each as it learns by itself.
    naive = learner_of(GAME, 2, inner_steps=0, baseline="zero")
    shaping = learner_of(GAME, 2, baseline="zero")
    pair = Agents(initial=initial, updates=(naive, shaping))
    state = quick(lambda key: pair.init(key))(KEY)
    after, metrics = quick(lambda key, state, pair=pair: pair.update(key, state))(KEY, state)
    assert set(metrics) == {"gradient_norm"}
    assert (metrics["gradient_norm"] > 0).all()
    assert after.models == (None, None)
    for player, learner in enumerate((naive, shaping)):
        mine, theirs = state.agents[player], state.agents[1 - player]
        own = quick(lambda a, b, learner=learner, i=player: learner.update(KEY, i, a, (b,), learner.init(a))[0])
        np.testing.assert_allclose(flat(after.agents[player]), flat(own(mine, theirs)), rtol=1e-9, atol=1e-12)


def test_one_that_does_not_learn_stays_as_it_is_and_its_model_is_learned_from():
    learner = learner_of(GAME, 2, inner_steps=0)
    imitation = imitation_of(learner)
    fixed = Agent(strategy("tit-for-tat", GAME, 1), None)

    def against_fixed(key):
        (first, _), models = initial(key)
        return (first, fixed), models

    pair = Agents(initial=against_fixed, updates=(learner, None), imitations=(imitation, None))
    state = quick(lambda key: pair.init(key))(KEY)
    after, metrics = quick(lambda key, state, pair=pair: pair.update(key, state))(KEY, state)
    assert after.agents[1].policy == fixed.policy
    assert after.optimisers[1] == ()
    assert after.models[1] is None
    assert metrics["model_cross_entropy"][0] > 0
    assert metrics["model_cross_entropy"][1] == 0
    # Shaping the model, not the strategy: the gradient is that against the model as it now is.
    theirs = after.models[0]
    own = quick(lambda mine: learner.update(KEY, 0, mine, theirs, learner.init(mine))[0])(state.agents[0])
    np.testing.assert_allclose(flat(after.agents[0]), flat(own), rtol=1e-9, atol=1e-12)


def test_tables_learn_in_a_pair_and_their_actions_tremble():
    learner = learner_of(GAME, 2, inner_steps=0, baseline="none", tremble_probability=0.2)
    tables = tuple(TabularPolicy(jnp.asarray(own)) for own in np.random.default_rng(1).normal(size=(2, 5, 1)))
    agents = Agent(tables[0], None), Agent(tables[1], None)
    pair = Agents(initial=lambda _: (agents, agents), updates=(learner, learner))
    state = quick(lambda key: pair.init(key))(KEY)
    after, metrics = quick(lambda key, state: pair.update(key, state))(KEY, state)
    assert (metrics["gradient_norm"] > 0).all()
    # Each as it learns by itself, without seats that are swapped.
    for player in (0, 1):
        mine, theirs = agents[player], agents[1 - player]
        own = quick(lambda a, b, i=player: learner.update(KEY, i, a, (b,), learner.init(a))[0])(mine, theirs)
        np.testing.assert_allclose(flat(after.agents[player]), flat(own), rtol=1e-9, atol=1e-12)
    steady = dataclasses.replace(learner, tremble_probability=None)
    other = quick(lambda a, b: steady.update(KEY, 0, a, (b,), steady.init(a))[2])(*agents)
    assert abs(float(other["gradient_norm"]) - float(metrics["gradient_norm"][0])) > 1e-3
