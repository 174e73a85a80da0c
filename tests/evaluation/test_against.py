"""Scores against agents of files, by hand: agents that do the same whatever they see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.against import check_seat, read_opponents, scores_against_group
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.policies.published.agent_files import write_agents
from tests.networks import drawn_network

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])


def constant(defection):
    """A network whose logits are 0 but for that of defection."""
    network = jax.tree.map(jnp.zeros_like, drawn_network(0, 6, 2))
    return jax.tree.map(lambda leaf: jnp.array([defection, 0.0]) if leaf.shape == (2,) else leaf, network)


def test_each_player_is_scored_in_its_own_seat_as_a_mean_over_a_group(tmp_path):
    defects, cooperates = constant(100.0), constant(-100.0)
    write_agents(path := tmp_path / "agents.npz", {"a/0": defects, "a/1": cooperates, "b": [defects, cooperates]})
    groups = read_opponents(path, GAME)
    players = cooperates, defects

    def scores(name):
        return scores_against_group(GAME, players, groups[name], jax.random.key(0), 3, 2)

    # A cooperator gets −3 and −1 from the two, a defector −2 and 0.
    np.testing.assert_allclose(scores("a"), [-2, -1], rtol=1e-6)
    # It is in the second seat, where it cooperates, that b meets the first player, and in the first the second one.
    np.testing.assert_allclose(scores("b"), [-1, -2], rtol=1e-6)


def test_agents_have_to_fit_both_seats(tmp_path):
    check_seat("x", GAME, drawn_network(0, 6, 2), 1)
    for player in (0, 1):
        with pytest.raises(ValueError, match=rf"^x: policy: that of player {player} gives logits of shape \(3,\)"):
            check_seat("x", GAME, drawn_network(0, 6, 3), player)
    write_agents(path := tmp_path / "agents.npz", {"a": [drawn_network(0, 6, 2), drawn_network(0, 4, 2)]})
    with pytest.raises(ValueError, match=r"agents.npz': a: policy: that of player 1 does not take the 6 numbers"):
        read_opponents(path, GAME)
