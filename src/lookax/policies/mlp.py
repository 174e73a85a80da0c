"""Policies that are small dense networks."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from lookax.choices import Activation, Initialiser
from lookax.policies.orthogonal import orthogonal
from lookax.policies.tabular import with_reference_action

ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {"tanh": jnp.tanh, "leaky-relu": jax.nn.leaky_relu}


class Dense(eqx.Module):
    """y = Wx + b.

    **Attributes:** `weight` W, `[out, in]`; `bias` b, `[out]`.
    """

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]

    def __call__(self, x: Float[Array, " in *B"]) -> Float[Array, " out *B"]:
        """Wx + b; of one x, or of as many as there are columns."""
        return self.weight @ x + (self.bias if x.ndim == 1 else self.bias[:, None])


class ScaledLayer(eqx.Module):
    """A multiple of what a layer puts out: of a critic whose values are far larger than what new layers put out.

    **Attributes:** the `layer`; the `factor`.
    """

    layer: Callable[[Array], Array]
    factor: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, " in *B"]) -> Float[Array, " out *B"]:
        """The multiple of what the layer puts out."""
        return self.factor * self.layer(x)


def dense(key: Key[Array, ""], inputs: int, outputs: int, initialiser: Initialiser) -> Dense:
    """A freshly initialised layer.

    - `"pytorch"`: weights and biases uniform in ±1/√inputs, as `torch.nn.Linear` does (the published runs' choice).
    - `"lecun"`: weights normal with variance 1/inputs, cut at two deviations, biases zero, as flax does.
    - `"glorot"`: weights uniform in ±√(6/(inputs + outputs)), biases zero (Glorot & Bengio 2010).
    - `"orthogonal"`: orthogonal weights, biases zero (Saxe et al. 2014).

    **Arguments:** the numbers of `inputs` and `outputs`; the `initialiser`, a name from this list.
    """
    weight_key, bias_key = jax.random.split(key)
    shape = (outputs, inputs)
    if initialiser == "pytorch":
        bound = inputs**-0.5
        weight = jax.random.uniform(weight_key, shape, minval=-bound, maxval=bound)
        return Dense(weight, jax.random.uniform(bias_key, (outputs,), minval=-bound, maxval=bound))
    if initialiser == "orthogonal":
        return Dense(orthogonal(weight_key, outputs, inputs), jnp.zeros(outputs))
    draw = {
        "lecun": jax.nn.initializers.lecun_normal(-1, -2),
        "glorot": jax.nn.initializers.glorot_uniform(-1, -2),
    }[initialiser]
    return Dense(draw(weight_key, shape, float), jnp.zeros(outputs))


class MLPPolicy(eqx.Module):
    """π(·|o) = softmax(0, fₗ(… φ(f₁(o)))), dense layers f with an activation φ between them.

    **Attributes:** `layers`, the last with A − 1 outputs; `activation`.
    """

    layers: tuple[Dense, ...]
    activation: Activation = eqx.field(static=True, default="tanh")

    def __call__(self, observation: Float[Array, " D"]) -> Float[Array, " A"]:
        """Action logits of one observation."""
        hidden = observation
        for layer in self.layers[:-1]:
            hidden = ACTIVATIONS[self.activation](layer(hidden))
        return with_reference_action(self.layers[-1](hidden))


class PreconditionedMLPPolicy(eqx.Module):
    """An MLP whose logits are scaled by 0.1, and by 30 more where no player cooperated (POLA, appendix B.1.2).

    Observations are [`action_one_hot`][lookax.games.matrix_game.action_one_hot]s: the state in which every remembered
    action is to defect is the one whose observation has a one at `defect_features`.

    **Attributes:** `network`; `defect_features`, the indices of "this action was to defect"; the two scales.
    """

    network: MLPPolicy
    defect_features: tuple[int, ...] = eqx.field(static=True)
    scale: float = eqx.field(static=True, default=0.1)
    mutual_defection_scale: float = eqx.field(static=True, default=30.0)

    def __call__(self, observation: Float[Array, " D"]) -> Float[Array, " A"]:
        """Action logits of one observation."""
        all_defected = jnp.prod(observation[jnp.array(self.defect_features)])
        return self.scale * (1 + (self.mutual_defection_scale - 1) * all_defected) * self.network(observation)


def mlp_policy(
    key: Key[Array, ""],
    num_inputs: int,
    num_actions: int,
    hidden_sizes: Sequence[int],
    activation: Activation = "tanh",
    initialiser: Initialiser = "pytorch",
) -> MLPPolicy:
    """A freshly initialised [`MLPPolicy`][lookax.policies.mlp.MLPPolicy] with the given hidden sizes.

    **Arguments:**

    - `num_inputs`: D, entries of an observation.
    - `num_actions`: A. The last layer has A − 1 outputs, as one action's logit is fixed.
    - `hidden_sizes`: outputs of each hidden layer.
    - `activation`: between layers, `"tanh"` or `"leaky-relu"`.
    - `initialiser`: as of [`dense`][lookax.policies.mlp.dense] layers.
    """
    sizes = [num_inputs, *hidden_sizes, num_actions - 1]
    keys = jax.random.split(key, len(sizes) - 1)
    layers = tuple(dense(k, i, o, initialiser) for k, i, o in zip(keys, sizes[:-1], sizes[1:], strict=True))
    return MLPPolicy(layers, activation)
