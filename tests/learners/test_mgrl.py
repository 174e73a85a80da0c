"""Meta-gradients of actor-critics, against finite differences of a reference that is written out here.

The reference takes whatever is constant to derivatives as numbers that were recorded at the meta-parameters in
question. Its finite differences are then derivatives with exactly these constants.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lookax.learners.mgrl import Bootstrapped, Inner, Outer, meta_gradient, retraced_meta_gradient
from lookax.learners.objectives.actor_critic import (
    Coefficients,
    PolicySurrogate,
    clipped_by_constant_norm,
    learning_optimiser,
)
from lookax.lookahead.retraced import taken
from lookax.policies.convolutional import actor_critic
from lookax.rollouts.environments import Rollout

ADJOINTS: Any = ("reverse", "checkpointed", "forward-over-reverse", "forward")
NAMES = [field.name for field in dataclasses.fields(Coefficients)]
LEARNING_RATE = 0.01
MAX_NORM = 0.5
TOTAL_STEPS = 20
FRAME, ACTIONS, STEPS, BATCH = (5, 4, 2), 3, 4, 3


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def rollout(seed):
    """Random numbers as a rollout of everything that happens: lost lives, steps that were spent on a reset."""
    keys = jax.random.split(jax.random.key(seed), 4)
    going_on = jnp.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    played = jnp.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 1]], bool)
    return Rollout(
        jax.random.normal(keys[0], (STEPS + 1, BATCH, *FRAME), float),
        jax.random.randint(keys[1], (STEPS, BATCH), 0, ACTIONS),
        3 * jax.random.normal(keys[2], (STEPS, BATCH), float),
        going_on,
        played,
    )


def network():
    key = jax.random.key(5)
    return actor_critic(key, FRAME, ACTIONS, convolutions=((2, 2, 1),), hidden_size=4, told_discount=True)


META = Coefficients(*(jnp.array(logit) for logit in (2.0, 1.0, 0.3, -2.0)))


def values_of(own, rollout, told):
    frames = rollout.observations.reshape(-1, *FRAME)
    logits, values = own(frames, told)
    return jax.nn.log_softmax(logits).reshape(STEPS + 1, BATCH, ACTIONS)[:-1], values.reshape(STEPS + 1, BATCH)


def log_probs_of(log_policy, rollout):
    return (log_policy * jax.nn.one_hot(rollout.actions, ACTIONS)).sum(-1)


def returns_by_hand(rollout, values, discount, gae_lambda):
    """R, step by step from the end."""
    result, later = [], jnp.zeros(BATCH)
    for t in reversed(range(STEPS)):
        goes_on = rollout.going_on[t].astype(float)
        delta = rollout.rewards[t] + discount * goes_on * values[t + 1] - values[t]
        later = delta + discount * gae_lambda * goes_on * later
        result.append(later + values[t])
    return jnp.stack(result[::-1])


def mean_by_hand(terms, rollout):
    return jnp.where(rollout.played, terms, 0.0).sum() / rollout.played.sum()


def objective_by_hand(own, rollout, numbers, told, values, log_probs):
    """An actor-critic's objective with advantages of recorded values; LVC where log-probabilities are recorded."""
    returns = returns_by_hand(rollout, values, numbers.discount, numbers.gae_lambda)
    log_policy, present = values_of(own, rollout, told)
    score = log_probs_of(log_policy, rollout)
    if log_probs is not None:
        score = jnp.exp(score - log_probs)
    policy = mean_by_hand((returns - values[:-1]) * score, rollout)
    critic = mean_by_hand((returns - present[:-1]) ** 2, rollout)
    entropy = mean_by_hand(-(jnp.exp(log_policy) * log_policy).sum(-1), rollout)
    return policy - numbers.value_coefficient * critic + numbers.entropy_coefficient * entropy


class Reference:
    """J_out of a window, by hand: Adam written out, with the constants that `record` has found."""

    def __init__(self, lvc, discount_constant, outer, first_count=0):
        self._lvc = lvc
        self._discount_constant = discount_constant
        self._outer = outer
        self._recorded = {}
        self._first_count = first_count

    def constant(self, name, value):
        return self._recorded.setdefault(name, value)

    def record(self, meta, *window):
        def recorded(meta):
            self._recorded = {}
            self(meta, *window)
            return dict(self._recorded)

        self._recorded = quick(recorded, meta)

    def objective_of(self, params, structure, *rest):
        return objective_by_hand(structure(params), *rest)

    def __call__(self, meta, start, rollouts, judged_by):
        numbers = jax.tree.map(lambda logit: 1 / (1 + jnp.exp(-logit)), meta)
        params, structure = ravel_pytree(start[0])
        first = params
        m, v = (ravel_pytree(moment)[0] for moment in start[1])
        for k, tau in enumerate(rollouts):
            told = self.constant(f"told {k}", numbers.discount) if self._discount_constant else numbers.discount
            log_policy, values = values_of(structure(params), tau, told)
            values = self.constant(f"values {k}", values)
            log_probs = self.constant(f"log-probs {k}", log_probs_of(log_policy, tau)) if self._lvc else None
            fixed = structure, tau, numbers, told, values, log_probs
            slope = jax.grad(self.objective_of)(params, *fixed)
            norm = self.constant(f"norm {k}", jnp.sqrt((slope**2).sum()))
            slope = slope * jnp.minimum(1.0, MAX_NORM / norm)
            m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
            count = self._first_count + k
            corrected = (m / (1 - 0.9 ** (count + 1)), v / (1 - 0.999 ** (count + 1)))
            rate = LEARNING_RATE * (1 - count / TOTAL_STEPS)
            params = params + rate * corrected[0] / (jnp.sqrt(corrected[1]) + 1e-8)
        last, outer = structure(params), self._outer
        log_policy, values = values_of(last, judged_by, outer.discount)
        values = self.constant("last values", values)
        judged = objective_by_hand(last, judged_by, outer, outer.discount, values, None)
        before = values_of(structure(first), judged_by, outer.discount)[0]
        divergence = (jnp.exp(log_policy) * (log_policy - before)).sum(-1)
        return judged - outer.kl_coefficient * mean_by_hand(divergence, judged_by)


def window(steps, optimiser):
    """A start in the midst of learning: with moments of two updates that were made before."""
    own, state = network(), None
    state = optimiser.init(own)
    inner = Inner(optimiser)
    for seed in (100, 101):
        own, state = quick(
            lambda own, state, tau: taken(inner.objective, own, state, (META, tau), optimiser)[0],
            own,
            state,
            rollout(seed),
        )
    return (own, state), tuple(rollout(seed) for seed in range(steps)), rollout(50)


def finite_differences(reference, start, rollouts, judged_by):
    adam = start[1][1]
    # Gradients are of −J; moments of ∇J have the other sign.
    moments = (start[0], (jax.tree.map(jnp.negative, adam.mu), adam.nu))
    reference.record(META, moments, rollouts, judged_by)
    value = jax.jit(
        lambda meta: reference(meta, moments, rollouts, judged_by),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    result = []
    for name in NAMES:
        step = 1e-5
        up, down = (value(dataclasses.replace(META, **{name: getattr(META, name) + sign * step})) for sign in (1, -1))
        result.append(float(up - down) / (2 * step))
    return np.array(result)


def as_array(meta):
    return np.array([float(getattr(meta, name)) for name in NAMES])


OUTERS = {
    "published": Outer(),
    "all parts": Outer(0.9, 0.8, 0.25, 0.05, 0.7),
}


def quick(function, *arguments):
    """Compiled without optimisation: it runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})(*arguments)


CASES: dict[str, tuple[int, PolicySurrogate, str, bool]] = {
    "one step, as published": (1, "score-function", "published", True),
    "two steps, LVC, further parts": (2, "lvc", "all parts", False),
    "three steps, as published with LVC": (3, "lvc", "published", True),
    "three steps, further parts": (3, "score-function", "all parts", True),
}


@pytest.mark.parametrize(
    ("case", "adjoints"),
    [
        *((case, (adjoint,)) for case, adjoint in zip(CASES, ADJOINTS, strict=True)),
        *(pytest.param(case, ADJOINTS, marks=pytest.mark.slow) for case in CASES),
    ],
)
def test_meta_gradients_are_finite_differences(case, adjoints):
    # Central differences of steps of 1e-5 are right to about 1e-9 of these numbers of order 0.01 to 1.
    steps, surrogate, parts, discount_constant = CASES[case]
    optimiser = learning_optimiser(LEARNING_RATE, MAX_NORM, TOTAL_STEPS)
    outer, inner = OUTERS[parts], Inner(optimiser, surrogate, discount_constant)
    start, rollouts, judged_by = window(steps, optimiser)
    each = stacked(rollouts)
    reference = Reference(surrogate == "lvc", discount_constant, outer, 2)
    expected = finite_differences(reference, start, rollouts, judged_by)
    assert (np.abs(expected) > 1e-7).all()
    for adjoint in adjoints:
        gradient = functools.partial(meta_gradient, inner, outer, adjoint=adjoint)
        found = quick(gradient, META, start, each, judged_by)
        np.testing.assert_allclose(as_array(found), expected, rtol=1e-5, err_msg=adjoint)
    found = quick(lambda meta: retraced_window(inner, outer, meta, start, rollouts, judged_by), META)
    np.testing.assert_allclose(as_array(found), expected, rtol=1e-5, err_msg="retraced")


def retraced_window(inner, outer, meta, start, rollouts, judged_by):
    now, steps = start, []
    for tau in rollouts:
        now, step = taken(inner.objective, *now, (meta, tau), inner.optimiser)
        steps.append(step)
    return retraced_meta_gradient(inner, outer, meta, stacked(steps), now[0], stacked(rollouts), judged_by)


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def test_lvc_goes_the_same_way_and_changes_meta_gradients_from_two_steps_on():
    optimiser = learning_optimiser(LEARNING_RATE, MAX_NORM, TOTAL_STEPS)
    start, rollouts, judged_by = window(2, optimiser)
    plain, lvc = Inner(optimiser, "score-function"), Inner(optimiser, "lvc")
    slopes = [quick(jax.grad(own.objective), start[0], (META, rollouts[0])) for own in (plain, lvc)]
    for one, other in zip(*map(jax.tree.leaves, slopes), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)
    for steps, same in ((1, True), (2, False)):
        gradients = [
            as_array(quick(functools.partial(retraced_window, own, Outer()), META, start, rollouts[:steps], judged_by))
            for own in (plain, lvc)
        ]
        assert np.allclose(*gradients, rtol=1e-12, atol=0) == same


def test_bootstrapped_windows_are_drawn_to_the_policy_of_a_step_further():
    # Derivatives of −KL(⊥π̃ ‖ π) by logits are π̃ − π, of each frame that was acted on, over their number.
    own, first, tau = network(), jax.tree.map(lambda leaf: 0.9 * leaf, network()), rollout(3)
    judgement = 0.9, 0.8, 0.3, 0.2, 0.1
    outer, bootstrapped = Outer(*judgement), Bootstrapped(*judgement, step_size=0.1)
    frames = tau.observations[:-1].reshape(-1, *FRAME)
    slope = quick(jax.grad(outer.objective), own, first, tau)
    target = jax.tree.map(lambda leaf, up: leaf + 0.1 * up, own, slope)
    ahead, now = (jax.nn.softmax(each(frames)[0]) for each in (target, own))
    weights = tau.played.reshape(-1, 1) / tau.played.sum()
    expected = jax.vjp(lambda own: own(frames)[0], own)[1]((ahead - now) * weights)[0]
    found = quick(jax.grad(bootstrapped.objective), own, first, tau)
    for name in ("convolutions", "hidden", "actor"):
        for one, other in zip(*(jax.tree.leaves(getattr(each, name)) for each in (found, expected)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-15)
    assert np.abs(ravel_pytree(found.actor)[0]).max() > 1e-6


def test_a_slope_of_zero_has_finite_derivatives():
    # A unit that never fires: no slope, no moments. Adam's √v would have an infinite derivative there.
    optimiser = learning_optimiser(LEARNING_RATE, None, None)
    params = jnp.array([0.0, 1.0])

    def after(weight):
        slope = weight * params
        updates, _ = optimiser.update(slope, optimiser.init(params), params)
        return jnp.asarray(updates).sum()

    assert np.isfinite(jax.grad(after)(0.5))


def test_gradients_are_clipped_by_a_norm_that_is_constant():
    clip = clipped_by_constant_norm(5.0)
    derivative = jax.jacobian(lambda g: clip.update(g, clip.init(g))[0])
    np.testing.assert_allclose(np.asarray(clip.update(jnp.array([6.0, 8.0]), optax.EmptyState())[0]), [3.0, 4.0])
    np.testing.assert_allclose(derivative(jnp.array([6.0, 8.0])), np.eye(2) / 2)
    np.testing.assert_allclose(derivative(jnp.array([0.6, 0.8])), np.eye(2))


@pytest.mark.usefixtures("types_unchecked")
def test_an_unknown_adjoint_is_told():
    backwards: Any = "backwards"
    with pytest.raises(ValueError, match="adjoint: 'backwards' is not allowed; it must be one of reverse, "):
        meta_gradient(
            Inner(optax.identity()), Outer(), META, (network(), ()), stacked([rollout(1)]), rollout(0), backwards
        )
