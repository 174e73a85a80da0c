"""MGRL, its LVC twin, A2C and their networks against numbers that the original code of GMRL gave.

What was run, with which weights and data: the header of tests/data/gmrl_actor_critics.json. Learners make whole updates
here; only acting is replaced, by the recorded rollouts, one after the other.
"""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lookax.learners.a2c
import lookax.learners.mgrl
from lookax.games.arcade.environment import Step
from lookax.learners.a2c import A2C
from lookax.learners.mgrl import MGRL, InnerObjective, OuterObjective
from lookax.learners.objectives.actor_critic import Coefficients, learning_optimiser
from lookax.lookahead.adjoints import ForwardOverReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.recorded import recorded_step
from lookax.policies.convolutional import NATURE, ActorCritic, Convolution, DiscountEmbedding
from lookax.policies.mlp import Dense
from lookax.rollouts.environments import EnvState, Rollout
from lookax.rollouts.episodes import Finished

ORIGINAL = json.loads((Path(__file__).parents[1] / "data" / "gmrl_actor_critics.json").read_text(encoding="utf-8"))
SIZES = ORIGINAL["sizes"]
STEPS, BATCH, INNER_STEPS = SIZES["steps"], SIZES["batch"], SIZES["inner_steps"]
# Frames of one pixel, whose channels are the features.
OBSERVATIONS = np.array(ORIGINAL["observations"])[:, :, None, None, :]
ACTIONS, REWARDS, DONE = (np.array(ORIGINAL[name]) for name in ("actions", "rewards", "done"))
KEY = jax.random.key(0)

# Powers of two: optax takes schedules in float32, in which these are exact.
LEARNING_RATE, TOTAL_STEPS = 1 / 64, 16
MAX_NORM, META_LEARNING_RATE = 1.5, 1e-3
LOGITS = Coefficients(discount=4.6, gae_lambda=2.944, value_coefficient=0.0, entropy_coefficient=-4.6)

# Some hundred operations in double precision, none of which cancels more than three digits.
ROUNDING: Any = {"rtol": 1e-11, "atol": 1e-13}


class Recorded:
    """Says where it stands among the recorded steps."""

    num_actions = SIZES["actions"]
    frame = (1, 1, SIZES["features"])

    def reset(self, key, batch_size):
        del key
        assert batch_size == BATCH
        return jnp.array(0), jnp.asarray(OBSERVATIONS[0])

    def step(self, key, state, actions) -> tuple[Any, Step]:
        del key, state, actions
        raise AssertionError("acting is replaced")


def act_as_recorded(environment, network, env_state, key, steps):
    del environment, network, key

    def since(array, number):
        return jax.lax.dynamic_slice_in_dim(jnp.asarray(array), env_state.state, number)

    ended = since(DONE, steps) > 0
    rollout = Rollout(
        since(OBSERVATIONS, steps + 1), since(ACTIONS, steps), since(REWARDS, steps), ~ended, jnp.ones_like(ended)
    )
    return EnvState(env_state.state + steps, rollout.observations[-1]), rollout, Finished(0.0 * rollout.rewards, ended)


@pytest.fixture
def recorded_acting(monkeypatch):
    for learner in (lookax.learners.mgrl, lookax.learners.a2c):
        monkeypatch.setattr(learner, "act", act_as_recorded)


def network_of(numbers):
    def layer(name):
        return Dense(*(jnp.array(numbers[name][part]) for part in ("weight", "bias")))

    if "merged" not in numbers:
        return ActorCritic((), layer("hidden"), layer("actor"), layer("critic"))
    weight, bias = (jnp.array(numbers["embedding"][part]) for part in ("weight", "bias"))
    embedding = DiscountEmbedding(weight[:, 0], bias)
    return ActorCritic((), layer("hidden"), layer("actor"), layer("critic"), embedding, layer("merged"))


def assert_same(network, numbers):
    for one, other in zip(*(jax.tree.leaves(each) for each in (network, network_of(numbers))), strict=True):
        np.testing.assert_allclose(one, other, **ROUNDING)


def quick(function):
    """Compiled without optimisation: it runs two or six times."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def optimiser():
    return learning_optimiser(LEARNING_RATE, MAX_NORM, TOTAL_STEPS)


def logits(numbers=None):
    values = jax.tree.leaves(LOGITS) if numbers is None else numbers
    return jax.tree.unflatten(jax.tree.structure(LOGITS), [jnp.array(value, float) for value in values])


def as_array(coefficients):
    return np.array(jax.tree.leaves(coefficients))


CASES = {
    "mgrl": (InnerObjective(), OuterObjective()),
    "lvc": (InnerObjective(surrogate="lvc"), OuterObjective()),
    "further_parts": (
        InnerObjective(discount_constant=False),
        OuterObjective(
            discount=0.99, gae_lambda=0.95, value_coefficient=0.25, entropy_coefficient=0.05, kl_coefficient=0.7
        ),
    ),
}


@pytest.mark.usefixtures("recorded_acting")
@pytest.mark.parametrize("case", CASES)
def test_two_windows_of_mgrl(case):
    theirs = ORIGINAL[case]
    inner, outer = CASES[case]
    learner = MGRL(
        environment=Recorded(),
        network=lambda _: network_of(ORIGINAL["start"]),
        meta=logits(),
        batch_size=BATCH,
        steps=STEPS,
        inner=inner,
        lookahead=Lookahead(optimiser(), INNER_STEPS, ForwardOverReverseAdjoint()),
        outer=outer,
        meta_optimiser=optax.adam(META_LEARNING_RATE),
    )
    state = quick(lambda key: learner.init(key))(KEY)
    update = quick(lambda key, state: learner.update(key, state))
    before: Any = 0.0
    for window in range(2):
        state, metrics = update(KEY, state)
        assert_same(state.network, theirs["after_updates"][INNER_STEPS * (window + 1) - 1])
        # Adam's first moment after a gradient g is m + 0.1 (g − m); what it is given descends, as the original does.
        moment = as_array(state.meta_state[0].mu)
        gradient, before = (moment - 0.9 * before) / 0.1, moment
        # Finite differences of sixth order in place of theirs are 2e-13 from ours; 2e-11 is between them and theirs.
        np.testing.assert_allclose(gradient, theirs["meta_gradients"][window], rtol=0, atol=1e-10)
        np.testing.assert_allclose(metrics["meta_gradient_norm"], np.linalg.norm(gradient), rtol=1e-12)
        # Steps of 1e-3 along g/(|g| + 10⁻⁸), with |g| of 10⁻⁵ or more.
        np.testing.assert_allclose(as_array(state.meta), theirs["meta_parameters"][window], rtol=0, atol=1e-10)
        norms = theirs["norms"][INNER_STEPS * window : INNER_STEPS * (window + 1)]
        np.testing.assert_allclose(metrics["gradient_norm"], np.mean(norms), rtol=1e-11)
    # A window acts for K rollouts; with the first one of all they are 2K + 1.
    assert int(state.env_state.state) == (2 * INNER_STEPS + 1) * STEPS


def test_every_inner_update_of_mgrl():
    theirs = ORIGINAL["mgrl"]
    inner, env_state = InnerObjective(), EnvState(jnp.array(0), jnp.asarray(OBSERVATIONS[0]))
    lookahead = Lookahead(optimiser())
    network: Any = network_of(ORIGINAL["start"])
    state = lookahead.optimiser.init(network)
    step = quick(
        lambda network, state, context: recorded_step(inner.objective, network, state, context, lookahead.optimiser)
    )
    for update, after in enumerate(theirs["after_updates"]):
        meta = logits(None if update < INNER_STEPS else theirs["meta_parameters"][0])
        env_state, rollout, _ = act_as_recorded(None, None, env_state, None, STEPS)
        (network, state), record = step(network, state, (meta, rollout))
        np.testing.assert_allclose(optax.tree.norm(record.gradient), theirs["norms"][update], rtol=1e-11)
        assert_same(network, after)


@pytest.mark.usefixtures("recorded_acting")
def test_two_updates_of_a2c():
    theirs = ORIGINAL["a2c"]
    learner = A2C(
        environment=Recorded(),
        network=lambda _: network_of(theirs["start"]),
        batch_size=BATCH,
        steps=STEPS,
        coefficients=Coefficients(discount=0.99, gae_lambda=0.95, value_coefficient=0.5, entropy_coefficient=0.01),
        optimiser=optimiser(),
    )
    state = quick(lambda key: learner.init(key))(KEY)
    update = quick(lambda key, state: learner.update(key, state))
    for after, norm in zip(theirs["after_updates"], theirs["norms"], strict=True):
        state, metrics = update(KEY, state)
        for one, other in zip(*(jax.tree.leaves(each) for each in (state.network, network_of(after))), strict=True):
            # PyTorch clips by ‖g‖ + 10⁻⁶: 10⁻⁶ of the gradients, and no more of Adam's steps of 0.02.
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-8)
        np.testing.assert_allclose(metrics["gradient_norm"], norm, rtol=1e-6)


def pattern(shape, scale):
    """The weights of the header, counted in PyTorch's order."""
    return scale * (np.arange(np.prod(shape)) * 7919 % 1009 / 1009 - 0.5).reshape(shape)


def patterned(*shape):
    return jnp.asarray(pattern(shape, (24 / np.prod(shape[1:])) ** 0.5)), jnp.asarray(pattern(shape[:1], 0.1))


def convolution(inputs, outputs, side, stride):
    kernel, bias = patterned(outputs, inputs, side, side)
    return Convolution(kernel.transpose(2, 3, 1, 0), bias, stride)


@pytest.mark.parametrize("conditioned", [True, False])
def test_the_nature_network_sees_what_the_original_sees(conditioned):
    theirs = ORIGINAL["convolutions"]["told" if conditioned else "not_told"]
    channels = [4, *(outputs for outputs, _, _ in NATURE)]
    layers = tuple(convolution(inputs, *layer) for inputs, layer in zip(channels, NATURE, strict=False))
    weight, bias = patterned(512, 64 * 7 * 7)
    # PyTorch flattens channel by channel, we pixel by pixel.
    hidden = Dense(weight.reshape(512, 64, 7, 7).transpose(0, 2, 3, 1).reshape(512, -1), bias)
    embedding, merged = None, None
    if conditioned:
        weight, bias = patterned(16, 1)
        embedding, merged = DiscountEmbedding(weight[:, 0], bias), Dense(*patterned(512, 512 + 16))
    network = ActorCritic(layers, hidden, Dense(*patterned(6, 512)), Dense(*patterned(1, 512)), embedding, merged)
    b, y, x, c = np.ogrid[:2, :84, :84, :4]
    frames = jnp.asarray((7 * y + 13 * x + 29 * c + 5 * x * y + 101 * b) % 256, jnp.uint8)
    logits, values = network(frames, 0.97)
    # Sums of at most 3136 products of both signs, in another order.
    np.testing.assert_allclose(logits, theirs["logits"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(values, theirs["values"], rtol=0, atol=1e-12)
