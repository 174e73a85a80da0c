"""Meta-gradients of actor-critics, against finite differences of a reference that is written out here.

The reference takes whatever is constant to derivatives as numbers that were recorded at the meta-parameters in
question. Its finite differences are then derivatives with exactly these constants.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lookax.learners.mgrl import InnerObjective, OuterObjective, meta_gradient, recorded_meta_gradient
from lookax.learners.objectives.actor_critic import (
    Coefficients,
    PolicySurrogate,
    clipped_by_constant_norm,
    learning_optimiser,
)
from lookax.learners.objectives.bootstrapped import BootstrappedObjective
from lookax.lookahead.adjoint_names import ADJOINTS as ALL_ADJOINTS
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.recorded import recorded_step
from lookax.policies.convolutional import actor_critic
from lookax.rollouts.environments import Rollout

ADJOINTS = ("reverse", "checkpointed", "forward-over-reverse", "forward")
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
    drawn = np.random.default_rng(seed)
    continues = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    played = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 1]], bool)
    fields = (
        drawn.normal(size=(STEPS + 1, BATCH, *FRAME)),
        drawn.integers(ACTIONS, size=(STEPS, BATCH)),
        3 * drawn.normal(size=(STEPS, BATCH)),
        continues,
        played,
    )
    return Rollout(*map(jnp.asarray, fields))


@functools.cache
def network(convolutions=((2, 2, 1),)):
    def drawn(key):
        return actor_critic(key, FRAME, ACTIONS, convolutions=convolutions, hidden_size=4, critic_discount=True)

    return quick(drawn, jax.random.key(5))


META = Coefficients(
    discount=jnp.array(2.0),
    gae_lambda=jnp.array(1.0),
    value_coefficient=jnp.array(0.3),
    entropy_coefficient=jnp.array(-2.0),
)


def values_of(own, rollout, critic_discount):
    frames = rollout.observations.reshape(-1, *FRAME)
    logits, values = own(frames, critic_discount)
    return jax.nn.log_softmax(logits).reshape(STEPS + 1, BATCH, ACTIONS)[:-1], values.reshape(STEPS + 1, BATCH)


def log_probs_of(log_policy, rollout):
    return (log_policy * jax.nn.one_hot(rollout.actions, ACTIONS)).sum(-1)


def returns_by_hand(rollout, values, discount, gae_lambda):
    """R, step by step from the end."""
    result, later = [], jnp.zeros(BATCH)
    for t in reversed(range(STEPS)):
        goes_on = rollout.continues[t].astype(float)
        delta = rollout.rewards[t] + discount * goes_on * values[t + 1] - values[t]
        later = delta + discount * gae_lambda * goes_on * later
        result.append(later + values[t])
    return jnp.stack(result[::-1])


def mean_by_hand(terms, rollout):
    return jnp.where(rollout.played, terms, 0.0).sum() / rollout.played.sum()


def objective_by_hand(own, rollout, numbers, critic_discount, values, log_probs):
    """An actor-critic's objective with advantages of recorded values; LVC where log-probabilities are recorded."""
    returns = returns_by_hand(rollout, values, numbers.discount, numbers.gae_lambda)
    log_policy, present = values_of(own, rollout, critic_discount)
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

    def __call__(self, meta, start, rollouts, last_rollout):
        numbers = jax.tree.map(lambda logit: 1 / (1 + jnp.exp(-logit)), meta)
        params, structure = ravel_pytree(start[0])
        first = params
        m, v = (ravel_pytree(moment)[0] for moment in start[1])
        for k, tau in enumerate(rollouts):
            critic_discount = numbers.discount
            if self._discount_constant:
                critic_discount = self.constant(f"critic discount {k}", critic_discount)
            log_policy, values = values_of(structure(params), tau, critic_discount)
            values = self.constant(f"values {k}", values)
            log_probs = self.constant(f"log-probs {k}", log_probs_of(log_policy, tau)) if self._lvc else None
            fixed = structure, tau, numbers, critic_discount, values, log_probs
            gradient = jax.grad(self.objective_of)(params, *fixed)
            norm = self.constant(f"norm {k}", jnp.sqrt((gradient**2).sum()))
            gradient = gradient * jnp.minimum(1.0, MAX_NORM / norm)
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            count = self._first_count + k
            corrected = (m / (1 - 0.9 ** (count + 1)), v / (1 - 0.999 ** (count + 1)))
            rate = LEARNING_RATE * (1 - count / TOTAL_STEPS)
            params = params + rate * corrected[0] / (jnp.sqrt(corrected[1]) + 1e-8)
        last, outer = structure(params), self._outer
        log_policy, values = values_of(last, last_rollout, outer.discount)
        values = self.constant("last values", values)
        objective = objective_by_hand(last, last_rollout, outer, outer.discount, values, None)
        before = values_of(structure(first), last_rollout, outer.discount)[0]
        divergence = (jnp.exp(log_policy) * (log_policy - before)).sum(-1)
        return objective - outer.kl_coefficient * mean_by_hand(divergence, last_rollout)


OPTIMISER = learning_optimiser(LEARNING_RATE, MAX_NORM, TOTAL_STEPS)


@functools.cache
def start(convolutions):
    """In the midst of learning: with moments of two updates that were made before."""

    def updated(own, *rollouts):
        now = own, OPTIMISER.init(own)
        for tau in rollouts:
            now = recorded_step(InnerObjective().objective, *now, (META, tau), OPTIMISER)[0]
        return now

    return quick(updated, network(convolutions), rollout(100), rollout(101))


def window(steps, convolutions=()):
    return start(convolutions), tuple(rollout(seed) for seed in range(steps)), rollout(50)


def finite_differences(reference, start, rollouts, last_rollout):
    adam = start[1][1]
    # Gradients are of −J; moments of ∇J have the other sign.
    moments = (start[0], (jax.tree.map(lambda leaf: jnp.asarray(-np.asarray(leaf)), adam.mu), adam.nu))
    reference.record(META, moments, rollouts, last_rollout)
    value = jax.jit(
        lambda meta: reference(meta, moments, rollouts, last_rollout),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    result = []
    for name in NAMES:
        step = 1e-5
        at = float(getattr(META, name))
        up, down = (value(dataclasses.replace(META, **{name: jnp.asarray(at + sign * step)})) for sign in (1, -1))
        result.append((float(up) - float(down)) / (2 * step))
    return np.array(result)


def as_array(meta):
    return np.array([float(getattr(meta, name)) for name in NAMES])


OUTERS = {
    "published": OuterObjective(),
    "all terms": OuterObjective(
        discount=0.9, gae_lambda=0.8, value_coefficient=0.25, entropy_coefficient=0.05, kl_coefficient=0.7
    ),
}


def quick(function, *arguments):
    """Compiled without optimisation: it runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})(*arguments)


CASES: dict[str, tuple[int, PolicySurrogate, str, bool, tuple[tuple[int, int, int], ...]]] = {
    "one step, as published": (1, "score-function", "published", True, ()),
    "two steps, LVC, further terms": (2, "lvc", "all terms", False, ((2, 2, 1),)),
    "three steps, as published with LVC": (3, "lvc", "published", True, ()),
    "three steps, further terms": (3, "score-function", "all terms", True, ()),
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
    steps, surrogate, terms, discount_constant, convolutions = CASES[case]
    outer, inner = OUTERS[terms], InnerObjective(surrogate=surrogate, discount_constant=discount_constant)
    start, rollouts, last_rollout = window(steps, convolutions)
    reference = Reference(surrogate == "lvc", discount_constant, outer, 2)
    expected = finite_differences(reference, start, rollouts, last_rollout)
    assert (np.abs(expected) > 1e-7).all()
    for adjoint in adjoints:

        def gradient(start, rollouts, adjoint=adjoint):
            lookahead = Lookahead(OPTIMISER, steps, ALL_ADJOINTS[adjoint])
            return meta_gradient(inner, lookahead, outer, META, start, stacked(rollouts), last_rollout)

        found = quick(gradient, start, rollouts)
        np.testing.assert_allclose(as_array(found), expected, rtol=1e-5, err_msg=adjoint)
    found = quick(lambda meta: recorded_window(inner, outer, meta, start, rollouts, last_rollout), META)
    np.testing.assert_allclose(as_array(found), expected, rtol=1e-5, err_msg="recorded")


def recorded_window(inner, outer, meta, start, rollouts, last_rollout):
    now, steps = start, []
    for tau in rollouts:
        now, step = recorded_step(inner.objective, *now, (meta, tau), OPTIMISER)
        steps.append(step)
    lookahead, window = Lookahead(OPTIMISER, len(rollouts)), (stacked(steps), now[0], stacked(rollouts), last_rollout)
    return recorded_meta_gradient(inner, lookahead, outer, meta, *window)


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def test_lvc_goes_the_same_way_and_changes_meta_gradients_from_two_steps_on():
    start, rollouts, last_rollout = window(2)
    both = InnerObjective(surrogate="score-function"), InnerObjective(surrogate="lvc")
    gradients = quick(lambda *given: [jax.grad(own.objective)(*given) for own in both], start[0], (META, rollouts[0]))
    for one, other in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)
    for steps, same in ((1, True), (2, False)):
        given = META, start, rollouts[:steps], last_rollout
        meta_gradients = [
            as_array(quick(functools.partial(recorded_window, own, OuterObjective()), *given)) for own in both
        ]
        assert np.allclose(*meta_gradients, rtol=1e-12, atol=0) == same


def test_bootstrapped_windows_are_drawn_to_the_policy_of_a_step_further():
    # Derivatives of −KL(⊥π̃ ‖ π) by logits are π̃ − π, of each frame that was acted on, over their number.
    numbers = {
        "discount": 0.9,
        "gae_lambda": 0.8,
        "value_coefficient": 0.3,
        "entropy_coefficient": 0.2,
        "kl_coefficient": 0.1,
    }
    outer, bootstrapped = OuterObjective(**numbers), BootstrappedObjective(**numbers, step_size=0.1)

    def both(own, tau):
        first, frames = jax.tree.map(lambda leaf: 0.9 * leaf, own), tau.observations[:-1].reshape(-1, *FRAME)
        gradient = jax.grad(outer.objective)(own, first, tau)
        target = jax.tree.map(lambda leaf, up: leaf + 0.1 * up, own, gradient)
        ahead, now = (jax.nn.softmax(each(frames)[0]) for each in (target, own))
        weights = tau.played.reshape(-1, 1) / tau.played.sum()
        expected = jax.vjp(lambda own: own(frames)[0], own)[1]((ahead - now) * weights)[0]
        return jax.grad(bootstrapped.objective)(own, first, tau), expected

    found, expected = quick(both, network(), rollout(3))
    for name in ("convolutions", "hidden", "actor"):
        for one, other in zip(*(jax.tree.leaves(getattr(each, name)) for each in (found, expected)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-15)
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(found.actor)) > 1e-6


def test_a_gradient_of_zero_has_finite_derivatives():
    # A unit that never fires: no gradient, no moments. Adam's √v would have an infinite derivative there.
    optimiser = learning_optimiser(LEARNING_RATE, None, None)
    params = jnp.array([0.0, 1.0])

    def after(weight):
        gradient = weight * params
        updates, _ = optimiser.update(gradient, optimiser.init(params), params)
        return jnp.asarray(updates).sum()

    assert np.isfinite(quick(jax.grad(after), 0.5))


def test_gradients_are_clipped_by_a_norm_that_is_constant():
    clip = clipped_by_constant_norm(5.0)
    derivative = jax.jit(jax.jacobian(lambda g: clip.update(g, clip.init(g))[0]))
    clipped = quick(lambda g: clip.update(g, optax.EmptyState())[0], jnp.array([6.0, 8.0]))
    np.testing.assert_allclose(np.asarray(clipped), [3.0, 4.0])
    np.testing.assert_allclose(derivative(jnp.array([6.0, 8.0])), np.eye(2) / 2)
    np.testing.assert_allclose(derivative(jnp.array([0.6, 0.8])), np.eye(2))
