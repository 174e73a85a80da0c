"""Networks that take one observation after the other."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.coin_game import OneCoinGame
from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.policies.actor import MixedActors, OneByOne
from lookax.policies.mlp import Dense
from lookax.policies.published.serialisation import deserialise, serialise
from lookax.policies.recurrent import GRU, DenseLayers, Encoder, network
from lookax.policies.strategies import strategy
from tests.networks import drawn_network

KEY = jax.random.key(0)
GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_step_of_a_gru_by_hand():
    # One number remembered, h = 0.5: gates 1 + 0.5 and −1 + 1, candidate tanh(0.3 + r (−0.5 + 0.2)).
    unit = GRU(jnp.array([[1.0], [2.0], [-1.0]]), jnp.array([0.2]))
    ours = unit.update(jnp.array([[0.5]]), jnp.array([[1.0], [-1.0], [0.3]]))
    r, z = sigmoid(1.5), sigmoid(0.0)
    n = np.tanh(0.3 + r * (-0.5 + 0.2))
    np.testing.assert_allclose(ours, [[(1 - z) * n + z * 0.5]], rtol=1e-12)
    np.testing.assert_array_equal(unit.initial_hidden_state(3), np.zeros((1, 3)))


def test_gates_come_in_order_in_every_game_of_a_batch():
    weight, bias, memory, encoded = (
        np.asarray(jax.random.normal(key, shape))
        for key, shape in zip(jax.random.split(KEY, 4), [(6, 2), (2,), (2, 3), (6, 3)], strict=True)
    )
    ours = GRU(jnp.asarray(weight), jnp.asarray(bias)).update(jnp.asarray(memory), jnp.asarray(encoded))
    for b in range(3):
        x, h = encoded[:, b], memory[:, b]
        r = sigmoid(x[:2] + weight[:2] @ h)
        z = sigmoid(x[2:4] + weight[2:4] @ h)
        n = np.tanh(x[4:] + r * (weight[4:] @ h + bias))
        np.testing.assert_allclose(ours[:, b], (1 - z) * n + z * h, rtol=1e-12)


def test_only_the_first_layer_is_rectified():
    first = Dense(jnp.array([[1.0], [-1.0]]), jnp.array([0.0, 0.5]))
    second = Dense(jnp.array([[-1.0, 0.0], [0.0, -3.0]]), jnp.array([0.0, 1.0]))
    x = jnp.array([[2.0, -2.0]])
    np.testing.assert_array_equal(DenseLayers(())(x), x)
    np.testing.assert_array_equal(DenseLayers((first,))(x), [[2, 0], [0, 2.5]])
    np.testing.assert_array_equal(DenseLayers((first, second))(x), [[-2, 0], [1, -6.5]])
    gates = Dense(jnp.array([[1.0, 1.0]]), jnp.array([10.0]))
    np.testing.assert_array_equal(Encoder(DenseLayers((first,)), gates)(x), [[12, 12.5]])


@pytest.mark.parametrize("num_layers", [0, 1, 2])
@pytest.mark.parametrize("recurrent_unit", ["gru", "none"])
def test_sizes(recurrent_unit, num_layers):
    made: Any = network(KEY, 6, 3, hidden_size=4, num_layers=num_layers, recurrent_unit=recurrent_unit)
    inputs = 4 if num_layers else 6
    layers = (made.encoder.layers if recurrent_unit == "gru" else made.encoder).layers
    assert [layer.weight.shape for layer in layers] == [(4, 6), (4, 4)][:num_layers]
    if recurrent_unit == "gru":
        assert made.encoder.gates.weight.shape == (12, inputs)
        assert (made.unit.weight.shape, made.unit.bias.shape, made.head.weight.shape) == ((12, 4), (4,), (3, 4))
    else:
        assert made.head.weight.shape == (3, inputs)
        # What was seen before the last step is forgotten.
        encoded = made.encoder(jax.random.normal(KEY, (6, 5)))
        for past in (made.unit.initial_hidden_state(5), jnp.ones((inputs, 5))):
            np.testing.assert_array_equal(made.unit.update(past, encoded), encoded)


def test_lecun_initialisation():
    made: Any = network(KEY, 25, 400, hidden_size=100)
    dense = [*made.encoder.layers.layers, made.encoder.gates, made.head]
    for layer in dense:
        inputs = layer.weight.shape[1]
        # Variance 1/inputs after the cut; of 2500 draws and more, a standard deviation is good to 1.4 % (one error).
        np.testing.assert_allclose(layer.weight.std(), inputs**-0.5, rtol=0.06)
        # Normal with deviation σ, cut at 2σ, where σ makes up for the cut: 0.8796 is what it leaves of a deviation.
        assert np.abs(layer.weight).max() <= 2 * inputs**-0.5 / 0.8796
        np.testing.assert_array_equal(layer.bias, 0)
    for gate in made.unit.weight.reshape(3, 100, 100):
        np.testing.assert_allclose(gate @ gate.T, np.eye(100), atol=1e-9)
    np.testing.assert_array_equal(made.unit.bias, 0)
    # No two parts are the same draw.
    parts = [*made.unit.weight.reshape(3, -1)[:, :5], *made.encoder.gates.weight.reshape(3, -1)[:, :5]]
    assert len({float(part[0]) for part in parts}) == 6


def test_pytorch_initialisation_of_a_gru():
    made: Any = network(KEY, 6, 2, hidden_size=100, num_layers=0, initialiser="pytorch")
    for values in (made.unit.weight, made.unit.bias):
        assert np.abs(values).max() <= 0.1
        # As in tests of dense layers; of 100 biases the deviation is good to 7 %.
        np.testing.assert_allclose(values.std(), 0.1 / np.sqrt(3), rtol=0.2)


@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("recurrent_unit", "lstm", "one of gru, none"),
        ("num_layers", 3, "0, 1 or 2"),
        ("initialiser", "he", "one of .*lecun.*"),
    ],
)
def test_what_there_is_not_is_refused(field, value, rule):
    with pytest.raises(ValueError, match=f"^{field}: {value!r} is not allowed; it must be {rule}$"):
        network(KEY, 6, 2, hidden_size=3, **{field: value})


@pytest.mark.parametrize("player", [0, 1])
def test_tables_of_states_are_what_observations_say(player):
    # A matrix game's states are encoded once; another game's observations each by itself.
    memory = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5)))

    def both(game, made, states):
        seen = Seen(states, jnp.zeros((2, 5), int), jnp.zeros((2, 5)))
        observed = [game.observe(jax.tree.map(lambda leaf, b=b: leaf[..., b], states), player) for b in range(5)]
        ours = made.actor(game, player).recurrence.update_hidden_state(memory, seen)
        return ours, made.unit.update(memory, made.encoder(jnp.stack(observed, axis=1)))

    dilemma = jax.jit(lambda made, states: both(GAME, made, states))
    np.testing.assert_allclose(*dilemma(drawn_network(0, 6, 2), np.array([4, 0, 2, 1, 3])), rtol=1e-12)
    coins = OneCoinGame()
    of_coins = jax.jit(lambda made, keys: both(coins, made, jax.vmap(coins.reset, out_axes=-1)(keys)))
    np.testing.assert_allclose(*of_coins(drawn_network(1, 36, 4), jax.random.split(KEY, 5)), rtol=1e-12)


def test_side_by_side_each_plays_its_share():
    made: Any = drawn_network(0, 6, 2).actor(GAME, 0)
    both = MixedActors((OneByOne(strategy("tit-for-tat", GAME, 0)), made), (0.5, 0.5))
    seen = Seen(jnp.array([0, 1, 2, 1]), jnp.array([[0, 0, 1, 0], [0, 1, 0, 1]]), jnp.zeros((2, 4)))
    acted = np.asarray(
        jax.jit(lambda seen: both.act(both.update_hidden_state(both.initial_hidden_state(4), seen)))(seen)
    )
    np.testing.assert_array_equal(acted[:, :2].argmax(axis=0), [0, 1])
    share = jax.tree.map(lambda leaf: np.asarray(leaf)[..., 2:], seen)
    recurrence = made.recurrence
    alone = jax.jit(lambda share: made.act(recurrence.update_hidden_state(recurrence.initial_hidden_state(2), share)))(
        share
    )
    np.testing.assert_allclose(acted[:, 2:], alone, rtol=1e-12)


@pytest.mark.parametrize(("fraction", "first"), [(0.9, 1), (0.3, 7), (1 / 3, 6)])
def test_parts_of_games_that_are_whole_stay_whole(fraction, first):
    # 1 − 0.9 is below a tenth by rounding. Of ten games, two thirds are six and one that the last actor plays.
    actor = OneByOne(strategy("tit-for-tat", GAME, 0))
    parts = MixedActors((actor, actor), (1 - fraction, fraction)).parts(np.arange(10))
    assert [len(part) for part in parts] == [first, 10 - first]


def test_networks_survive_being_written():
    made: Any = drawn_network(0, 6, 2)
    written = serialise(made)
    assert sorted(written) == [
        *("encoder.gates.bias", "encoder.gates.weight", "encoder.layers.layers[0].bias"),
        *("encoder.layers.layers[0].weight", "head.bias", "head.weight", "unit.bias", "unit.weight"),
    ]
    like = jax.eval_shape(lambda: made)
    for own, again in zip(jax.tree.leaves(made), jax.tree.leaves(deserialise(written, like)), strict=True):
        np.testing.assert_array_equal(own, again)
    assert serialise(None) == {}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"head.bias": [1.0]}, r"network: head.bias has shape \(1,\); it must be \(2,\), finite numbers"),
        ({"head.bias": [1.0, float("nan")]}, r"network: head.bias has shape \(2,\); it must be \(2,\), finite numbers"),
        ({"head.bias": "ab"}, "network: head.bias is not an array of numbers"),
        ({"head.bias": None}, r"network: head.bias has shape \(\); it must be \(2,\)"),
        ({"head.bias": [1.0, [2.0]]}, "network: head.bias is not an array of numbers"),
        ({"tail": [1.0]}, "network: has .*tail; it must have "),
    ],
)
def test_what_does_not_fit_is_refused(change, complaint):
    made: Any = drawn_network(0, 6, 2)
    with pytest.raises(ValueError, match=f"^{complaint}") as error:
        deserialise(serialise(made) | change, made)
    assert "\n" not in str(error.value)
