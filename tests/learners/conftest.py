import functools

import jax
import pytest

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.games.tabular_mdp import random_mdp
from lookax.policies.factory import PolicyMaker
from lookax.policies.tabular import SoftmaxTabularPolicy


@functools.cache
def _setting(factor, num_players):
    maker = PolicyMaker(MatrixGame(contribution_payoffs(factor, num_players)), "tabular")
    return ExactPlay(maker.game, maker.observations(), 0.9), maker


@pytest.fixture
def two_players():
    return _setting(1.33, 2)


@pytest.fixture
def three_players():
    return _setting(1.8, 3)


@functools.cache
def _mdp_and_policy():
    return random_mdp(jax.random.key(0), 4, 3), SoftmaxTabularPolicy(jax.random.normal(jax.random.key(1), (4, 3)))


@pytest.fixture
def mdp():
    return _mdp_and_policy()[0]


@pytest.fixture
def policy():
    return _mdp_and_policy()[1]
