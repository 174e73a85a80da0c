"""Cells of a 3 × 3 grid are numbered 0 1 2 / 3 4 5 / 6 7 8."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.coin_game import OneCoinGame, OneCoinState, TwoCoinGame, TwoCoinState, moved
from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.policies.coin_moves import TwoCoinMoves
from lookax.policies.strategies import strategy, strategy_names

KEY = jax.random.key(0)
RIGHT, LEFT, DOWN, UP, STAY = range(5)
DILEMMA = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])


def one_coin(mine, coin, mine_it_is):
    """As red sees it; blue stands on cell 8."""
    return OneCoinState(*(jnp.array(x, jnp.int32) for x in ([mine, 8], coin, 0 if mine_it_is else 1)))


def two_coins(mine, own, others):
    return TwoCoinState(*(jnp.array(x, jnp.int32) for x in ([mine, 8], [own, others])))


def chosen(logits):
    assert sorted(np.asarray(logits).tolist())[-2:] == [-1e9, 0]
    return int(logits.argmax())


def answers(name, game, player, history):
    """Actions before the first step and after each (actions, rewards, state) of a history."""
    plays = strategy(name, game, player)
    memory, actions = plays.initial_hidden_state(), []
    for seen in history:
        memory = plays.update_hidden_state(memory, seen)
        actions.append(chosen(plays.act(memory)))
    return actions


def matrix_history(*joint_actions):
    none = [-1] * len(joint_actions[0])
    return [Seen(jnp.array(0), jnp.array(a), jnp.zeros(len(none))) for a in (none, *joint_actions)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("always-defect", [0, 0, 0, 0, 0]),
        ("always-cooperate", [1, 1, 1, 1, 1]),
        ("tit-for-tat", [1, 1, 0, 1, 0]),
        ("grim", [1, 1, 0, 0, 0]),
        ("win-stay-lose-shift", [1, 1, 0, 0, 1]),
    ],
)
def test_strategies_of_two_players_by_hand(name, expected):
    # The other cooperates, defects, cooperates, defects; what the strategy is said to have done itself: C C D D.
    history = [(1, 1), (1, 0), (0, 1), (0, 0)]
    assert answers(name, DILEMMA, 0, matrix_history(*history)) == expected
    assert answers(name, DILEMMA, 1, matrix_history(*(pair[::-1] for pair in history))) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("tit-for-tat", [1, 1, 1, 0, 0]), ("grim", [1, 1, 1, 0, 0]), ("win-stay-lose-shift", [1, 1, 0, 0, 1])],
)
def test_strategies_among_three_by_hand(name, expected):
    game = MatrixGame(contribution_payoffs(1.5, 3))
    assert answers(name, game, 1, matrix_history((1, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 0))) == expected


def test_random_is_indifferent_in_any_game():
    for game, count in ((DILEMMA, 2), (OneCoinGame(), 4), (TwoCoinGame(), 5), (MatrixGame(jnp.zeros((2, 2, 3))), 3)):
        plays = strategy("random", game, 1)
        seen = Seen(game.reset(KEY), jnp.array([-1, -1]), jnp.zeros(2))
        np.testing.assert_array_equal(
            plays.act(plays.update_hidden_state(plays.initial_hidden_state(), seen)), np.zeros(count)
        )


@pytest.mark.parametrize(
    ("mine", "coin", "towards"),
    [
        (4, 1, UP),
        (4, 7, DOWN),
        (4, 3, LEFT),
        (4, 5, RIGHT),
        # Vertical moves go first.
        (4, 0, UP),
        (4, 2, UP),
        (4, 6, DOWN),
        # Round the torus.
        (0, 6, UP),
        (6, 0, DOWN),
        (0, 2, LEFT),
        (2, 0, RIGHT),
        (0, 8, UP),
    ],
)
def test_moves_to_and_from_one_coin_by_hand(mine, coin, towards):
    opposite = {UP: DOWN, DOWN: UP, LEFT: RIGHT, RIGHT: LEFT}[towards]
    for own, cooperates in ((True, towards), (False, opposite)):
        history = [Seen(one_coin(mine, coin, own), jnp.array([-1, -1]), jnp.zeros(2))]
        assert answers("always-defect", OneCoinGame(), 0, history) == [towards]
        assert answers("always-cooperate", OneCoinGame(), 0, history) == [cooperates]


def test_ways_round_of_equal_length_by_hand():
    """On a 4 × 4 torus the coin may be two rows and two columns away."""
    for coin, towards in ((10, DOWN), (8, DOWN), (2, RIGHT)):
        history = [Seen(one_coin(0, coin, True), jnp.array([-1, -1]), jnp.zeros(2))]
        assert answers("always-defect", OneCoinGame(grid_size=4), 0, history) == [towards]


def test_on_the_coins_cell_one_steps_aside():
    history = [Seen(one_coin(4, 4, True), jnp.array([-1, -1]), jnp.zeros(2))]
    assert answers("always-defect", OneCoinGame(), 0, history) == [DOWN]


@pytest.mark.parametrize(
    ("name", "defects"),
    [
        ("always-defect", [True, True, True, True, True]),
        ("always-cooperate", [False, False, False, False, False]),
        ("tit-for-tat", [False, False, True, True, False]),
        ("grim", [False, False, True, True, True]),
    ],
)
def test_what_coin_strategies_react_to_by_hand(name, defects):
    """Blue sits left of a coin of red's: RIGHT takes it. Its rewards: none yet, +1, −2, 0, +1; red's do not matter."""
    state = OneCoinState(*(jnp.array(x, jnp.int32) for x in ([8, 0], 1, 0)))
    history = [Seen(state, jnp.array([0, 0]), jnp.array([-r, r])) for r in (0.0, 1.0, -2.0, 0.0, 1.0)]
    assert answers(name, OneCoinGame(), 1, history) == [RIGHT if d else LEFT for d in defects]


@pytest.mark.parametrize(
    ("mine", "own", "others", "defects", "cooperates"),
    [
        (4, 3, 1, UP, LEFT),  # equally near: vertical moves go first, whatever the colours
        (4, 1, 3, UP, UP),
        (4, 0, 3, LEFT, UP),  # the other's is nearer
        (4, 0, 1, UP, LEFT),  # the other's lies on the way that would go first
        (4, 6, 6, DOWN, DOWN),  # both on one cell
        (4, 4, 5, RIGHT, STAY),  # its own is under its feet; either takes one step
        (4, 4, 0, STAY, STAY),
        (4, 8, 4, STAY, DOWN),  # the other's is
        (0, 6, 2, UP, UP),  # round the torus
    ],
)
def test_moves_to_two_coins_by_hand(mine, own, others, defects, cooperates):
    history = [Seen(two_coins(mine, own, others), jnp.array([-1, -1]), jnp.zeros(2))]
    assert answers("always-defect", TwoCoinGame(), 0, history) == [defects]
    assert answers("always-cooperate", TwoCoinGame(), 0, history) == [cooperates]


@pytest.mark.parametrize("grid_size", [3, 4, 5])
def test_who_cooperates_gets_to_its_coin_without_touching_the_others(grid_size):
    """From everywhere, wherever both coins lie, and in as few steps as Bellman's equation says."""
    cells = np.arange(grid_size**2)
    start, own, others = (x.ravel() for x in np.meshgrid(cells, cells, cells, indexing="ij"))
    apart = own != others
    moves = TwoCoinMoves(grid_size)

    @jax.jit
    def played(start, own, others):
        states = TwoCoinState(jnp.stack([start, start], 1), jnp.stack([own, others], 1))
        action = jax.vmap(lambda state: moves(state, 0, jnp.array(True)))(states)
        after = moved(grid_size, start, action)
        least, following = (jax.vmap(moves.distance_around)(cell, own, others) for cell in (start, after))
        return after, least, following

    after, least, following = map(np.asarray, played(start, own, others))
    assert not (apart & (after == others)).any()
    goes = apart & (start != others) & (start != own)
    np.testing.assert_array_equal(following[goes], least[goes] - 1)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def mean_rewards(names, kind, horizon, key):
    """Of 500 games, with the games along the last axis as in rollouts."""
    game = kind()
    seats = [strategy(name, game, player) for player, name in enumerate(names)]
    last = functools.partial(jax.vmap, in_axes=-1, out_axes=-1)

    def step(carry, keys):
        seen, hidden_states = carry
        hidden_states = [last(s.update_hidden_state)(m, seen) for s, m in zip(seats, hidden_states, strict=True)]
        actions = jnp.stack([last(s.act)(m).argmax(0) for s, m in zip(seats, hidden_states, strict=True)])
        state, rewards = last(game.step)(keys, seen.state, actions)
        return (Seen(state, actions, rewards), hidden_states), rewards.mean(-1)

    keys = jax.random.split(key, (horizon + 1, 500))
    seen = Seen(last(game.reset)(keys[0]), jnp.full((2, 500), -1), jnp.zeros((2, 500)))
    hidden_states = [jax.tree.map(lambda x: jnp.full(500, x, x.dtype), s.initial_hidden_state()) for s in seats]
    return jax.lax.scan(step, (seen, hidden_states), keys[1:])[1].mean(0)


def test_coin_strategies_against_each_other():
    """Rewards per step as in POLA's Figure 5: against a defector a cooperator gets −0.26, a pair of them 1/3 at best.

    The standard error of the mean of 500 games is below 0.005; the figure is read to 0.01.
    """
    np.testing.assert_allclose(mean_rewards(("always-defect", "always-defect"), OneCoinGame, 50, KEY), 0, atol=0.02)
    assert abs(mean_rewards(("always-cooperate", "always-defect"), OneCoinGame, 50, KEY)[0] + 0.26) < 0.02
    pair = mean_rewards(("tit-for-tat", "always-cooperate"), OneCoinGame, 50, KEY)
    np.testing.assert_allclose(pair, 1 / 3, atol=0.02)
    # Reciprocity costs little where it is not returned.
    assert -0.1 < mean_rewards(("tit-for-tat", "always-defect"), OneCoinGame, 50, KEY)[0] < 0
    assert -0.1 < mean_rewards(("always-defect", "grim"), OneCoinGame, 50, KEY)[1] < 0


def test_two_coin_strategies_against_each_other():
    cooperation = mean_rewards(("always-cooperate", "tit-for-tat"), TwoCoinGame, 50, KEY)
    exploited, exploits = mean_rewards(("always-cooperate", "always-defect"), TwoCoinGame, 50, KEY)
    assert exploited < 0 < 0.5 < cooperation.min() < exploits
    # Colours are equally likely, and half of the coins cost 2.
    np.testing.assert_allclose(mean_rewards(("always-defect", "always-defect"), TwoCoinGame, 50, KEY), 0, atol=0.02)


def test_names_by_game():
    coin = ("always-defect", "always-cooperate", "tit-for-tat", "grim", "random")
    assert strategy_names(OneCoinGame()) == strategy_names(TwoCoinGame()) == coin
    assert set(strategy_names(DILEMMA)) == {*coin, "win-stay-lose-shift"}
    assert strategy_names(MatrixGame(jnp.zeros((2, 3, 3)))) == ("random",)


@pytest.mark.parametrize("name", ["win-stay-lose-shift", "clever"])
def test_names_that_a_game_has_not_are_refused(name):
    with pytest.raises(
        ValueError, match=f"strategy: '{name}' is not allowed; it must be one of always-defect, .* in this"
    ):
        strategy(name, OneCoinGame(), 0)


def test_seats_that_a_game_has_not_are_refused():
    with pytest.raises(ValueError, match="player: 2 is not allowed"):
        strategy("grim", OneCoinGame(), 2)
