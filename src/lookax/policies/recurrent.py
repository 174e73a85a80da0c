"""Networks for games that go on: a gated recurrent unit, or none, behind dense layers."""

from collections.abc import Sequence
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from lookax.choices import Initialiser, RecurrentUnit
from lookax.errors import check
from lookax.policies.mlp import Dense, dense
from lookax.policies.network import Network, Unit


class GRU(Unit):
    """A gated recurrent unit (Cho et al. 2014).

    With an encoded observation x = (xᵣ, x_z, xₙ), and (hᵣ, h_z, hₙ) = U h of the hidden state h,

        r = σ(xᵣ + hᵣ),    z = σ(x_z + h_z),    n = tanh(xₙ + r (hₙ + b)),    h′ = (1 − z) n + z h.

    **Attributes:** `weight` U `[3H, H]`; `bias` b `[H]`. It starts with h = 0.
    """

    weight: Float[Array, "G H"]
    bias: Float[Array, " H"]

    def initial_hidden_state(self, batch_size: int) -> Float[Array, "H B"]:
        """Zeros."""
        return jnp.zeros((*self.bias.shape, batch_size), self.bias.dtype)

    def update(self, hidden_state: Float[Array, "H B"], encoded: Float[Array, "G B"]) -> Float[Array, "H B"]:
        """h′."""
        size = hidden_state.shape[0]
        # Split, not sliced: derivatives of slices are sums of padded arrays, which cost more than the products.
        x_gates, x_new = jax.lax.split(encoded, (2 * size, size))
        h_gates, h_new = jax.lax.split(self.weight @ hidden_state, (2 * size, size))
        r, z = jax.lax.split(jax.nn.sigmoid(x_gates + h_gates), (size, size))
        n = jnp.tanh(x_new + r * (h_new + self.bias[:, None]))
        return n + z * (hidden_state - n)


class LastSeen(Unit):
    """Remembers the last encoded observation, of `size` H, and nothing else."""

    size: int = eqx.field(static=True)

    def initial_hidden_state(self, batch_size: int) -> Float[Array, "H B"]:
        """Zeros."""
        return jnp.zeros((self.size, batch_size))

    def update(self, hidden_state: Float[Array, "H B"], encoded: Float[Array, "H B"]) -> Float[Array, "H B"]:
        """The encoded observation."""
        del hidden_state
        return encoded


class DenseLayers(eqx.Module):
    """Dense `layers` one after the other, a ReLU after the first alone (as in POLA's networks); none: the identity."""

    layers: tuple[Dense, ...]

    def __call__(self, x: Float[Array, "D B"]) -> Float[Array, "E B"]:
        """Outputs of the last layer."""
        for number, layer in enumerate(self.layers):
            x = jax.nn.relu(layer(x)) if number == 0 else layer(x)
        return x


class Encoder(eqx.Module):
    """Dense `layers`, then a GRU's three input `gates` at once."""

    layers: DenseLayers
    gates: Dense

    def __call__(self, x: Float[Array, "D B"]) -> Float[Array, "G B"]:
        """The gates' inputs."""
        return self.gates(self.layers(x))


def network(
    key: Key[Array, ""],
    num_inputs: int,
    num_outputs: int,
    *,
    hidden_size: int = 64,
    num_layers: int = 1,
    recurrent_unit: RecurrentUnit = "gru",
    initialiser: Initialiser = "lecun",
) -> Network:
    """A freshly initialised network.

    **Arguments:**

    - `hidden_size`: H, of dense layers and hidden state.
    - `num_layers`: how many dense layers come before the recurrent unit.
    - `recurrent_unit`: a GRU, or none.
    - `initialiser`: as of [`dense`][lookax.policies.mlp.dense] layers; each of a GRU's gates is one. `"lecun"`, with
      orthogonal U, is the published runs' choice.

    ```python
    game = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    num_inputs = len(game.observe(game.reset(jax.random.key(0)), 0))
    policy = lx.network(jax.random.key(1), num_inputs, game.num_actions[0], hidden_size=16)
    games = lx.match(game, [policy, "tit-for-tat"], jax.random.key(2), horizon=20, batch_size=64)
    ```

    **Raises:** `ValueError` for an unknown recurrent unit or initialiser, or another number of layers.
    """
    check(
        recurrent_unit in get_args(RecurrentUnit),
        "recurrent_unit",
        recurrent_unit,
        f"one of {', '.join(get_args(RecurrentUnit))}",
    )
    check(
        initialiser in get_args(Initialiser), "initialiser", initialiser, f"one of {', '.join(get_args(Initialiser))}"
    )
    check(num_layers in (0, 1, 2), "num_layers", num_layers, "0, 1 or 2")
    layer_keys, gate_keys, unit_keys, head_key = (jax.random.split(k, 3) for k in jax.random.split(key, 4))
    sizes = [num_inputs, *(hidden_size,) * num_layers]
    layers = tuple(dense(k, i, o, initialiser) for k, i, o in zip(layer_keys, sizes[:-1], sizes[1:], strict=False))
    if recurrent_unit == "none":
        return Network(
            DenseLayers(layers), LastSeen(sizes[-1]), dense(head_key[0], sizes[-1], num_outputs, initialiser)
        )
    gates = _stacked([dense(k, sizes[-1], hidden_size, initialiser) for k in gate_keys])
    square: Initialiser = "orthogonal" if initialiser == "lecun" else initialiser
    squares = _stacked([dense(k, hidden_size, hidden_size, square) for k in unit_keys])
    return Network(
        Encoder(DenseLayers(layers), gates),
        GRU(squares.weight, squares.bias[-hidden_size:]),
        dense(head_key[0], hidden_size, num_outputs, initialiser),
    )


def _stacked(layers: Sequence[Dense]) -> Dense:
    return Dense(*(jnp.concatenate(parts) for parts in zip(*((d.weight, d.bias) for d in layers), strict=True)))
