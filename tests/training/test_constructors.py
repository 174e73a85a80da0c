import dataclasses
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lookax as lx
from lookax.experiments.registry import PRESETS
from lookax.experiments.studies.study import study_of
from lookax.learners.pola_dice import POLADiCEUpdate

KEY = jax.random.key(0)


@pytest.fixture
def game(float64):
    return lx.MatrixGame(lx.contribution_payoffs(1.33))


def same(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), one, other)


@pytest.mark.parametrize(("name", "make"), [("naive", lx.naive), ("lola", lx.lola), ("pola", lx.pola)])
def test_exact_learners_are_those_of_the_starting_points(name, make, game):
    study = study_of(PRESETS[f"ipd-{name}"].settings)
    learner = make(game)
    state = study.init(KEY)
    same(eqx.filter_jit(learner.init)(KEY), state)
    mine, metrics = eqx.filter_jit(learner.update)(KEY, state)
    theirs, expected = jax.jit(lambda key, state: study.update(key, state))(KEY, state)
    same((mine, metrics), (theirs, expected))


def test_lola_dice_is_that_of_the_starting_point(game):
    study = study_of(dataclasses.replace(PRESETS["ipd-lola-dice"].settings, correlations=False))
    learner = lx.lola_dice(lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"]))
    state = study.init(KEY)
    same(eqx.filter_jit(learner.update)(KEY, state), jax.jit(lambda key, state: study.update(key, state))(KEY, state))


def test_pola_dice_is_that_of_the_laptop_presets(game):
    """But for the game's start and size: settings that `pola_dice` leaves to the game, or asks for."""
    learner = lx.pola_dice(game, batch_size=8)
    update: Any = study_of(PRESETS["pola-figure4-laptop-pola-dice"].settings)
    ours: Any
    ours, theirs = learner.updates[0], update.agents().updates[0]
    for field in ("objectives", "optimiser", "critic_optimiser", "lookahead", "inner_critic_optimiser"):
        assert jax.tree.leaves(getattr(ours, field)) == jax.tree.leaves(getattr(theirs, field)), field
    for field in ("outer_steps", "inner_beta", "outer_beta", "keep_optimisers", "critic_after_loop"):
        assert getattr(ours, field) == getattr(theirs, field), field
    assert ours.play.horizon == theirs.play.horizon
    state = learner.init(KEY)
    assert jax.tree.map(jnp.shape, state.agents) == jax.tree.map(jnp.shape, update.init(KEY).agents)


def test_pola_dice_without_a_critic_is_that_of_few_games(game):
    pair = lx.pola_dice(game, baseline="linear", gae_lambda=0.9, dice_decay=0.8)
    study: Any = study_of(PRESETS["pola-figure4-laptop-pola-dice-few-games"].settings)
    [update, _] = pair.updates
    assert isinstance(update, POLADiCEUpdate)
    assert update.objectives == study.objectives()
    assert [agent.critic for agent in pair.init(KEY).agents] == [None, None]


def test_policies_critics_and_players_are_drawn_apart(game):
    agents = lx.pola_dice(game, hidden_size=3).init(KEY).agents
    encoders = [network.unit.weight for agent in agents for network in (agent.policy, agent.critic)]
    for one, other in itertools.combinations(encoders, 2):
        assert not np.allclose(one, other)


def test_what_is_given_arrives(game):
    lola: Any = lx.lola
    lookahead = lx.Lookahead(optax.sgd(0.7), 2)
    assert lola(game, lookahead=lookahead).shaping.lookahead == lookahead
    assert lola(game, inner_learning_rate=0.7).shaping.lookahead.optimiser.hyperparameters["learning_rate"] == 0.7
    assert lola(game, taylor=True).shaping.taylor
    assert lola(game, discount=0.5, horizon=3).game.discount == 0.5
    assert lola(game, horizon=3).game.horizon == 3
    pola = lx.pola(game, outer_beta=2.0, inner_beta=3.0, learning_rate=4.0)
    assert (pola.outer_beta, pola.shaping.inner_beta) == (2.0, 3.0)
    assert pola.optimiser.hyperparameters["learning_rate"] == 4.0
    dice: Any = lx.lola_dice(game, horizon=5, batch_size=6, estimator="dice", inner_learning_rate=0.2)
    assert (dice.outer.horizon, dice.inner.batch_size, dice.inner.estimator) == (5, 6, "dice")
    assert dice.lookahead.optimiser.hyperparameters["learning_rate"] == 0.2
    pair = lx.pola_dice(game, horizon=5, batch_size=6, inner_steps=0, outer_steps=1, outer_beta=None, inner_beta=1.0)
    update: Any = pair.updates[1]
    assert (update.play.horizon, update.play.batch_size, update.lookahead.steps, update.outer_steps) == (5, 6, 0, 1)
    assert (update.outer_beta, update.inner_beta) == (None, 1.0)
    own = lx.pola_dice(game, policy=lambda key, inputs, outputs: jnp.zeros((inputs, outputs))).init(KEY)
    assert own.agents[0].policy.shape[1] == 2


def test_policies_of_ones_own(game):
    def make(key, num_inputs, num_actions):
        return lx.PolicyMaker(game, "mlp", hidden_sizes=(3,)).initial(key)[0]

    learner = lx.lola(game, policy=make)
    state, history = lx.train(learner, KEY, 2)
    assert history["returns"].shape == (2, 2)
    assert len(state.policies[0].layers) == 2


def test_learning_rates_can_be_mapped_over(game):
    def last(rate):
        return lx.train(lx.lola(game, learning_rate=rate), KEY, 3)[1]["returns"][-1]

    rates = jnp.array([0.5, 2.0])
    np.testing.assert_allclose(jax.jit(jax.vmap(last))(rates)[1], jax.jit(last)(2.0), rtol=1e-9)


def test_evaluations_go_into_the_history(game):
    def evaluate(key, state):
        games = lx.match(game, state.policies, key, horizon=4, batch_size=8)
        return {"score": lx.scores(games)}

    learner = lx.naive(game)
    _, history = lx.train(learner, KEY, 3, evaluate=evaluate)
    assert history["score"].shape == (3, 2)
    assert "returns" in history
    # Always by the same key: what changes is what has been learned.
    still, again = lx.train(lx.naive(game, learning_rate=0.0), KEY, 2, evaluate=evaluate)[1]["score"]
    np.testing.assert_array_equal(still, again)


def test_a_matrix_is_the_row_players_payoffs_of_a_symmetric_game(game):
    np.testing.assert_array_equal(lx.MatrixGame([[2, 3], [0, 5]]).payoffs, [[[2, 3], [0, 5]], [[2, 0], [3, 5]]])
    with pytest.raises(ValueError, match="must be an array, all rows as long"):
        lx.MatrixGame([[1, 2], [3]])
    with pytest.raises(ValueError, match=r"or \(A, A\) for a symmetric game of two"):
        lx.MatrixGame([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
