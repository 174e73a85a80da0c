"""Networks of other libraries do here what their own formulas say, evaluated by NumPy."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from lookax.policies.published.conversion import network_from_flax, network_from_torch

INPUTS, SIZE, ACTIONS, STEPS = 5, 3, 4, 4
DRAWN = np.random.default_rng(5)
OBSERVATIONS = DRAWN.normal(size=(STEPS, INPUTS))


def drawn(*shape):
    return DRAWN.normal(size=shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def played(network):
    """Logits on one observation after the other, `[T, A]`."""
    hidden_state, outputs = network.unit.initial_hidden_state(1), []
    for observation in OBSERVATIONS:
        hidden_state = network.unit.update(hidden_state, network.encoder(jnp.asarray(observation)[:, None]))
        outputs.append(np.asarray(network.head(hidden_state)[:, 0]))
    return np.array(outputs)


FLAX: dict[str, Any] = {
    "first": {"kernel": drawn(INPUTS, SIZE), "bias": drawn(SIZE)},
    "second": {"kernel": drawn(SIZE, 2), "bias": drawn(2)},
    "memory": {
        "ir": {"kernel": drawn(2, SIZE), "bias": drawn(SIZE)},
        "iz": {"kernel": drawn(2, SIZE), "bias": drawn(SIZE)},
        "in": {"kernel": drawn(2, SIZE), "bias": drawn(SIZE)},
        "hr": {"kernel": drawn(SIZE, SIZE)},
        "hz": {"kernel": drawn(SIZE, SIZE)},
        "hn": {"kernel": drawn(SIZE, SIZE), "bias": drawn(SIZE)},
    },
    "end": {"kernel": drawn(SIZE, ACTIONS), "bias": drawn(ACTIONS)},
}
FLAX_NAMES: dict[str, Any] = {"dense": ("first", "second"), "gru": "memory", "head": "end"}


def by_flax():
    def dense(layer, x):
        return x @ layer["kernel"] + layer.get("bias", 0)

    h, outputs = np.zeros(SIZE), []
    for x in OBSERVATIONS:
        x = dense(FLAX["second"], np.maximum(dense(FLAX["first"], x), 0))
        cell = FLAX["memory"]
        r = sigmoid(dense(cell["ir"], x) + dense(cell["hr"], h))
        z = sigmoid(dense(cell["iz"], x) + dense(cell["hz"], h))
        n = np.tanh(dense(cell["in"], x) + r * dense(cell["hn"], h))
        h = (1 - z) * n + z * h
        outputs.append(dense(FLAX["end"], h))
    return np.array(outputs)


def test_a_network_of_flax():
    np.testing.assert_allclose(played(network_from_flax(FLAX, **FLAX_NAMES)), by_flax(), rtol=1e-12)
    flat = {f"memory/{gate}/{part}": array for gate, own in FLAX["memory"].items() for part, array in own.items()}
    flat |= {f"{name}/{part}": array for name in ("first", "second", "end") for part, array in FLAX[name].items()}
    np.testing.assert_allclose(played(network_from_flax(flat, **FLAX_NAMES)), by_flax(), rtol=1e-12)


def test_names_of_flax_by_default():
    names = {"Dense_0": FLAX["first"], "Dense_1": FLAX["end"]}
    gates = {gate: {**own, "kernel": drawn(SIZE, SIZE)} for gate, own in FLAX["memory"].items()}
    ours = network_from_flax(names | {"GRUCell_0": gates})
    theirs = network_from_flax(names | {"own": gates}, dense=["Dense_0"], gru="own", head="Dense_1")
    np.testing.assert_array_equal(played(ours), played(theirs))


TORCH = {
    "embed.weight": drawn(2, INPUTS),
    "embed.bias": drawn(2),
    "gru.weight_ih_l0": drawn(3 * SIZE, 2),
    "gru.weight_hh_l0": drawn(3 * SIZE, SIZE),
    "gru.bias_ih_l0": drawn(3 * SIZE),
    "gru.bias_hh_l0": drawn(3 * SIZE),
    "head.weight": drawn(ACTIONS, SIZE),
    "head.bias": drawn(ACTIONS),
}


def by_torch():
    h, outputs = np.zeros(SIZE), []
    for x in OBSERVATIONS:
        x = np.maximum(TORCH["embed.weight"] @ x + TORCH["embed.bias"], 0)
        ir, iz, in_ = np.split(TORCH["gru.weight_ih_l0"] @ x + TORCH["gru.bias_ih_l0"], 3)
        hr, hz, hn = np.split(TORCH["gru.weight_hh_l0"] @ h + TORCH["gru.bias_hh_l0"], 3)
        r, z = sigmoid(ir + hr), sigmoid(iz + hz)
        n = np.tanh(in_ + r * hn)
        h = (1 - z) * n + z * h
        outputs.append(TORCH["head.weight"] @ h + TORCH["head.bias"])
    return np.array(outputs)


def test_a_network_of_pytorch():
    np.testing.assert_allclose(played(network_from_torch(TORCH, dense=("embed",))), by_torch(), rtol=1e-12)
    # `nn.GRUCell` has the same arrays without numbers.
    cell = {name.removesuffix("_l0").replace("gru", "cell"): array for name, array in TORCH.items()}
    np.testing.assert_allclose(played(network_from_torch(cell, dense=["embed"], gru="cell")), by_torch(), rtol=1e-12)


def test_networks_without_a_memory():
    outputs = np.maximum(OBSERVATIONS @ FLAX["first"]["kernel"] + FLAX["first"]["bias"], 0)
    outputs = outputs @ FLAX["end"]["kernel"] + FLAX["end"]["bias"]
    np.testing.assert_allclose(
        played(network_from_flax(FLAX, dense=["first"], gru=None, head="end")), outputs, rtol=1e-12
    )
    linear = network_from_torch(TORCH, gru=None, head="embed")
    np.testing.assert_allclose(played(linear), OBSERVATIONS @ TORCH["embed.weight"].T + TORCH["embed.bias"], rtol=1e-12)


def test_actions_are_put_in_the_order_of_lookax():
    # Left, right, up, down there: right is number 1, and so on.
    order = (3, 0, 2, 1)
    ours = played(network_from_flax(FLAX, **FLAX_NAMES, actions=order))
    np.testing.assert_allclose(ours, by_flax()[:, order], rtol=1e-12)
    ours = played(network_from_torch(TORCH, dense=["embed"], actions=order))
    np.testing.assert_allclose(ours, by_torch()[:, order], rtol=1e-12)
    for wrong in ((0, 1, 2), (0, 1, 2, 2), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match=r"actions: .* is not allowed; it must be the numbers 0 … 3 in some order"):
            network_from_flax(FLAX, **FLAX_NAMES, actions=wrong)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"gru.bias_hh_l0": None}, "arrays: gru.bias_hh_l0 is missing; there are embed.weight, embed.bias"),
        ({"gru.bias_hh_l0": drawn(3)}, r"arrays: gru.bias_hh_l0 has shape \[3\]; it must be \[9\]"),
        ({"gru.weight_ih_l0": drawn(6, 2)}, r"gru.weight_ih_l0 has shape \[6, 2\]; it must be \[9, any size\]"),
        ({"gru.weight_hh_l0": drawn(9)}, r"gru.weight_hh_l0 has shape \[9\]; it must be \[any size, any size\]"),
        ({"head.weight": drawn(4, 2)}, r"arrays: head/weight has shape \[4, 2\]; it must be \[any size, 3\]"),
        ({"head.bias": np.full(4, np.nan)}, "arrays: head.bias has numbers that are not finite"),
        ({"head.bias": np.array(["a"] * 4)}, "arrays: head.bias is no array of numbers"),
        ({"gru.weight_ih_l1": drawn(9, 3)}, "gru: 'gru' is not allowed; it must be of one layer and one direction"),
        ({"gru.weight_ih_l0_reverse": drawn(9, 3)}, "gru: 'gru' is not allowed"),
    ],
)
def test_arrays_of_pytorch_that_do_not_fit(changes, complaint):
    arrays = {name: array for name, array in (TORCH | changes).items() if array is not None}
    with pytest.raises(ValueError, match=complaint) as error:
        network_from_torch(arrays, dense=("embed",))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("gate", "part", "array", "complaint"),
    [
        ("hn", "bias", drawn(2), r"memory/ir/bias has shape \[3\]; it must be \[2\]|must be \[2, 2\]"),
        ("hz", "kernel", drawn(SIZE, 4), r"arrays: memory/hz/kernel has shape \[3, 4\]; it must be \[3, 3\]"),
        ("iz", "kernel", drawn(3, SIZE), r"arrays: memory/iz/kernel has shape \[3, 3\]; it must be \[2, 3\]"),
    ],
)
def test_arrays_of_flax_that_do_not_fit(gate, part, array, complaint):
    cell = FLAX["memory"] | {gate: FLAX["memory"][gate] | {part: array}}
    with pytest.raises(ValueError, match=complaint) as error:
        network_from_flax(FLAX | {"memory": cell}, **FLAX_NAMES)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="arrays: other/hn/bias is missing"):
        network_from_flax(FLAX, dense=("first",), gru="other", head="end")
