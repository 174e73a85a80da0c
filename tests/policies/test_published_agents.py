"""Agents of the coin game that others have published earn here what their authors say.

The file's path stands in the environment variable `LOOKAX_PUBLISHED_AGENTS`. It holds flax' arrays of five seeds each
of POLA, LOQA and Advantage Alignment, which the authors of LOQA published (github.com/MiladInk/loqa). Its names are
`loqa/<seed>/<layer>/…` and, with a seat, `pola/<seed>/<seat>/<layer>/…`.
"""

import os

import jax
import numpy as np
import pytest

from lookax.evaluation.matches import coins, match, own_coin_share, scores
from lookax.games.coin_game import OneCoinGame
from lookax.policies.published.agent_files import read_groups, write_agents
from lookax.policies.published.conversion import network_from_flax
from lookax.policies.published.seats import PolicyWithView

FILE = os.environ.get("LOOKAX_PUBLISHED_AGENTS")
SEEDS = range(5)
GAME = OneCoinGame()
ORDERS = {"pola": (0, 1, 2, 3), "loqa": (1, 0, 3, 2), "aa": (1, 0, 3, 2)}
"""Right, left, down, up in the order of lookax, by the numbers that they have there."""

PUBLISHED = {"pola": (0.26, 0.82), "loqa": (0.32, 0.95)}
"""Self-play and share of coins of one's own, means over ten seeds, five of which are in the file."""

MEASURED = {
    "pola": [(0.292, 0.878), (0.219, 0.742), (0.257, 0.808), (0.221, 0.746), (0.297, 0.890)],
    "loqa": [(0.321, 0.964), (0.310, 0.975), (0.325, 0.976), (0.329, 0.976), (0.320, 0.962)],
    "aa": [(0.296, 0.947), (0.297, 0.969), (0.309, 0.972), (0.268, 0.888), (0.276, 0.880)],
}
"""The same of each of the five, in 512 games that a program of NumPy played which shares nothing with lookax.

Over ten seeds Advantage Alignment's are 0.262 and 0.87: the other five are worse.
"""


def converted(arrays):
    """The agents by name: of POLA one for each seat, of the others the same in both, with the board turned."""

    def network(method, place):
        own = {name.removeprefix(place): arrays[name] for name in arrays if name.startswith(place)}
        dense = ("linear1", "linear2") if method == "loqa" else ("linear1",)
        return network_from_flax(own, dense=dense, gru="GRUCell", head="linear_end", actions=ORDERS[method])

    agents = {}
    for seed in SEEDS:
        seats = network("pola", f"pola/{seed}/0/"), network("pola", f"pola/{seed}/1/")
        agents[f"pola/{seed}"] = [PolicyWithView(seats[0], "own"), PolicyWithView(seats[1], "board")]
        for method in ("loqa", "aa"):
            agents[f"{method}/{seed}"] = PolicyWithView(network(method, f"{method}/{seed}/"), "own")
    return agents


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "agents.npz"
    with jax.enable_x64(False), np.load(str(FILE), allow_pickle=False) as arrays:
        write_agents(path, converted(arrays))
        return read_groups(path)


def played(first, second, key):
    """Both players' rewards and the share of coins of one's own, of one pair in 2000 games of 50 steps."""
    games = match(GAME, (first, second), key, 50, 2000)
    return scores(games), own_coin_share(coins(GAME, games))


@pytest.mark.slow
@pytest.mark.skipif(FILE is None, reason="LOOKAX_PUBLISHED_AGENTS is not set to the file of published agents")
@pytest.mark.parametrize("method", MEASURED)
def test_published_agents_earn_what_was_published(method, groups):
    with jax.enable_x64(False):
        agents = groups[method].policy
        keys = jax.random.split(jax.random.key(0), len(SEEDS))
        rewards, shares = jax.jit(jax.vmap(played))(agents, agents, keys)
        rewards = np.asarray(rewards.mean(axis=1))
        print(f"{method}: {rewards.mean():.3f} with itself, {shares.mean():.3f} of coins of one's own")
        np.testing.assert_allclose(np.stack([rewards, shares], axis=1), MEASURED[method], atol=0.02)
        if method in PUBLISHED:
            assert abs(rewards.mean() - PUBLISHED[method][0]) < 0.02
            assert abs(shares.mean() - PUBLISHED[method][1]) < 0.03


@pytest.mark.slow
@pytest.mark.skipif(FILE is None, reason="LOOKAX_PUBLISHED_AGENTS is not set to the file of published agents")
def test_a_published_agent_of_pola_loses_little_to_a_defector(groups):
    with jax.enable_x64(False):
        keys = jax.random.split(jax.random.key(1), len(SEEDS))
        play = jax.jit(jax.vmap(lambda agent, key: played(agent, "always-defect", key)))
        rewards, _ = play(groups["pola"].policy, keys)
        print(f"pola: {rewards[:, 0].mean():.3f} against always-defect")
        assert abs(rewards[:, 0].mean() + 0.03) < 0.015
