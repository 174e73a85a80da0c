"""Networks of agents that were trained with flax or PyTorch, from their arrays.

Their agents are dense layers (a ReLU after the first of them alone), a GRU or none, and a dense head. Both libraries'
GRUs are computed by [`GRU`][lookax.policies.recurrent.GRU]; they differ in how they lay out the weights.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lookax.errors import BadInputError, check
from lookax.policies.network import Network
from lookax.policies.published.layout import checked, network_of


def network_from_flax(
    arrays: Mapping[str, Any],
    *,
    dense: Sequence[str] = ("Dense_0",),
    gru: str | None = "GRUCell_0",
    head: str = "Dense_1",
    actions: Sequence[int] | None = None,
) -> Network:
    """A network from the parameters of flax' `Dense` and `GRUCell`.

    A layer has a `kernel` K `[in, out]` and a `bias`; W = Kᵀ. A `GRUCell` has six, `ir`, `iz`, `in` from its input and
    `hr`, `hz`, `hn` from its hidden state; `hr` and `hz` have no bias:

        r = σ(Wᵢᵣ x + bᵢᵣ + Wₕᵣ h),    z = σ(W_iz x + b_iz + W_hz h),    n = tanh(Wᵢₙ x + bᵢₙ + r (Wₕₙ h + bₕₙ)).

    **Arguments:**

    - `arrays`: by path, such as `"GRUCell_0/ir/kernel"`, or nested as flax has them.
    - `dense`: names of the layers before the GRU, first to last; none for an empty sequence.
    - `gru`: its name; `None` for a network without one.
    - `head`: the name of the layer that puts out action logits.
    - `actions`: for each of lookax's actions the number that it has there; `None` where the order is the same.

    ```python
    network = lx.network_from_flax(variables["params"], actions=(1, 0, 3, 2))
    ```

    **Raises:** `ValueError`, in one line, for an array that is missing or does not fit the others.
    """
    given, found = _flat(arrays), {}
    for name, theirs in _named(dense, head):
        found[f"{name}/weight"] = _taken(given, f"{theirs}/kernel", None, None).T
        found[f"{name}/bias"] = _taken(given, f"{theirs}/bias", None)
    if gru is not None:
        bias = _taken(given, f"{gru}/hn/bias", None)
        inputs, size = len(_taken(given, f"{gru}/ir/kernel", None, None)), len(bias)

        def stacked(names: Sequence[str], *shape: int) -> np.ndarray:
            # The transpose of a bias is itself.
            return np.concatenate([_taken(given, f"{gru}/{name}", *shape).T for name in names])

        found |= {
            "gru/input_weight": stacked(("ir/kernel", "iz/kernel", "in/kernel"), inputs, size),
            "gru/input_bias": stacked(("ir/bias", "iz/bias", "in/bias"), size),
            "gru/weight": stacked(("hr/kernel", "hz/kernel", "hn/kernel"), size, size),
            "gru/bias": bias,
        }
    return _network(found, actions)


def network_from_torch(
    arrays: Mapping[str, Any],
    *,
    dense: Sequence[str] = (),
    gru: str | None = "gru",
    head: str = "head",
    actions: Sequence[int] | None = None,
) -> Network:
    """A network from the parameters of PyTorch's `nn.Linear`, and `nn.GRU` of one layer or `nn.GRUCell`.

    A GRU has `weight_ih` `[3H, E]`, `weight_hh` `[3H, H]`, `bias_ih` and `bias_hh` `[3H]`, gates in the order r, z, n:

        r = σ(Wᵢᵣ x + bᵢᵣ + Wₕᵣ h + bₕᵣ),    z = σ(W_iz x + b_iz + W_hz h + b_hz),
        n = tanh(Wᵢₙ x + bᵢₙ + r (Wₕₙ h + bₕₙ)).

    The biases of r and z count together, so those from the hidden state are added to those from the input.

    **Arguments:**

    - `arrays`: of a state dictionary, by names such as `"gru.weight_ih_l0"`; tensors as arrays of NumPy.
    - `dense`: names of the layers before the GRU, first to last; none for an empty sequence.
    - `gru`: its name; `None` for a network without one.
    - `head`: the name of the layer that puts out action logits.
    - `actions`: for each of lookax's actions the number that it has there; `None` where the order is the same.

    ```python
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    network = lx.network_from_torch(state, dense=("embed",), gru="memory", head="policy")
    ```

    **Raises:** `ValueError`, in one line, for an array that is missing or does not fit the others, and for a GRU of
    several layers or both directions.
    """
    found = {}
    for name, theirs in _named(dense, head):
        found[f"{name}/weight"] = _taken(arrays, f"{theirs}.weight", None, None)
        found[f"{name}/bias"] = _taken(arrays, f"{theirs}.bias", None)
    if gru is not None:
        for more in ("_l1", "_l0_reverse"):
            check(f"{gru}.weight_ih{more}" not in arrays, "gru", gru, "of one layer and one direction")
        # `nn.GRU` numbers its layers, `nn.GRUCell` has one.
        end = "_l0" if f"{gru}.weight_ih_l0" in arrays else ""
        weight = _taken(arrays, f"{gru}.weight_hh{end}", None, None)
        size = weight.shape[1]
        bias = _taken(arrays, f"{gru}.bias_hh{end}", 3 * size)
        found |= {
            "gru/input_weight": _taken(arrays, f"{gru}.weight_ih{end}", 3 * size, None),
            "gru/input_bias": _taken(arrays, f"{gru}.bias_ih{end}", 3 * size)
            + np.where(np.arange(3 * size) < 2 * size, bias, 0),
            "gru/weight": weight,
            "gru/bias": bias[2 * size :],
        }
    return _network(found, actions)


def _named(dense: Sequence[str], head: str) -> list[tuple[str, str]]:
    """Names of layers here, and there."""
    return [*((f"dense{number}", theirs) for number, theirs in enumerate(dense)), ("head", head)]


def _flat(arrays: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Arrays by their path."""
    flat = {}
    for name, own in arrays.items():
        flat |= _flat(own, f"{before}{name}/") if isinstance(own, Mapping) else {f"{before}{name}": own}
    return flat


def _taken(arrays: Mapping[str, Any], name: str, *shape: int | None) -> np.ndarray:
    if name not in arrays:
        raise BadInputError(f"arrays: {name} is missing; there are {', '.join(arrays)}")
    return checked(f"arrays: {name}", np.asarray(arrays[name]), *shape)


def _network(found: dict[str, np.ndarray], actions: Sequence[int] | None) -> Network:
    if actions is not None:
        number = len(found["head/weight"])
        rule = f"the numbers 0 … {number - 1} in some order"
        check(sorted(actions) == list(range(number)), "actions", tuple(actions), rule)
        found |= {name: found[name][np.asarray(actions)] for name in ("head/weight", "head/bias")}
    try:
        return network_of(found)
    except BadInputError as reason:
        raise BadInputError(f"arrays: {reason}") from None
