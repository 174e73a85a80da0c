"""How agents fare, by hand."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.matches import coins, match, own_coin_share, scores, scores_against
from lookax.evaluation.reciprocity import cooperation_after, history_names, is_reciprocal, short_histories
from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy
from tests.networks import drawn_network

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
KEY = jax.random.key(4)
NAMES = ("always-defect", "always-cooperate", "tit-for-tat")


share_and_slope = jax.jit(jax.value_and_grad(own_coin_share))


def pair(first: str, second: str, game: Game = GAME) -> tuple[Any, Any]:
    return strategy(first, game, 0), strategy(second, game, 1)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # Of 4 steps: once exploited, −3 and 0, then three times −2 each.
        (("tit-for-tat", "always-defect"), [-9 / 4, -6 / 4]),
        (("always-defect", "tit-for-tat"), [-6 / 4, -9 / 4]),
        (("tit-for-tat", "tit-for-tat"), [-1, -1]),
        (("always-cooperate", "always-defect"), [-3, 0]),
    ],
)
def test_scores_of_strategies_by_hand(names, expected):
    ours = jax.jit(lambda key: scores(match(GAME, pair(*names), key, 4, 3)))(KEY)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_each_player_is_scored_in_its_own_seat_against_each_strategy():
    ours = jax.jit(lambda key: scores_against(NAMES, GAME, pair("tit-for-tat", "always-defect"), key, 4, 3))(KEY)
    np.testing.assert_allclose(ours, [[-9 / 4, -2], [-1, 0], [-1, -6 / 4]], rtol=1e-12)


@pytest.mark.slow
def test_strategies_side_by_side_score_what_they_do_alone():
    # Of a network that draws its actions: means over as many games as agree within four standard errors, of a reward
    # per step with a deviation below 1 in 8000 games.
    first, second = (network(key, 6, 2, hidden_size=3) for key in jax.random.split(KEY))
    players = first, second
    ours = scores_against(NAMES, GAME, players, KEY, 3, 8000)
    for name, own in zip(NAMES, ours, strict=True):
        alone = scores(match(GAME, (players[0], strategy(name, GAME, 1)), jax.random.key(0), 3, 8000))[0]
        np.testing.assert_allclose(own[0], alone, atol=4 * np.sqrt(2 / 8000))


@pytest.mark.parametrize("game", [OneCoinGame(), TwoCoinGame()], ids=["one coin", "two coins"])
def test_coins_that_are_counted_were_paid_for(game):
    @jax.jit
    def counted_and_paid(key):
        games = match(game, pair("always-defect", "random", game=game), key, 6, 10)
        return coins(game, games), games.rewards.sum(axis=0) @ games.weights

    counted, paid = map(np.asarray, counted_and_paid(KEY))
    assert counted.shape == (2, 2)
    # Everybody gets 1 for every coin and loses 2 for every coin of its own that the other takes.
    np.testing.assert_allclose(counted.sum(axis=1) - 2 * np.array([counted[1, 0], counted[0, 1]]), paid, atol=1e-9)
    assert counted.min() > 0


def test_cooperators_take_no_coin_of_the_others():
    game = OneCoinGame()
    both = pair("always-cooperate", "always-cooperate", game=game)
    counted = jax.jit(lambda key: coins(game, match(game, both, key, 6, 10)))(KEY)
    np.testing.assert_array_equal([counted[0, 1], counted[1, 0]], 0)
    np.testing.assert_array_equal(own_coin_share(counted), 1)


@pytest.mark.parametrize(
    ("counted", "share"),
    [
        ([[1, 3], [2, 4]], 0.5),
        ([[0, 2], [0, 0]], 0),
        ([[0, 0], [0, 5]], 1),
        ([[0, 0], [0, 0]], 0.5),
        ([[3, 1], [0, 0]], 0.75),
    ],
)
def test_own_coin_share_by_hand(counted, share):
    counted = jnp.array(counted, float)
    value, slope = share_and_slope(counted)
    np.testing.assert_allclose(value, share)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("factor", "self_play", "against", "reciprocal"),
    [
        (1.33, [0.3, 0.201], [-0.05, -0.0599], True),
        (1.33, [0.3, 0.199], [0, 0], False),
        (1.33, [0.33, 0.33], [-0.0601, 0], False),
        (1.33, [0, 0], [0, 0], False),
        # Cooperating pays 0.1 and 0.6 there, with a defector −0.45 and −0.2.
        (1.1, [0.1, 0.1], [-0.08, -0.08], True),
        (1.1, [0.1, 0.1], [-0.081, 0], False),
        (1.6, [0.26, 0.26], [0, 0], False),
        (1.6, [0.46, 0.46], [-0.035, 0], True),
        (1.6, [0.46, 0.46], [-0.036, 0], False),
    ],
)
def test_reciprocity_by_hand(factor, self_play, against, reciprocal):
    game = MatrixGame(contribution_payoffs(factor, 2))
    assert is_reciprocal(game, jnp.array(self_play, float), jnp.array(against, float)) == reciprocal


def test_reciprocity_does_not_depend_on_the_units_of_payoffs():
    # The prisoner's dilemma pays −1 for mutual cooperation, −2 for mutual defection, −3 for cooperating alone.
    own, against = jnp.array([-1.2, -1.2]), jnp.array([-2.17, -2.0])
    assert is_reciprocal(GAME, own, against)
    assert not is_reciprocal(GAME, own - 0.1, against)
    assert not is_reciprocal(GAME, own, against - 0.1)


def test_tit_for_tat_is_reciprocal_and_one_that_is_exploited_is_not():
    game = MatrixGame(contribution_payoffs(1.33, 2))

    @functools.partial(jax.jit, static_argnums=0)
    def reciprocal(name):
        players = pair(name, name, game=game)
        against = scores_against(["always-defect"], game, players, KEY, 20, 2)[0]
        return is_reciprocal(game, scores(match(game, players, KEY, 20, 2)), against)

    verdicts = {name: bool(reciprocal(name)) for name in ("always-cooperate", "tit-for-tat")}
    assert verdicts == {"always-cooperate": False, "tit-for-tat": True}


def test_histories_and_their_names():
    names = history_names()
    assert len(names) == len(short_histories()) == 21
    assert names[:6] == ["start", "DD", "DC", "CD", "CC", "DD-DD"]
    assert names[-2:] == ["CC-CD", "CC-CC"]
    assert short_histories()[names.index("DC-CC")] == ((0, 1), (1, 1))


def test_what_strategies_do_after_every_short_history():
    # In both seats by their own views: tit-for-tat by the other's last action, grim if the other has never defected.
    after = jax.jit(lambda: cooperation_after(GAME, pair("tit-for-tat", "grim")))()
    names = history_names()
    np.testing.assert_array_equal(after[0], [name == "start" or name.endswith("C") for name in names])
    np.testing.assert_array_equal(after[1], [all(step[1:] != "D" for step in name.split("-")) for name in names])


def test_what_a_network_does_after_every_short_history():
    players = drawn_network(0, 6, 2), drawn_network(1, 6, 2)
    ours = np.asarray(jax.jit(lambda players: cooperation_after(GAME, players))(players))
    observed = [np.stack([GAME.observe(jnp.array(state), player) for state in range(5)]) for player in (0, 1)]

    @jax.jit
    def step(own, memory, seen):
        memory = own.unit.update(memory, own.encoder(seen[:, None]))
        return memory, jax.nn.softmax(own.head(memory)[:, 0])[1]

    for player, own in enumerate(players):
        for number, history in enumerate(short_histories()):
            memory, expected, state = own.unit.initial_hidden_state(1), None, GAME.histories.start
            for actions in [None, *history]:
                if actions is not None:
                    # The first player's action first: DD, DC, CD, CC.
                    first, second = actions if player == 0 else actions[::-1]
                    state = 2 * first + second
                memory, expected = step(own, memory, observed[player][state])
            np.testing.assert_allclose(ours[player, number], np.asarray(expected), rtol=1e-10)
