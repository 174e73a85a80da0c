"""The commons: a stock that is harvested and grows again."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.games.commons import CommonsGame, CommonsState

KEY = jax.random.key(0)


def test_a_step_by_hand():
    game = CommonsGame(3)
    before = CommonsState(jnp.array(0.6), jnp.array([-1, -1, -1], jnp.int32))
    state, rewards = game.step(KEY, before, jnp.array([0, 1, 1]))
    np.testing.assert_allclose(rewards, [0.3, 0.2, 0.2], rtol=1e-6)
    # A third of (1/2 + 1/3 + 1/3) of the stock is taken; what is left, 11/30, grows by itself times what it lacks.
    left = 0.6 * (1 - 7 / 18)
    np.testing.assert_allclose(state.stock, left + left * (1 - left), rtol=1e-6)
    np.testing.assert_array_equal(state.actions, [0, 1, 1])


def test_what_players_see():
    game = CommonsGame(3)
    np.testing.assert_array_equal(game.observe(game.reset(KEY), 0), [1, 0, 0, 0, 0, 0, 0])
    state = CommonsState(jnp.array(0.25), jnp.array([0, 1, 1], jnp.int32))
    # The stock, who defected, who cooperated: the second player, the third, the first.
    np.testing.assert_array_equal(game.observe(state, 1), [0.25, 0, 0, 1, 1, 1, 0])


def stock_after(game, actions, steps):
    def step(state, _):
        return game.step(KEY, state, jnp.array(actions))

    state, rewards = jax.lax.scan(step, game.reset(KEY), length=steps)
    return float(state.stock), np.asarray(rewards[-1])


@pytest.mark.parametrize("efforts", [(1 / 2, 1 / 3), (0.45, 0.2)])
def test_the_stock_tends_to_its_closed_form(efforts):
    game = CommonsGame(3, efforts, 1.2)
    for actions in itertools.product((0, 1), repeat=3):
        fraction = np.mean([efforts[action] for action in actions])
        lasting = (1 - fraction / (1.2 * (1 - fraction))) / (1 - fraction)
        # Near its limit the stock's distance shrinks by a constant factor, below 0.95 here: 300 steps leave 1e-6.
        stock, _ = stock_after(game, actions, 300)
        np.testing.assert_allclose(stock, lasting, atol=1e-5)


def test_it_dies_out_where_nobody_is_restrained():
    # s′ = s − s²/4 from 1 on is below 4/t.
    stock, rewards = stock_after(CommonsGame(5), [0] * 5, 1000)
    assert 0 < stock < 4 / 1000
    np.testing.assert_allclose(rewards, stock / 2, rtol=0.01)


def test_restraint_pays_most_that_can_be_had_for_long():
    # N = 1 in effect, as all do the same: e s*(e) with s* = (1 − 2e)/(1 − e)², greatest at e = 1/3.
    for smaller in (0.25, 1 / 3, 0.4):
        _, rewards = stock_after(CommonsGame(2, (0.5, smaller)), [1, 1], 400)
        expected = smaller * (1 - 2 * smaller) / (1 - smaller) ** 2
        np.testing.assert_allclose(rewards, expected, atol=1e-5)
        assert expected <= 1 / 4


@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((1,), "num_players: 1 is not allowed; it must be at least 2"),
        ((2, (0.2, 0.3)), "efforts: .* is not allowed; it must be two, the greater first, between 0 and 1"),
        ((2, (1.5, 0.3)), "efforts: .* is not allowed"),
        ((2, (0.5, 0.3), 0.0), "growth_rate: 0.0 is not allowed; it must be above 0 and at most 3"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        CommonsGame(*arguments)


def test_it_is_a_game_with_strategies():
    game = CommonsGame(4)
    lx.check_game(game)
    players = ["tit-for-tat", "always-defect", "always-cooperate", "grim"]
    games = lx.match(game, players, KEY, horizon=3, batch_size=1)
    # The reciprocal ones cooperate first, and then defect as one of the others does.
    np.testing.assert_array_equal(games.actions[..., 0], [[1, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 0]])
