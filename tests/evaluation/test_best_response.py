"""What learners earn that are trained against agents that stay as they are, by hand in the prisoner's dilemma."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.evaluation.best_response import (
    BestResponder,
    Exploitation,
    best_responder,
    exploit,
    exploitability,
)
from lookax.evaluation.league import Matches, meet
from lookax.evaluation.sides import Side
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.objectives.sampled_objectives import SampledObjectives
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategies
from lookax.policies.tabular import TabularPolicy
from lookax.rollouts.microbatches import Play
from lookax.training.constructors import new_agent

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
STEPS = 4
NAMES = ("always-cooperate", "always-defect", "tit-for-tat")


class Fresh(eqx.Module):
    game: MatrixGame

    def __call__(self, key):
        make = functools.partial(network, hidden_size=4, num_layers=0, recurrent_unit="none")
        return new_agent(key, self.game, 0, make, None)


def responder(game):
    """A naive policy gradient without a critic, of agents without a memory: quick to compile."""
    stays = Optimiser(optax.sgd, learning_rate=0.0)
    learner = POLADiCEUpdate(
        play=Play(game=game, horizon=STEPS, batch_size=32),
        objectives=SampledObjectives(discount=0.9, baseline="zero"),
        optimiser=Optimiser(optax.adam, learning_rate=0.3),
        critic_optimiser=stays,
        lookahead=Lookahead(stays, 0),
        inner_critic_optimiser=stays,
        keep_optimisers=True,
    )
    return BestResponder(game=game, learner=learner, initial=Fresh(game), updates=200, horizon=STEPS, games=8)


def exploited(side, game=GAME):
    return exploit(responder(game), side, jax.random.key(1))


def tables(first, second):
    """Agents that always play 1 in a seat where its list has a 1, and 0 where it has a 0."""

    def in_seat(actions):
        return jax.vmap(TabularPolicy)((100.0 * jnp.array(actions) - 50)[:, None, None] * jnp.ones((1, 5, 1)))

    return Side("tables", (in_seat(first), in_seat(second)), len(first))


def by_name(name):
    [number] = [i for i, own in enumerate(NAMES) if own == name]
    return Side(name, tuple(strategies(NAMES, GAME, seat)[number] for seat in (0, 1)))


@pytest.mark.parametrize(
    ("name", "responder_earns", "victim_earns", "gain", "loss"),
    [
        # T − R = 1 is gained, R − S = 2 is lost.
        ("always-cooperate", 0, -3, 1, 2),
        # Nothing is to be gained.
        ("always-defect", -2, -2, 0, 0),
    ],
)
def test_what_is_gained_from_strategies(name, responder_earns, victim_earns, gain, loss):
    side = by_name(name)
    found = exploited(side)
    assert found.responder.shape == found.victim.shape == (1, 2)
    own = meet(GAME, side, side, jax.random.key(2), horizon=STEPS, games=2)
    total = exploitability(found, own)
    np.testing.assert_allclose(np.stack(total)[:, 0], [responder_earns, victim_earns, gain, loss], atol=1e-6)


def test_every_agent_is_exploited_in_its_own_seat():
    # The first agent cooperates in the first seat alone, the second in neither.
    found = exploited(tables([1, 0], [0, 0]))
    np.testing.assert_allclose(found.responder, [[0, -2], [-2, -2]], atol=1e-6)
    np.testing.assert_allclose(found.victim, [[-3, -2], [-2, -2]], atol=1e-6)
    np.testing.assert_array_equal(found.responder, exploited(tables([1, 0], [0, 0])).responder)


def test_the_best_response_depends_on_the_victim_and_on_the_seat():
    # The first player is paid 2 where both play the same, the second 1 where they do not.
    pennies = MatrixGame(np.array([[[2.0, 0], [0, 2]], [[0, 1], [1, 0]]]))
    found = exploited(tables([0, 1], [1, 0]), pennies)
    np.testing.assert_allclose(found.responder, [[1, 2], [1, 2]], atol=1e-6)
    np.testing.assert_allclose(found.victim, 0, atol=1e-6)


def test_gains_and_losses_are_against_other_seeds_of_the_same_kind():
    # Of three agents, rewards in the first seat and in the second one.
    first = np.array([[90.0, 1, 2], [3, 90, 4], [5, 6, 90]])
    second = np.array([[80.0, 10, 20], [30, 80, 40], [50, 60, 80]])
    own = Matches(np.stack([first, second], axis=-1), None)
    found = Exploitation(np.array([[100.0, 200], [100, 100], [0, 0]]), np.array([[1.0, 3], [0, 0], [0, 0]]))
    total = exploitability(found, own)
    np.testing.assert_allclose(total.responder, [150, 100, 0])
    np.testing.assert_allclose(total.victim, [2, 0, 0])
    # What the other ones earn with the first agent: in the second seat 10 and 20, in the first seat 3 and 5.
    np.testing.assert_allclose(total.gain[0], 150 - (10 + 20 + 3 + 5) / 4)
    # What it earns with them: in the first seat 1 and 2, in the second seat 30 and 50.
    np.testing.assert_allclose(total.loss[0], (1 + 2 + 30 + 50) / 4 - 2)
    # Of a single agent: its own.
    alone = exploitability(Exploitation(found.responder[:1], found.victim[:1]), Matches(own.rewards[:1, :1], None))
    np.testing.assert_allclose([alone.gain, alone.loss], [[150 - 85], [85 - 2]])


def test_budgets_are_positive():
    with pytest.raises(ValueError, match="updates: 0 is not allowed; it must be at least 1"):
        best_responder(GAME, updates=0, horizon=2, games=1)
    with pytest.raises(ValueError, match="games: 0 is not allowed; it must be at least 1"):
        best_responder(GAME, updates=1, horizon=2, games=0)
