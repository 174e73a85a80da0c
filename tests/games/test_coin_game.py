"""Cells of a 3 × 3 grid are numbered 0 1 2 / 3 4 5 / 6 7 8."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from lookax.games.coin_game import OneCoinGame, OneCoinState, TwoCoinGame, TwoCoinState, moved

KEY = jax.random.key(0)
RIGHT, LEFT, DOWN, UP, STAY = range(5)
RED, BLUE = 0, 1
DRAWS = 20_000


def one_coin(red, blue, coin, colour):
    return OneCoinState(*(jnp.array(x, jnp.int32) for x in ([red, blue], coin, colour)))


def two_coins(red, blue, red_coin, blue_coin):
    return TwoCoinState(*(jnp.array(x, jnp.int32) for x in ([red, blue], [red_coin, blue_coin])))


@pytest.mark.parametrize("game", [OneCoinGame, TwoCoinGame])
def test_tiny_grids_are_refused(game):
    with pytest.raises(ValueError, match="grid_size: 2 is not allowed; it must be at least 3"):
        game(grid_size=2)


def test_moves_go_round_the_torus():
    corners = {0: [1, 2, 3, 6, 0], 2: [0, 1, 5, 8, 2], 6: [7, 8, 0, 3, 6], 8: [6, 7, 2, 5, 8], 4: [5, 3, 7, 1, 4]}
    for cell, neighbours in corners.items():
        np.testing.assert_array_equal(moved(3, jnp.array(cell), jnp.arange(5)), neighbours)


def test_a_game_with_one_coin_by_hand():
    game = OneCoinGame()
    # Red is at the top left, blue at the bottom right, a red coin in the middle.
    state = one_coin(0, 8, 4, RED)

    # Nobody gets there: both leave the grid and come back at the other side.
    state, rewards = game.step(KEY, state, jnp.array([LEFT, DOWN]))
    np.testing.assert_array_equal(state.players, [2, 2])
    assert (state.coin, state.colour) == (4, RED)
    np.testing.assert_array_equal(rewards, [0, 0])

    state, rewards = game.step(KEY, state, jnp.array([DOWN, LEFT]))
    np.testing.assert_array_equal(state.players, [5, 1])
    np.testing.assert_array_equal(rewards, [0, 0])

    # Blue takes red's coin, and the next one is blue.
    np.testing.assert_array_equal(game.picked(state, jnp.array([UP, DOWN])), [[False, False], [True, False]])
    state, rewards = game.step(KEY, state, jnp.array([UP, DOWN]))
    np.testing.assert_array_equal(state.players, [2, 4])
    np.testing.assert_array_equal(rewards, [-2, 1])
    assert state.colour == BLUE
    assert state.coin not in state.players

    # Blue takes its own, and the next one is red.
    state, rewards = game.step(KEY, state._replace(coin=jnp.array(3)), jnp.array([RIGHT, LEFT]))
    np.testing.assert_array_equal(rewards, [0, 1])
    assert state.colour == RED

    # Both step onto red's coin at once: red is paid and pays.
    state = one_coin(0, 2, 1, RED)
    actions = jnp.array([RIGHT, LEFT])
    np.testing.assert_array_equal(game.picked(state, actions), [[True, False], [True, False]])
    state, rewards = game.step(KEY, state, actions)
    np.testing.assert_array_equal(rewards, [-1, 1])
    assert state.colour == BLUE
    assert state.coin != 1


@pytest.mark.parametrize(
    ("shared", "colour", "expected"),
    [
        (False, RED, [3 - 7, 5]),
        (True, RED, [1.5 - 3.5, 2.5]),
        (False, BLUE, [5, 3 - 7]),
        (True, BLUE, [2.5, 1.5 - 3.5]),
    ],
)
def test_both_at_once_under_other_rewards(shared, colour, expected):
    game = OneCoinGame(3.0, 5.0, -7.0, shared_coins=shared)
    _, rewards = game.step(KEY, one_coin(0, 2, 1, colour), jnp.array([RIGHT, LEFT]))
    np.testing.assert_array_equal(rewards, expected)
    # Alone, nothing is halved.
    _, rewards = game.step(KEY, one_coin(0, 2, 1, colour), jnp.array([RIGHT, DOWN]))
    np.testing.assert_array_equal(rewards, [3, 0] if colour == RED else [5, -7])


def test_rewards_may_differ_between_lanes():
    def step(cost):
        return OneCoinGame(other_coin_cost=cost).step(KEY, one_coin(0, 8, 1, BLUE), jnp.array([RIGHT, UP]))[1]

    np.testing.assert_array_equal(jax.jit(jax.vmap(step))(jnp.array([-2.0, -3.0])), [[1, -2], [1, -3]])


def test_an_observation_of_one_coin_by_hand():
    expected = np.zeros((4, 3, 3))
    expected[0, 0, 2] = expected[1, 1, 0] = expected[3, 2, 1] = 1
    for player in (RED, BLUE):
        seen = OneCoinGame().observe(one_coin(2, 3, 7, BLUE), player)
        np.testing.assert_array_equal(seen.reshape(4, 3, 3), expected)
    seen = OneCoinGame(grid_size=4).observe(one_coin(0, 15, 5, RED), RED)
    np.testing.assert_array_equal(np.flatnonzero(seen), [0, 16 + 15, 32 + 5])


def test_views_of_one_coin_by_hand():
    state = one_coin(2, 3, 7, BLUE)

    def seen(view, player):
        planes = OneCoinGame(view=view).observe(state, player).reshape(4, 9)
        return [np.flatnonzero(plane).tolist() for plane in planes]

    # I, the other, a coin of mine, one of the other's.
    assert seen("own", RED) == [[2], [3], [], [7]]
    assert seen("own", BLUE) == [[3], [2], [7], []]
    # Red, at the right of the first row, moves one column back and one row on; blue, at the left of the second, one on.
    assert seen("egocentric", RED) == [[4], [8], [], [0]]
    assert seen("egocentric", BLUE) == [[4], [0], [8], []]


GREEN = 2


def three_players(red, blue, green, coin, colour):
    return OneCoinState(*(jnp.array(x, jnp.int32) for x in ([red, blue, green], coin, colour)))


def test_a_game_of_three_by_hand():
    game = OneCoinGame(num_players=3)
    assert game.num_actions == (4, 4, 4)
    # Blue and green step onto a green coin at once: each is paid 1, and green pays 2 for blue.
    state, rewards = game.step(KEY, three_players(0, 3, 5, 4, GREEN), jnp.array([UP, RIGHT, LEFT]))
    np.testing.assert_array_equal(rewards, [0, 1, 1 - 2])
    np.testing.assert_array_equal(state.players, [6, 4, 4])
    # Green is followed by red.
    assert state.colour == RED
    assert state.coin not in (6, 4)
    # Two others at once take twice; a third of everything if coins are shared.
    before, actions = three_players(4, 3, 5, 1, RED), jnp.array([UP, RIGHT, LEFT])
    _, rewards = game.step(KEY, before._replace(coin=jnp.array(4)), actions)
    np.testing.assert_array_equal(rewards, [-4, 1, 1])
    _, rewards = OneCoinGame(3.0, 5.0, -7.0, shared_coins=True, num_players=3).step(
        KEY, three_players(1, 3, 5, 4, RED), jnp.array([DOWN, RIGHT, LEFT])
    )
    np.testing.assert_allclose(rewards, [(3 - 2 * 7) / 3, 5 / 3, 5 / 3], rtol=1e-6)


def test_views_of_three_by_hand():
    state = three_players(2, 3, 7, 6, BLUE)

    def seen(view, player):
        planes = OneCoinGame(view=view, num_players=3).observe(state, player).reshape(6, 9)
        return [np.flatnonzero(plane).tolist() for plane in planes]

    for player in range(3):
        assert seen("board", player) == [[2], [3], [7], [], [6], []]
    # I and those after me, then a coin of mine, and those of theirs.
    assert seen("own", BLUE) == [[3], [7], [2], [6], [], []]
    assert seen("own", GREEN) == [[7], [2], [3], [], [], [6]]
    # Green, in the middle of the last row, moves one row back.
    assert seen("egocentric", GREEN) == [[4], [8], [0], [], [], [3]]


@pytest.mark.parametrize("number", [1, 9])
def test_as_many_players_as_cells_are_refused(number):
    rule = "between 2 and 8, so that a cell is free"
    with pytest.raises(ValueError, match=f"num_players: {number} is not allowed; it must be {rule}"):
        OneCoinGame(num_players=number)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def observed(view, grid_size, player, states):
    return jax.vmap(lambda state: OneCoinGame(grid_size=grid_size, view=view).observe(state, player))(states)


@pytest.mark.parametrize("grid_size", [3, 4])
def test_views_turn_and_shift_with_the_board(grid_size):
    states = jax.vmap(OneCoinGame(grid_size=grid_size).reset)(jax.random.split(KEY, 200))
    mirrored = OneCoinState(states.players[:, ::-1], states.coin, 1 - states.colour)
    for view in ("own", "egocentric"):
        np.testing.assert_array_equal(observed(view, grid_size, BLUE, states), observed(view, grid_size, RED, mirrored))
    np.testing.assert_array_equal(observed("own", grid_size, RED, states), observed("board", grid_size, RED, states))
    np.testing.assert_array_equal(observed("board", grid_size, BLUE, states), observed("board", grid_size, RED, states))
    assert (observed("own", grid_size, BLUE, states) != observed("board", grid_size, BLUE, states)).any()
    # Wherever the torus begins, it looks the same from the middle.
    rows, columns = np.random.default_rng(0).integers(grid_size, size=(2, 200))

    def moved_on(cells):
        row, column = np.divmod(np.asarray(cells).T, grid_size)
        return jnp.asarray((row + rows) % grid_size * grid_size + (column + columns) % grid_size).T

    elsewhere = OneCoinState(moved_on(states.players), moved_on(states.coin), states.colour)
    for player in (RED, BLUE):
        seen = observed("egocentric", grid_size, player, states)
        np.testing.assert_array_equal(seen, observed("egocentric", grid_size, player, elsewhere))
        # I stand in the middle, and there is one other player and one coin.
        planes = np.asarray(seen).reshape(200, 4, grid_size, grid_size)
        assert (planes[:, 0, grid_size // 2, grid_size // 2] == 1).all()
        np.testing.assert_array_equal(planes[:, :2].sum((2, 3)), 1)
        np.testing.assert_array_equal(planes[:, 2:].sum((1, 2, 3)), 1)


@pytest.mark.usefixtures("types_unchecked")
def test_unknown_views_and_tiny_grids_are_refused_with_any_view():
    with pytest.raises(ValueError, match="view: 'mine' is not allowed; it must be one of board, own, egocentric"):
        OneCoinGame(view="mine")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="grid_size: 2 is not allowed"):
        OneCoinGame(grid_size=2, view="own")


def test_a_game_with_two_coins_by_hand():
    game = TwoCoinGame()
    # Red takes blue's coin while blue stays; red's own coin lies where it lay.
    state = two_coins(0, 8, 4, 1)
    actions = jnp.array([RIGHT, STAY])
    np.testing.assert_array_equal(game.picked(state, actions), [[False, True], [False, False]])
    state, rewards = game.step(KEY, state, actions)
    np.testing.assert_array_equal(state.players, [1, 8])
    np.testing.assert_array_equal(rewards, [1, -2])
    assert state.coins[RED] == 4

    # Each takes its own, one of them by staying on it.
    _, rewards = game.step(KEY, two_coins(1, 8, 4, 8), jnp.array([DOWN, STAY]))
    np.testing.assert_array_equal(rewards, [1, 1])

    # Each takes the other's.
    _, rewards = game.step(KEY, two_coins(1, 8, 8, 1), jnp.array([STAY, STAY]))
    np.testing.assert_array_equal(rewards, [-1, -1])

    # Both coins on one cell: who comes alone takes both, and two together pay each other.
    state = two_coins(0, 2, 1, 1)
    _, rewards = game.step(KEY, state, jnp.array([RIGHT, STAY]))
    np.testing.assert_array_equal(rewards, [2, -2])
    _, rewards = game.step(KEY, state, jnp.array([RIGHT, LEFT]))
    np.testing.assert_array_equal(rewards, [0, 0])
    _, rewards = TwoCoinGame(shared_coins=True, other_coin_cost=-3.0).step(KEY, state, jnp.array([RIGHT, LEFT]))
    np.testing.assert_array_equal(rewards, [1 - 1.5, 1 - 1.5])


def test_observations_of_two_coins_by_hand():
    state = two_coins(0, 5, 7, 2)
    as_red, as_blue = np.zeros((2, 9, 4))
    as_red[[0, 5, 7, 2], range(4)] = 1
    as_blue[[5, 0, 2, 7], range(4)] = 1
    game = TwoCoinGame()
    np.testing.assert_array_equal(game.observe(state, RED), as_red.reshape(-1))
    np.testing.assert_array_equal(game.observe(state, BLUE), as_blue.reshape(-1))


def test_observations_from_the_middle_by_hand():
    # Red at the top left moves to the middle by one row and one column; so does everything else, round the torus.
    game = TwoCoinGame(egocentric=True)
    expected = np.zeros((9, 4))
    expected[[4, 6, 2, 3], range(4)] = 1
    np.testing.assert_array_equal(game.observe(two_coins(0, 5, 7, 2), RED), expected.reshape(-1))
    # Blue moves one column to the left.
    expected = np.zeros((9, 4))
    expected[[4, 2, 1, 6], range(4)] = 1
    np.testing.assert_array_equal(game.observe(two_coins(0, 5, 7, 2), BLUE), expected.reshape(-1))


def assert_uniform(draws, among):
    """By χ² at a level of 10⁻⁴: one seed in ten thousand would fail."""
    cells, counts = np.unique(np.asarray(draws), return_counts=True)
    np.testing.assert_array_equal(cells, among)
    expected = len(draws) / len(among)
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-4, len(among) - 1)


@pytest.mark.parametrize(
    ("red", "blue", "free"),
    [(0, 2, [1, 3, 4, 5, 6, 7, 8]), (8, 4, [0, 1, 2, 3, 5, 6, 7]), (4, 4, [*range(4), *range(5, 9)])],
)
def test_a_coin_reappears_uniformly_on_free_cells(red, blue, free):
    game = OneCoinGame()
    # Where they stand after the step; red steps there from the left, onto the coin.
    state = one_coin(
        int(moved(3, jnp.array(red), jnp.array(LEFT))), int(moved(3, jnp.array(blue), jnp.array(UP))), red, 0
    )
    keys = jax.random.split(KEY, DRAWS)
    states, _ = jax.jit(jax.vmap(lambda key: game.step(key, state, jnp.array([RIGHT, DOWN]))))(keys)
    assert_uniform(states.coin, free)


@pytest.mark.parametrize(
    ("players", "free"),
    [((0, 4, 8), [1, 2, 3, 5, 6, 7]), ((8, 0, 8), range(1, 8)), ((5, 5, 5), [0, 1, 2, 3, 4, 6, 7, 8])],
)
def test_among_three_a_coin_reappears_uniformly_on_free_cells(players, free):
    game = OneCoinGame(num_players=3)
    uniforms = jax.random.uniform(KEY, (DRAWS,))
    cells = jax.vmap(lambda uniform: game.free_cell(uniform, jnp.array(players)))(uniforms)
    assert_uniform(np.asarray(cells), list(free))


def test_two_coins_reappear_uniformly_anywhere():
    game = TwoCoinGame()
    state = two_coins(0, 4, 1, 1)
    keys = jax.random.split(KEY, DRAWS)
    states, _ = jax.jit(jax.vmap(lambda key: game.step(key, state, jnp.array([RIGHT, STAY]))))(keys)
    assert_uniform(states.coins[:, 0] * 9 + states.coins[:, 1], range(81))


def test_first_states_are_uniform_and_independent():
    keys = jax.random.split(KEY, DRAWS)
    states = jax.jit(jax.vmap(OneCoinGame().reset))(keys)
    assert_uniform(states.players[:, 0] * 9 + states.players[:, 1], range(81))
    # The original's one key for both made the first coin's colour follow from its cell.
    assert_uniform(states.coin * 2 + states.colour, range(18))
    assert not (states.coin[:, None] == states.players).any()
    states = jax.jit(jax.vmap(TwoCoinGame().reset))(keys)
    assert_uniform(states.players[:, 1] * 9 + states.coins[:, 0], range(81))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def play(kind, grid_size, shared, key, actions):
    game = kind(grid_size=grid_size, shared_coins=shared)
    keys = jax.random.split(key, len(actions) + 1)

    def step(state, what):
        key, actions = what
        following, rewards = game.step(key, state, actions)
        return following, (following, rewards, game.picked(state, actions))

    _, played = jax.lax.scan(step, game.reset(keys[0]), (keys[1:], actions))
    return played


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([OneCoinGame, TwoCoinGame]), st.sampled_from([3, 4]), st.booleans(), st.integers(0, 2**32 - 1))
def test_what_holds_in_any_game(kind, grid_size, shared, seed):
    key, actions_key = jax.random.split(jax.random.key(seed))
    actions = jax.random.randint(actions_key, (40, 2), 0, kind().num_actions[0])
    states, rewards, picked = play(kind, grid_size, shared, key, actions)
    for cells in (states.players, states.coin if kind is OneCoinGame else states.coins):
        assert (cells >= 0).all()
        assert (cells < grid_size**2).all()
    # +1 for every coin that somebody picks up, −2 for every one picked up by another than its owner.
    took = picked / jnp.maximum(picked.sum(1, keepdims=True), 1) if shared else picked.astype(float)
    np.testing.assert_allclose(rewards.sum(1), took.sum((1, 2)) - 2 * (took[:, 0, 1] + took[:, 1, 0]))
    if kind is OneCoinGame:
        changed = np.diff(states.colour) != 0
        np.testing.assert_array_equal(changed, np.asarray(picked.any((1, 2)))[1:])
        assert not (states.coin[:, None] == states.players).any()


def test_players_who_take_any_coin_earn_nothing_on_average():
    """The dilemma: +1 for each coin, and half of them cost 2. Five standard errors, a little more."""
    actions = jax.random.randint(KEY, (20_000, 2), 0, 4)
    _, rewards, picked = play(OneCoinGame, 3, False, KEY, actions)
    assert abs(rewards.mean()) < 0.05
    assert abs(picked[:, 0, 0].mean() - picked[:, 0, 1].mean()) < 0.02
