"""Convolutional actor-critics: from frames to action logits and a value."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Num, ScalarLike

from lookax.errors import check
from lookax.policies.mlp import Dense
from lookax.policies.orthogonal import orthogonal


class Convolution(eqx.Module):
    """y(i, j) = b + Σ_{u, v} x(si + u, sj + v) · W(u, v), without padding; the stride s divides W's side.

    It is a matrix product of what the kernel sees of the frames, side by side: s × s pixels become channels, so that
    what remains has stride 1, and then so do the frames shifted by every (u, v). On processors a gradient takes less
    time than by XLA's own convolutions, and no more inside a `lax.scan` or with kernels in the lanes of `jax.vmap`,
    where those take many times as long. At a forward pass alone, outside of loops, XLA's own are faster.

    **Attributes:** `kernel` W, `[side, side, in, out]`; `bias` b, `[out]`; `stride` s.
    """

    kernel: Float[Array, "side side in out"]
    bias: Float[Array, " out"]
    stride: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "B h w in"]) -> Float[Array, "B H W out"]:
        """Of B frames."""
        s, (side, _, channels, outputs) = self.stride, self.kernel.shape
        kernel = self.kernel
        if s > 1:
            batch, height, width, _ = x.shape
            high, wide = height // s, width // s
            x = x[:, : high * s, : wide * s].reshape(batch, high, s, wide, s, channels)
            x = x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, high, wide, s * s * channels)
            kernel = kernel.reshape(side // s, s, side // s, s, channels, outputs).transpose(0, 2, 1, 3, 4, 5)
            kernel = kernel.reshape(side // s, side // s, s * s * channels, outputs)
        side = kernel.shape[0]
        height, width = x.shape[1] - side + 1, x.shape[2] - side + 1
        shifted = [x[:, u : u + height, v : v + width] for u in range(side) for v in range(side)]
        # Stacked, then seen as one axis: concatenated they take longer to put side by side.
        seen = jnp.stack(shifted, axis=3).reshape(-1, side * side * x.shape[-1])
        return (seen @ kernel.reshape(-1, outputs)).reshape(len(x), height, width, outputs) + self.bias


class DiscountEmbedding(eqx.Module):
    """e(γ) = Wγ + b: the critic's input for the discount that its values are of (Xu et al. 2018)."""

    weight: Float[Array, " E"]
    bias: Float[Array, " E"]

    def __call__(self, discount: ScalarLike) -> Float[Array, " E"]:
        """The embedding."""
        return self.weight * discount + self.bias


class ActorCritic(eqx.Module):
    """Action logits and a value of a frame, by layers that both share.

        h = ReLU(W_h · ReLU(convolutions of the frame)),    logits = W_a h,    V = W_v h

    or, for a critic with the discount as an input, V_γ = W_v ReLU(W_c [h, e(γ)]).

    **Attributes:** `convolutions`; `hidden` W_h; `actor` W_a; `critic` W_v; `embedding` e and `merged` W_c, or `None`.
    """

    convolutions: tuple[Convolution, ...]
    hidden: Dense
    actor: Dense
    critic: Dense
    embedding: DiscountEmbedding | None = None
    merged: Dense | None = None

    def __call__(
        self, frames: Num[Array, "B h w c"], discount: ScalarLike = 0.0
    ) -> tuple[Float[Array, "B A"], Float[Array, " B"]]:
        """Logits and values of B frames; whole numbers in them are shades from 0 to 255.

        **Arguments:** the `discount` γ, for a critic that is conditioned on it.
        """
        dtype = self.hidden.weight.dtype
        shades = jnp.issubdtype(frames.dtype, jnp.integer)
        x = frames.astype(dtype) / 255 if shades else frames.astype(dtype)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        hidden = jax.nn.relu(self.hidden(x.reshape(len(x), -1).T))
        features = hidden
        if self.embedding is not None and self.merged is not None:
            embedded = jnp.broadcast_to(self.embedding(discount)[:, None], (len(self.embedding.bias), hidden.shape[1]))
            features = jax.nn.relu(self.merged(jnp.concatenate([hidden, embedded])))
        return self.actor(hidden).T, self.critic(features)[0]


NATURE = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Channels, side and stride of the convolutions of Mnih et al. (2015), whose dense layer has 512 units."""

SMALL = ((16, 3, 1),)
"""Those of Young & Tian (2019) for MinAtar's 10 × 10 frames; the dense layer has 128 units."""

EMBEDDED = 16
"""Entries of the discount's embedding."""


def actor_critic(
    key: Key[Array, ""],
    frame: tuple[int, int, int],
    num_actions: int,
    *,
    convolutions: Sequence[tuple[int, int, int]] = NATURE,
    hidden_size: int = 512,
    critic_discount: bool = False,
) -> ActorCritic:
    """A fresh network: orthogonal weights with gain √2 (actor 0.01, critic 1, embedding 1), biases zero.

    **Arguments:** height, width and channels of a `frame`; channels, side and stride of the `convolutions`; whether the
    critic has the discount as an input.

    **Raises:** `ValueError` for a stride that does not divide its side, or frames too small.
    """
    keys = iter(jax.random.split(key, len(convolutions) + 5))
    height, width, channels = frame
    layers = []
    for outputs, side, stride in convolutions:
        check(side % stride == 0, "stride", stride, f"a divisor of the side {side}")
        kernel = orthogonal(next(keys), outputs, side * side * channels, np.sqrt(2)).T
        layers.append(Convolution(kernel.reshape(side, side, channels, outputs), jnp.zeros(outputs), stride))
        height, width, channels = (height - side) // stride + 1, (width - side) // stride + 1, outputs
        check(height >= 1 and width >= 1, "frame", frame, "large enough for the convolutions")
    hidden = _layer(next(keys), height * width * channels, hidden_size, np.sqrt(2))
    actor = _layer(next(keys), hidden_size, num_actions, 0.01)
    critic = _layer(next(keys), hidden_size, 1, 1.0)
    if not critic_discount:
        return ActorCritic(tuple(layers), hidden, actor, critic)
    embedding = DiscountEmbedding(orthogonal(next(keys), EMBEDDED, 1, 1.0)[:, 0], jnp.zeros(EMBEDDED))
    merged = _layer(next(keys), hidden_size + EMBEDDED, hidden_size, np.sqrt(2))
    return ActorCritic(tuple(layers), hidden, actor, critic, embedding, merged)


def _layer(key: Key[Array, ""], inputs: int, outputs: int, gain: float) -> Dense:
    return Dense(orthogonal(key, outputs, inputs, gain), jnp.zeros(outputs))
