import pytest

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.policies.kinds import PolicyMaker


def _setting(factor, num_players):
    maker = PolicyMaker(MatrixGame(contribution_payoffs(factor, num_players)), "tabular")
    return ExactPlay(maker.game, maker.observations(), 0.9), maker


@pytest.fixture
def two_players():
    return _setting(1.33, 2)


@pytest.fixture
def three_players():
    return _setting(1.8, 3)
