"""Any policy may take any seat."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.matches import match, scores, scores_against
from lookax.games.coin_game import OneCoinGame
from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.games.rotated_seats import RotatedSeats
from lookax.policies.actor import actor_of
from lookax.policies.factory import PolicyMaker
from lookax.policies.strategies import strategy, strategy_names
from lookax.policies.tabular import TabularPolicy

KEY = jax.random.key(3)
GAMES = {
    "two players": MatrixGame(contribution_payoffs(1.3, 2)),
    "three, two steps": MatrixGame(contribution_payoffs(1.3, 3), memory_length=2),
}


def seen_in(states):
    batch = jax.tree.leaves(states)[0].shape[-1]
    return Seen(states, jnp.zeros((2, batch), int), jnp.zeros((2, batch)))


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("kind", ["tabular", "preconditioned-tabular", "mlp"])
def test_policies_of_states_act_on_what_they_see_of_each(game, kind):
    game = GAMES[game]
    maker = PolicyMaker(game, kind, standard_deviation=1.0, hidden_sizes=(3,))
    states = jnp.arange(game.num_states)
    for player, policy in enumerate(maker.initial(KEY)):
        actor = actor_of(game, policy, player)
        hidden_state = actor.recurrence.initial_hidden_state(len(states))
        logits = actor.act(actor.recurrence.update_hidden_state(hidden_state, seen_in(states)))
        expected = jax.vmap(policy, out_axes=1)(maker.observations()[player])
        np.testing.assert_allclose(logits, expected, rtol=1e-6)


class OwnCorner:
    """A game that each player sees from its own corner; who plays 1 is paid 1."""

    num_players, num_actions = 2, (2, 2)
    strategies = types.MappingProxyType({"first": lambda _: lambda _: jnp.array([9.0, -9.0])})

    def reset(self, key):
        return jax.random.uniform(key, (3,))

    def step(self, key, state, actions):
        del key
        return -state, actions.astype(float)

    def observe(self, state, player):
        return state[::-1] if player else state


def test_a_plain_function_of_observations_plays():
    game, weights = OwnCorner(), jnp.asarray(np.random.default_rng(0).normal(size=(2, 3)))
    plain = lambda observation: weights @ observation
    states = jax.vmap(game.reset, out_axes=-1)(jax.random.split(KEY, 5))
    for player, seen in enumerate((states, states[::-1])):
        actor = actor_of(game, plain, player)
        hidden_state = actor.recurrence.update_hidden_state(actor.recurrence.initial_hidden_state(5), seen_in(states))
        np.testing.assert_allclose(actor.act(hidden_state), weights @ seen, rtol=1e-6)
    games = jax.jit(lambda key: match(game, (plain, plain), key, 3, 2))(KEY)
    assert games.actions.shape == (3, 2, 2)


@pytest.mark.parametrize("swapped", [None, False, True])
def test_a_game_may_bring_strategies_of_its_own(swapped):
    game = OwnCorner() if swapped is None else RotatedSeats(OwnCorner(), jnp.array(int(swapped)))
    assert strategy_names(game) == ("first", "random")
    actor = actor_of(game, strategy("first", game, 1), 1)
    states = jax.vmap(game.reset, out_axes=-1)(jax.random.split(KEY, 2))
    hidden_state = actor.recurrence.update_hidden_state(actor.recurrence.initial_hidden_state(2), seen_in(states))
    np.testing.assert_array_equal(actor.act(hidden_state), [[9.0] * 2, [-9.0] * 2])


@pytest.mark.parametrize("swapped", [False, True])
def test_a_table_keeps_its_own_view_where_seats_are_swapped(swapped):
    game = GAMES["two players"]
    table = TabularPolicy(jnp.arange(5.0)[:, None])
    states = jnp.arange(game.num_states)

    def logits(game, player):
        actor = actor_of(game, table, player)
        hidden_state = actor.recurrence.initial_hidden_state(len(states))
        return actor.act(actor.recurrence.update_hidden_state(hidden_state, seen_in(states)))

    for player in (0, 1):
        ours = logits(RotatedSeats(game, jnp.array(int(swapped))), player)
        np.testing.assert_array_equal(ours, logits(game, 1 - player if swapped else player))


def test_a_table_has_no_seat_in_a_game_without_states():
    with pytest.raises(ValueError, match="policy: a table is of a matrix game's states"):
        actor_of(OneCoinGame(), TabularPolicy(jnp.zeros((5, 1))), 0)


def test_three_players_meet_and_each_is_scored_against_two_of_a_strategy():
    # Contributions of 1.3/3 each: who gives loses 1 − 1.3/3 and pays 1.3/3 to each of the others.
    game, share = MatrixGame(contribution_payoffs(1.3, 3)), 1.3 / 3
    players = tuple(strategy(name, game, i) for i, name in enumerate(("always-cooperate",) * 2 + ("always-defect",)))
    together = jax.jit(lambda key: scores(match(game, players, key, 2, 3)))(KEY)
    np.testing.assert_allclose(together, [2 * share - 1] * 2 + [2 * share], rtol=1e-6)
    names = ("always-cooperate", "always-defect")
    assert scores_against((), game, players, KEY, 2, 3).shape == (0, 3)
    against = jax.jit(lambda key: scores_against(names, game, players, key, 2, 3))(KEY)
    np.testing.assert_allclose(against, [[0.3, 0.3, 2 * share], [share - 1, share - 1, 0]], rtol=1e-6, atol=1e-7)
