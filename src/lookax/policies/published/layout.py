"""Networks as named arrays, which is how agents are published.

| array | shape | |
|---|---|---|
| `dense0/weight`, `dense0/bias` | `[H, D]`, `[H]` | the first dense layer, with a ReLU after it; may be missing |
| `dense1/weight`, `dense1/bias`, … | `[H′, H]`, `[H′]` | more of them, without one; may be missing |
| `gru/input_weight`, `gru/input_bias` | `[3H, E]`, `[3H]` | W and w: from what the dense layers put out, x |
| `gru/weight`, `gru/bias` | `[3H, H]`, `[H]` | U and b: from the hidden state, h |
| `head/weight`, `head/bias` | `[A, H]`, `[A]` | action logits |

The three blocks of H rows belong to the gates in the order r, z, n of [`GRU`][lookax.policies.recurrent.GRU]:

    r = σ(Wᵣ x + wᵣ + Uᵣ h),    z = σ(W_z x + w_z + U_z h),    n = tanh(Wₙ x + wₙ + r (Uₙ h + b)),
    h′ = (1 − z) n + z h.

Without any of the four arrays of a GRU, the head acts on what the dense layers put out: no memory.

An agent of a matrix game's states is one array instead:

| array | shape | |
|---|---|---|
| `table` | `[S, A]` | action logits in each state, in the player's own view, as `state_names` of the game lists them |
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lookax.errors import BadInputError
from lookax.policies.mlp import Dense
from lookax.policies.network import Network
from lookax.policies.recurrent import GRU, DenseLayers, Encoder, LastSeen
from lookax.policies.tabular import SoftmaxTabularPolicy, StatePolicy

GRU_PARTS = ("gru/input_weight", "gru/input_bias", "gru/weight", "gru/bias")


TABLE = "table"


def policy_of(arrays: Mapping[str, Any]) -> Network | SoftmaxTabularPolicy:
    """The network or table that these arrays make, in the precision that JAX computes in.

    **Raises:** `ValueError` as [`network_of`][lookax.policies.published.layout.network_of] does.
    """
    if set(arrays) == {TABLE}:
        return SoftmaxTabularPolicy(jnp.asarray(checked(TABLE, arrays[TABLE], None, None), float))
    return network_of(arrays)


def network_of(arrays: Mapping[str, Any]) -> Network:
    """The network that these arrays make, in the precision that JAX computes in.

    **Raises:** `ValueError`, in one line, for an array that is missing, has another shape, is no array of finite
    numbers, or is no part of a network.
    """
    numbers = [int(found[1]) for name in arrays if (found := re.match(r"dense(\d{1,3})/", name))]
    dense = [f"dense{number}" for number in range(max(numbers, default=-1) + 1)]
    recurrent = any(name.startswith("gru/") for name in arrays)
    expected = [f"{layer}/{part}" for layer in (*dense, "head") for part in ("weight", "bias")]
    expected += GRU_PARTS if recurrent else ()
    for name in expected:
        if name not in arrays:
            raise BadInputError(f"{name} is missing")
    for name in arrays:
        if name not in expected:
            raise BadInputError(f"{name} is no part of a network")

    def taken(name: str, *shape: int | None) -> Any:
        return jnp.asarray(checked(name, arrays[name], *shape), float)

    def layer(name: str, inputs: int | None) -> Dense:
        weight = taken(f"{name}/weight", None, inputs)
        return Dense(weight, taken(f"{name}/bias", len(weight)))

    size, layers = None, []
    for name in dense:
        layers.append(layer(name, size))
        size = len(layers[-1].bias)
    if not recurrent:
        head = layer("head", size)
        return Network(DenseLayers(tuple(layers)), LastSeen(head.weight.shape[1]), head)
    bias = taken("gru/bias", None)
    hidden = len(bias)
    gates = Dense(taken("gru/input_weight", 3 * hidden, size), taken("gru/input_bias", 3 * hidden))
    unit = GRU(taken("gru/weight", 3 * hidden, hidden), bias)
    return Network(Encoder(DenseLayers(tuple(layers)), gates), unit, layer("head", hidden))


def arrays_of(policy: Any) -> dict[str, np.ndarray]:
    """The arrays of a policy: the inverse of [`policy_of`][lookax.policies.published.layout.policy_of].

    Tables are written as logits of every action, whatever their parameters are.

    **Raises:** `ValueError` for anything but a table, and a network of dense layers, a GRU or none, and a head.
    """
    match policy:
        case StatePolicy():
            [parameters] = jax.tree.leaves(policy)
            return {TABLE: np.asarray(jax.vmap(policy)(jnp.eye(len(parameters), dtype=parameters.dtype)))}
        case Network(encoder=Encoder(layers=layers, gates=gates), unit=GRU() as unit, head=Dense() as head):
            parts = gates.weight, gates.bias, unit.weight, unit.bias
            arrays = dict(zip(GRU_PARTS, parts, strict=True))
        case Network(encoder=DenseLayers() as layers, unit=LastSeen(), head=Dense() as head):
            arrays = {}
        case _:
            raise BadInputError(
                f"a {type(policy).__name__} is no table, and no network of dense layers, a GRU or none, and a head, "
                "which can be written as arrays"
            )
    for name, layer in (*((f"dense{number}", own) for number, own in enumerate(layers.layers)), ("head", head)):
        arrays |= {f"{name}/weight": layer.weight, f"{name}/bias": layer.bias}
    return {name: np.asarray(array) for name, array in arrays.items()}


def checked(name: str, given: Any, *shape: int | None) -> np.ndarray:
    """An array that was given, if it is one of a shape, of numbers that are finite in the precision of JAX.

    **Arguments:** its `name`, for messages; what was `given`; the `shape`, in which `None` stands for any size.

    **Raises:** `ValueError` if it is not.
    """
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiu":
        raise BadInputError(f"{name} is no array of numbers")
    fits = len(given.shape) == len(shape) and all(
        size == own or (own is None and size > 0) for size, own in zip(given.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any size" if size is None else str(size) for size in shape)
        raise BadInputError(f"{name} has shape {list(given.shape)}; it must be [{wanted}]")
    # Numbers of double precision may be too large for single precision.
    with np.errstate(over="ignore"):
        numbers = given.astype(jax.dtypes.canonicalize_dtype(float))
    if not np.isfinite(numbers).all():
        raise BadInputError(f"{name} has numbers that are not finite in {numbers.dtype}")
    return given
