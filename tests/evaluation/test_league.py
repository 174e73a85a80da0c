"""A league of agents whose rewards are known, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.league import Matches, by_seed, earned, meet, ranks, standings
from lookax.evaluation.sides import Side, in_chunks
from lookax.games.coin_game import OneCoinGame
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.policies.strategies import strategies
from lookax.policies.tabular import TabularPolicy

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
NAMES = ("always-defect", "always-cooperate", "tit-for-tat")
KEY = jax.random.key(3)
STEPS = 4


def fixed(game, *names):
    by_seat = [strategies(names, game, seat) for seat in (0, 1)]
    return [Side(name, tuple(policies)) for name, *policies in zip(names, *by_seat, strict=True)]


def played(game, sides, games=2):
    return [[meet(game, first, second, KEY, horizon=STEPS, games=games) for second in sides] for first in sides]


def known(values):
    """Not None."""
    assert values is not None
    return values


def tables(first, second, name="tables"):
    """A side of agents that always cooperate in a seat where its list has a 1, and never where it has a 0."""
    logits = [
        jnp.where(jnp.array(own) == 1, 50.0, -50.0)[:, None, None] * jnp.ones((1, 5, 1)) for own in (first, second)
    ]
    return Side(name, tuple(jax.vmap(TabularPolicy)(own) for own in logits), len(first))


def test_strategies_in_the_prisoners_dilemma():
    # T, R, P, S = 0, −1, −2, −3 per step; tit-for-tat loses the first of four steps to a defector.
    sides = fixed(GAME, *NAMES)
    met = played(GAME, sides)
    of = [[earned(met, i, j).item() for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(of, [[-2, 0, -6 / 4], [-3, -1, -1], [-9 / 4, -1, -1]], rtol=1e-12)
    defect, cooperate, reciprocate = standings(sides, met)
    np.testing.assert_allclose([defect.average, defect.worst, defect.itself], [[-0.75], [-2], [-2]])
    np.testing.assert_allclose([cooperate.average, cooperate.worst, cooperate.itself], [[-2], [-3], [-1]])
    np.testing.assert_allclose([reciprocate.average, reciprocate.worst], [[-13 / 8], [-9 / 4]])
    assert [own.worst_with for own in (defect, cooperate, reciprocate)] == ["always-defect"] * 3
    assert [own.name for own in (defect, cooperate, reciprocate)] == list(NAMES)
    np.testing.assert_allclose([known(own.cooperation) for own in (defect, cooperate, reciprocate)], [[0], [1], [1]])
    assert defect.other_seeds is None
    assert defect.cooperation_with_others is None


def test_both_seats_count_and_partners_are_no_other_seeds():
    # Seed 0 cooperates in the first seat alone, seed 1 in both, seed 2 in none.
    side = tables([1, 1, 0], [0, 1, 0])
    defector = tables([0], [0], "defector")
    sides = [side, defector]
    met = played(GAME, sides)
    # Rows in the first seat: 1 exploited by 0 is −3, both cooperate −1, exploits 0, both defect −2.
    own = np.array([[-3, -1, -3], [-3, -1, -3], [-2, 0, -2]])
    np.testing.assert_allclose(met[0][0].rewards[..., 0], own, atol=1e-6)
    np.testing.assert_allclose(known(met[0][0].cooperation), np.array([[1, 2, 1], [1, 2, 1], [0, 1, 0]]) / 2, atol=1e-6)
    second = np.array([[0, -1, 0], [0, -1, 0], [-2, -3, -2]]).T
    np.testing.assert_allclose(earned(met, 0, 0), (own + second) / 2, atol=1e-6)
    ours, theirs = standings(sides, met)
    np.testing.assert_allclose(ours.itself, [-3 / 2, -1, -2], atol=1e-6)
    both = (own + second) / 2
    others = [(both[0, 1] + both[0, 2]) / 2, (both[1, 0] + both[1, 2]) / 2, (both[2, 0] + both[2, 1]) / 2]
    np.testing.assert_allclose(known(ours.other_seeds), others, atol=1e-6)
    np.testing.assert_allclose(ours.earned[0], others, atol=1e-6)
    np.testing.assert_allclose(known(ours.cooperation), [1 / 2, 1, 0], atol=1e-6)
    np.testing.assert_allclose(known(ours.cooperation_with_others), [1 / 2, 5 / 8, 3 / 8], atol=1e-6)
    # With the defector: exploited in the first seat alone, in both, never.
    np.testing.assert_allclose(ours.average, [-5 / 2, -3, -2], atol=1e-6)
    np.testing.assert_allclose(ours.worst, [-5 / 2, -3, -2], atol=1e-6)
    assert ours.worst_with == "defector"
    # The defector earns 0 where it exploits, else −2: with the three seeds −1, 0 and −2.
    np.testing.assert_allclose(theirs.average, [-1], atol=1e-6)


def test_sides_count_once_however_many_agents_they_have():
    one, many = tables([1], [1], "one"), tables([0, 0, 0], [0, 0, 0], "many")
    sides = [tables([0], [0]), one, many]
    np.testing.assert_allclose(standings(sides, played(GAME, sides))[0].average, [(0 - 2) / 2], atol=1e-6)


def test_intervals_are_over_the_seeds_of_the_side_that_has_fewer():
    two, three, fixed_one = tables([0, 0], [0, 0]), tables([0] * 3, [0] * 3), fixed(GAME, "always-defect")[0]
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]])
    assert by_seed(values, two, three).tolist() == [2.0, 6.0]
    assert by_seed(values.T, three, two).tolist() == [2.0, 6.0]
    assert by_seed(values[:1], fixed_one, three).tolist() == [1.0, 2.0, 3.0]
    assert by_seed(values[:, :1], two, fixed_one).tolist() == [1.0, 4.0]
    assert by_seed(values[:, :2], two, two).tolist() == [2.0, 4.0]
    assert by_seed(values[:1, :1], fixed_one, fixed_one).tolist() == [1.0]


def test_equal_places_are_shared():
    assert ranks([0.5, 0.25, 0.5 + 1e-9, 0.75]) == [2, 4, 2, 1]


def test_many_things_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr("lookax.evaluation.sides.ON_ACCELERATORS", 3)
    seen = []

    def program(places):
        seen.append(places.tolist())
        return {"squares": jnp.asarray(places) ** 2}

    assert in_chunks(program, 5)["squares"].tolist() == [0, 1, 4, 9, 16]
    assert seen == [[0, 1, 2], [3, 4, 4]]


def test_coins_of_ones_own_colour():
    game = OneCoinGame()
    [cooperator, random] = fixed(game, "always-cooperate", "random")
    met = meet(game, cooperator, cooperator, KEY, horizon=STEPS, games=8)
    assert met.rewards.shape == (1, 1, 2)
    assert known(met.cooperation).tolist() == [[1.0]]
    mixed = meet(game, random, random, KEY, horizon=STEPS, games=64)
    assert 0.2 < known(mixed.cooperation).item() < 0.8


def test_the_same_key_gives_the_same_and_another_one_others():
    [side] = fixed(GAME, "random")
    first, again, other = (meet(GAME, side, side, key, horizon=STEPS, games=8) for key in (KEY, KEY, jax.random.key(4)))
    np.testing.assert_array_equal(first.rewards, again.rewards)
    assert (first.rewards != other.rewards).any()


def test_there_are_two_players_and_two_sides():
    [side] = fixed(GAME, "random")
    three = MatrixGame(contribution_payoffs(1.5, 3))
    with pytest.raises(ValueError, match="num_players: 3 is not allowed; it must be 2 in a league"):
        meet(three, side, side, KEY, horizon=2, games=1)
    met = Matches(np.zeros((1, 1, 2)), None)
    with pytest.raises(ValueError, match="sides: 1 is not allowed; it must be at least 2"):
        standings([side], [[met]])
