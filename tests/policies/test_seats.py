"""Policies that bring their own view of a coin game, or one for each seat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.choices import CoinView
from lookax.evaluation.matches import match
from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.games.game import Game, Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.games.rotated_seats import RotatedSeats
from lookax.policies.actor import actor_of
from lookax.policies.published.seats import PolicyPerSeat, PolicyWithView, view_of, with_view
from lookax.policies.strategies import strategy
from tests.networks import drawn_network

KEY = jax.random.key(3)
FIRST, SECOND = (drawn_network(seed, 36, 4, scale=0.5) for seed in (0, 1))
PRISONERS = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])


def acts(game, policy, player):
    """Logits after two states of eight games each, `[2, A, 8]`."""
    actor = actor_of(game, policy, player)
    hidden_state = actor.recurrence.initial_hidden_state(8)
    outputs = []
    for key in jax.random.split(KEY):
        states = jax.vmap(game.reset, out_axes=-1)(jax.random.split(key, 8))
        seen = Seen(states, jnp.zeros((2, 8), int), jnp.zeros((2, 8)))
        hidden_state = actor.recurrence.update_hidden_state(hidden_state, seen)
        outputs.append(actor.act(hidden_state))
    return np.stack(outputs)


@pytest.mark.parametrize("view", ["board", "own", "egocentric"])
@pytest.mark.parametrize("player", [0, 1])
def test_a_policy_sees_a_game_with_its_own_view_and_nothing_else_changes(view, player):
    expected = acts(OneCoinGame(view=view), FIRST, player)
    for shown in ("board", "own", "egocentric"):
        np.testing.assert_array_equal(acts(OneCoinGame(view=shown), PolicyWithView(FIRST, view), player), expected)
    assert (acts(OneCoinGame(view=view), PolicyWithView(FIRST), player) == expected).all()
    # What is nearer to the network counts: a view that it has already.
    nested = PolicyWithView(PolicyWithView(FIRST, view), "board")
    np.testing.assert_array_equal(acts(OneCoinGame(), nested, player), expected)


@pytest.mark.parametrize("swapped", [False, True])
def test_views_and_seats_are_those_of_the_game_where_seats_are_swapped(swapped):
    game = RotatedSeats(OneCoinGame(), jnp.array(int(swapped)))
    for player in (0, 1):
        seat = player ^ swapped
        viewed = acts(game, PolicyWithView(FIRST, "own"), player)
        np.testing.assert_array_equal(viewed, acts(OneCoinGame(view="own"), FIRST, seat))
        pair = PolicyPerSeat((PolicyWithView(FIRST, "own"), PolicyWithView(SECOND, "board")))
        expected = acts(OneCoinGame(), SECOND, 1) if seat else acts(OneCoinGame(), FIRST, 0)
        np.testing.assert_array_equal(acts(game, pair, player), expected)
        np.testing.assert_array_equal(acts(OneCoinGame(), pair, seat), expected)
    with pytest.raises(ValueError, match="player: 2 is not allowed; it must be one of 0 … 1"):
        pair.actor(OneCoinGame(), 2)


def test_other_policies_keep_to_their_own():
    game = OneCoinGame()
    defector = strategy("always-defect", game, 1)
    np.testing.assert_array_equal(acts(game, PolicyWithView(defector, "own"), 1), acts(game, defector, 1))
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(4, 36)))
    expected = acts(OneCoinGame(view="own"), lambda seen: weights @ seen, 1)
    np.testing.assert_array_equal(acts(game, PolicyWithView(lambda seen: weights @ seen, "own"), 1), expected)


def test_games_have_views():
    for view in ("board", "own", "egocentric"):
        assert view_of(with_view(OneCoinGame(other_coin_cost=-3.0), view)) == view
        assert with_view(OneCoinGame(other_coin_cost=-3.0), view).other_coin_cost == -3
    assert view_of(TwoCoinGame()) == "own"
    assert with_view(TwoCoinGame(), "egocentric") == TwoCoinGame(egocentric=True)
    assert with_view(TwoCoinGame(egocentric=True), "own") == TwoCoinGame()
    for view in ("board", "own"):
        assert view_of(with_view(PRISONERS, view)) == view
    assert view_of(PRISONERS) == "board"
    np.testing.assert_array_equal(with_view(PRISONERS, "own").payoffs, PRISONERS.payoffs)
    assert view_of(RotatedSeats(OneCoinGame(), jnp.array(1))) is None
    assert with_view(PRISONERS, None) is PRISONERS
    without: tuple[tuple[Game, CoinView], ...] = ((TwoCoinGame(), "board"), (PRISONERS, "egocentric"))
    for game, view in without:
        with pytest.raises(ValueError, match=f"^view: '{view}' is no view of a {type(game).__name__}$"):
            with_view(game, view)


@pytest.mark.parametrize("unit", ["gru", "none"])
@pytest.mark.parametrize("layers", [0, 1])
def test_networks_that_take_other_observations_are_refused_in_one_line(unit, layers):
    small = drawn_network(0, 36, 4, recurrent_unit=unit, num_layers=layers)
    with pytest.raises(ValueError, match=r"^policy: that of player 1 does not take the 64 numbers"):
        match(OneCoinGame(grid_size=4), ["random", PolicyWithView(small)], KEY, 2, 2)
    with pytest.raises(ValueError, match="policy: that of player 1 gives logits of shape"):
        match(OneCoinGame(), ["random", PolicyWithView(drawn_network(0, 36, 5))], KEY, 2, 2)
    acts(OneCoinGame(), PolicyWithView(small), 1)
