"""Policies serialised as JSON, so that algorithms can be started from the same point.

One object with one key, a list over players in it:

- `{"probabilities": [[0.5, 0.5, 0.5, 0.5, 0.5], …]}`: P(last action | state) for two actions, `[N][S]`, or one
  distribution per state, `[N][S][A]`;
- `{"logits": …}`: the same as free logits, log P(a)/P(0) for a ≥ 1, `[N][S]` or `[N][S][A−1]`;
- `{"layers": [[{"weight": [[…]], "bias": […]}, …], …]}`: a network's layers.

States are in each player's own view: DD, DC, CD, CC (mine, theirs), then the start state.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lookax.errors import BadInputError
from lookax.games.game import Policies, Policy
from lookax.policies.factory import PolicyMaker
from lookax.policies.mlp import Dense, MLPPolicy, PreconditionedMLPPolicy
from lookax.policies.tabular import PreconditionedTabularPolicy, TabularPolicy, preconditioner

FIELD = "initial_policies"


def read_policies(path: Path, maker: PolicyMaker) -> Policies:
    """All players' policies from a JSON file, of the kind that `maker` makes.

    **Raises:** `ValueError` naming the file if it is not readable, not of the form above or of another shape.
    """
    try:
        serialised = json.loads(Path(path).read_text())
    except (OSError, ValueError, RecursionError) as reason:
        raise BadInputError(f"{FIELD}: {str(path)!r} cannot be read as JSON ({reason})") from None
    try:
        return parse_policies(serialised, maker)
    except BadInputError as reason:
        raise BadInputError(f"{FIELD}: {str(path)!r} {reason}") from None


def parse_policies(serialised: Any, maker: PolicyMaker) -> Policies:
    """As [`read_policies`][lookax.policies.policy_files.read_policies], from the parsed JSON."""
    allowed = ("logits", "probabilities") if maker.is_tabular else ("layers",)
    if not isinstance(serialised, dict) or len(serialised) != 1 or next(iter(serialised)) not in allowed:
        raise BadInputError(f"must be an object with one key, {' or '.join(allowed)}, for {maker.kind} policies")
    [(key, players)] = serialised.items()
    if not isinstance(players, list) or len(players) != maker.game.num_players:
        raise BadInputError(f"must list {maker.game.num_players} players under {key!r}")
    like = jax.eval_shape(maker.initial, jax.random.key(0))
    parse = _network if key == "layers" else _table
    return tuple(parse(key, players[i], like[i], i + 1) for i in range(maker.game.num_players))


def write_policies(policies: Policies) -> dict[str, Any]:
    """The inverse of [`parse_policies`][lookax.policies.policy_files.parse_policies]."""
    if isinstance(policies[0], TabularPolicy | PreconditionedTabularPolicy):
        tables = [
            p.logits if isinstance(p, TabularPolicy) else preconditioner(len(p.parameters)) @ p.parameters
            for p in policies
        ]
        return {"logits": [(t[:, 0] if t.shape[1] == 1 else t).tolist() for t in map(np.asarray, tables)]}
    networks = [p.network if isinstance(p, PreconditionedMLPPolicy) else p for p in policies]
    return {"layers": [[{"weight": d.weight.tolist(), "bias": d.bias.tolist()} for d in n.layers] for n in networks]}


def _numbers(given: Any, what: str, *shapes: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.array(given)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "if" and array.size:
        raise BadInputError(f"has {what} that are not an array of numbers")
    if array.shape not in shapes:
        raise BadInputError(f"has {what} of shape {array.shape}; it must be {' or '.join(map(str, shapes))}")
    if not np.isfinite(array).all():
        raise BadInputError(f"has {what} that are not finite")
    return array.astype(float)


def _table(key: str, given: Any, like: Policy, player: int) -> Policy:
    what = f"{key} of player {player}"
    [leaf] = jax.tree.leaves(like)
    num_states, free = leaf.shape
    full = (num_states, free if key == "logits" else free + 1)
    table = _numbers(given, what, full, *([(num_states,)] if free == 1 else []))
    if key == "probabilities":
        table = np.stack([1 - table, table], axis=1) if table.ndim == 1 else table
        if not ((table > 0) & (table < 1)).all() or not np.allclose(table.sum(1), 1):
            raise BadInputError(f"has {what} that are not strictly between 0 and 1 or do not sum to 1")
        table = np.log(table[:, 1:]) - np.log(table[:, :1])
    logits = jnp.asarray(table.reshape(num_states, free))
    if isinstance(like, PreconditionedTabularPolicy):
        return PreconditionedTabularPolicy(jnp.linalg.solve(preconditioner(num_states), logits))
    return TabularPolicy(logits)


def _network(key: str, given: Any, like: Any, player: int) -> Policy:
    network: MLPPolicy = like.network if isinstance(like, PreconditionedMLPPolicy) else like
    what = f"{key} of player {player}"
    if not isinstance(given, list) or len(given) != len(network.layers):
        raise BadInputError(f"must have {len(network.layers)} {what}")
    layers = []
    for i, (serialised, layer) in enumerate(zip(given, network.layers, strict=True)):
        if not isinstance(serialised, dict) or set(serialised) != {"weight", "bias"}:
            raise BadInputError(f"has {what} that are not objects with the keys weight and bias")
        weight = _numbers(serialised["weight"], f"weights of layer {i} of player {player}", layer.weight.shape)
        bias = _numbers(serialised["bias"], f"biases of layer {i} of player {player}", layer.bias.shape)
        layers.append(Dense(jnp.asarray(weight), jnp.asarray(bias)))
    given_network = MLPPolicy(tuple(layers), network.activation)
    if isinstance(like, PreconditionedMLPPolicy):
        return dataclasses.replace(like, network=given_network)
    return given_network
