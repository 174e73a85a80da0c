"""Convolutions against XLA's own; networks as they are initialised."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.policies.convolutional import NATURE, SMALL, Convolution, actor_critic

KEY = jax.random.key(4)


@pytest.mark.parametrize(("side", "stride", "size"), [(8, 4, 84), (4, 2, 20), (3, 1, 9), (3, 1, 10), (4, 2, 21)])
def test_convolutions_are_those_of_xla(side, stride, size):
    drawn = np.random.default_rng(4)
    shapes = (side, side, 3, 5), (5,), (2, size, size + stride, 3)
    kernel, bias, frames = (jnp.asarray(drawn.normal(size=shape)) for shape in shapes)

    @jax.jit
    def both(kernel, bias, frames):
        expected = jax.lax.conv_general_dilated(
            frames, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return Convolution(kernel, bias, stride)(frames), expected + bias

    # Sums of at most 192 products, in another order.
    np.testing.assert_allclose(*both(kernel, bias, frames), rtol=0, atol=1e-4)


@pytest.mark.parametrize("told", [True, False])
def test_networks_are_orthogonal_with_their_gains(told):
    network = actor_critic(KEY, (10, 10, 4), 3, convolutions=SMALL, hidden_size=24, critic_discount=told)
    kernel = np.asarray(network.convolutions[0].kernel).reshape(36, 16)
    layers = [
        (kernel.T, 2**0.5),
        (network.hidden.weight, 2**0.5),
        (network.actor.weight, 0.01),
        (network.critic.weight, 1.0),
    ]
    assert (network.embedding is None) == (network.merged is None) == (not told)
    if network.embedding is not None and network.merged is not None:
        layers += [(network.merged.weight, 2**0.5), (network.embedding.weight[None], 1.0)]
        assert not np.asarray(network.merged.bias).any()
        assert not np.asarray(network.embedding.bias).any()
    for matrix, gain in layers:
        product = np.asarray(matrix) @ np.asarray(matrix).T
        np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-5)


def test_different_keys_give_different_networks():
    one, other = (actor_critic(key, (10, 10, 4), 3, convolutions=SMALL) for key in jax.random.split(KEY))
    assert np.abs(np.asarray(one.hidden.weight) - np.asarray(other.hidden.weight)).max() > 0.01


def test_the_nature_network_has_the_published_shapes():
    network = jax.eval_shape(lambda: actor_critic(KEY, (84, 84, 4), 6, convolutions=NATURE, critic_discount=True))
    assert network.hidden.weight.shape == (512, 7 * 7 * 64)
    assert network.merged is not None
    assert network.merged.weight.shape == (512, 512 + 16)


def test_shades_are_divided_and_only_told_critics_hear_of_the_discount():
    frames = np.random.default_rng(4).integers(256, size=(2, 10, 10, 4), dtype=np.uint8)
    run = jax.jit(lambda network, frames, discount: network(frames, discount))
    for told in (True, False):
        network = actor_critic(KEY, (10, 10, 4), 3, convolutions=SMALL, critic_discount=told)
        logits, values = run(network, frames, 0.9)
        again = run(network, frames.astype(float) / 255, 0.5)
        np.testing.assert_allclose(logits, again[0], atol=1e-6)
        assert np.allclose(values, again[1], atol=1e-6) != told


def test_frames_that_are_too_small_are_told():
    with pytest.raises(ValueError, match=r"frame: .* must be large enough for the convolutions"):
        actor_critic(KEY, (10, 10, 4), 3, convolutions=NATURE)
    with pytest.raises(ValueError, match="stride: 2 is not allowed; it must be a divisor of the side 3"):
        actor_critic(KEY, (10, 10, 4), 3, convolutions=((4, 3, 2),))
