"""MAML-RL's and LIRPG's meta-gradients."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.exact_mdp import expected_return, policy_log_probs
from lookax.learners.lirpg import LIRPG, lirpg_gradient
from lookax.learners.maml_rl import MAMLRL, maml_gradient
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.objectives.estimates import ReturnEstimate
from lookax.learners.objectives.mdp_returns import ExactReturn, SampledReturn
from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.tabular import SoftmaxTabularPolicy

DISCOUNT = 0.7
RATE = 2.0
EXACT = ExactReturn(discount=DISCOUNT)
FULL = [adjoint for adjoint in ADJOINTS if adjoint != "none"]


def sampled(surrogate, number=6):
    return SampledReturn(
        surrogate=surrogate,
        num_trajectories=number,
        discount=DISCOUNT,
        horizon=8,
        value_noise=0.5,
        gae_lambda=0.9,
        chunk=4,
    )


def adaptation(
    inner: ReturnEstimate = EXACT,
    hessian: ReturnEstimate = EXACT,
    outer: ReturnEstimate = EXACT,
    steps: int = 2,
    adjoint: str = "forward-over-reverse",
):
    return Adaptation(
        inner=inner, hessian=hessian, outer=outer, lookahead=Lookahead(optax.sgd(RATE), steps, ADJOINTS[adjoint])
    )


def maml(parts, *given):
    return jax.jit(lambda *given: maml_gradient(parts, *given)[1:])(*given)


def lirpg(parts, *given):
    return jax.jit(lambda *given: lirpg_gradient(parts, *given)[1:])(*given)


def exact_return(mdp, policy):
    return expected_return(mdp, policy_log_probs(mdp, policy), DISCOUNT)


def learned(mdp, logits, rewards, steps):
    """The extrinsic return after exact steps, by repeated jax.grad and nothing of the lookahead."""
    own = mdp.with_rewards(rewards)
    for _ in range(steps):
        logits = logits + RATE * jax.grad(lambda theta: exact_return(own, SoftmaxTabularPolicy(theta)))(logits)
    return exact_return(mdp, SoftmaxTabularPolicy(logits))


@jax.jit
def slope_at_the_end(mdp, path):
    return jax.grad(lambda policy: exact_return(mdp, policy))(jax.tree.map(lambda leaf: leaf[-1], path))


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_exact_maml_gradient_equals_that_of_written_out_steps_and_finite_differences(steps, mdp, policy):
    gradient, path = maml(adaptation(steps=steps), mdp, policy, jax.random.key(0))
    whole = jax.jit(jax.value_and_grad(lambda logits: learned(mdp, logits, mdp.rewards, steps)))
    np.testing.assert_allclose(gradient.logits, whole(policy.logits)[1], rtol=1e-10, atol=1e-13)
    logits, direction = np.asarray(policy.logits), np.sin(np.arange(12.0)).reshape(4, 3)
    up, down = (float(whole(logits + step * direction)[0]) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(np.sum(gradient.logits * direction), (up - down) / 2e-5, rtol=1e-7)
    assert path.logits.shape == (steps, 4, 3)


@pytest.mark.parametrize("steps", [1, 3])
def test_exact_lirpg_gradient_equals_that_of_written_out_steps_and_finite_differences(steps, mdp, policy):
    intrinsic = 0.1 * np.cos(np.arange(12.0)).reshape(4, 3)
    gradient, path = lirpg(adaptation(steps=steps), mdp, policy, jnp.asarray(intrinsic), jax.random.key(0))
    whole = jax.jit(jax.value_and_grad(lambda intrinsic: learned(mdp, policy.logits, mdp.rewards + intrinsic, steps)))
    value, slope = whole(intrinsic)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-13)
    direction = np.sin(np.arange(12.0)).reshape(4, 3)
    up, down = (float(whole(intrinsic + step * direction)[0]) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(np.sum(gradient * direction), (up - down) / 2e-5, rtol=1e-6)
    there = SoftmaxTabularPolicy(jnp.asarray(np.asarray(path.logits)[-1]))
    np.testing.assert_allclose(jax.jit(exact_return)(mdp, there), value, rtol=1e-12)


PARTS: dict[str, tuple[ReturnEstimate, ReturnEstimate, ReturnEstimate]] = {
    "exact": (EXACT, EXACT, EXACT),
    "sampled": (sampled("loaded-dice"), sampled("loaded-dice"), sampled("loaded-dice")),
    "mixed": (sampled("dice"), sampled("lvc"), EXACT),
}


@pytest.mark.parametrize(
    "parts", ["exact", *(pytest.param(parts, marks=pytest.mark.slow) for parts in ("sampled", "mixed"))]
)
def test_all_adjoints_give_the_same_meta_gradients(parts, mdp, policy):
    @functools.partial(jax.jit, static_argnums=0)
    def both(adjoint):
        with_adjoint = adaptation(*PARTS[parts], steps=3, adjoint=adjoint)
        _, by_policy, _ = maml_gradient(with_adjoint, mdp, policy, jax.random.key(2))
        _, by_reward, _ = lirpg_gradient(with_adjoint, mdp, policy, jnp.zeros((4, 3)), jax.random.key(2))
        return by_policy.logits, by_reward

    first = both(FULL[0])
    assert min(np.abs(gradient).max() for gradient in first) > 1e-4
    for adjoint in FULL[1:]:
        for mine, theirs in zip(both(adjoint), first, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("adjoint", ["forward-over-reverse", "forward"])
def test_a_traced_number_of_trajectories_gives_the_same_meta_gradient(adjoint, mdp, policy):
    def gradient(number):
        inner, hessian, outer = (sampled(surrogate, number) for surrogate in ("dice", "loaded-dice", "lvc"))
        parts = adaptation(inner, hessian, outer, adjoint=adjoint)
        return maml_gradient(parts, mdp, policy, jax.random.key(3))[1].logits

    plain = jax.jit(gradient, static_argnums=0)(6)
    np.testing.assert_allclose(jax.jit(gradient)(6.0), plain, rtol=1e-10, atol=1e-13)


def test_first_order_maml_is_the_gradient_at_the_end(mdp, policy):
    gradient, path = maml(adaptation(adjoint="none"), mdp, policy, jax.random.key(0))
    there = slope_at_the_end(mdp, path)
    np.testing.assert_allclose(gradient.logits, there.logits, rtol=1e-12)


def test_steps_go_by_the_inner_estimate_and_are_differentiated_by_the_hessian_one(mdp, policy):
    key, noisy = jax.random.key(4), sampled("dice")

    def end(*parts):
        return np.asarray(maml(adaptation(*parts), mdp, policy, key)[1].logits)[-1]

    # Where the steps lead depends on the inner estimate alone…
    inner_only = end(noisy)
    np.testing.assert_allclose(inner_only, end(noisy, noisy))
    assert not np.allclose(inner_only, end())
    # … and with an exact inner estimate the meta-gradient is (I + α∇²Ĵ) g, Ĵ the Hessian estimate and g exact.
    gradient, path = maml(adaptation(hessian=noisy, steps=1), mdp, policy, key)
    there = slope_at_the_end(mdp, path)

    @jax.jit
    def hessian_product(direction):
        step_key = jax.random.split(jax.random.split(key)[0], (1, 2))[0, 1]
        slope = jax.grad(lambda logits: noisy(mdp, SoftmaxTabularPolicy(logits), step_key))
        return jax.jvp(slope, (policy.logits,), (direction,))[1]

    expected = np.asarray(there.logits) + RATE * np.asarray(hessian_product(there.logits))
    np.testing.assert_allclose(gradient.logits, expected, rtol=1e-10, atol=1e-13)


def test_lirpg_one_step_has_only_a_first_derivative_so_score_function_and_lvc_agree(mdp, policy):
    @functools.partial(jax.jit, static_argnums=(0, 1))
    def gradient(surrogate, steps):
        parts = adaptation(hessian=sampled(surrogate, 40), steps=steps)
        return lirpg_gradient(parts, mdp, policy, jnp.zeros((4, 3)), jax.random.key(5))[1]

    np.testing.assert_allclose(gradient("score-function", 1), gradient("lvc", 1), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(gradient("loaded-dice", 1), gradient("lvc", 1), rtol=1e-11, atol=1e-14)
    assert not np.allclose(gradient("score-function", 3), gradient("lvc", 3), rtol=1e-2)


def test_maml_update_is_one_step_along_the_mean_of_meta_gradients(mdp):
    tasks = lambda key: mdp.with_rewards(jax.random.uniform(key, (4, 3)))
    initial = lambda _: SoftmaxTabularPolicy(jnp.zeros((4, 3)))
    learner = MAMLRL(tasks=tasks, adaptation=adaptation(), initial=initial, optimiser=optax.sgd(0.3), num_tasks=3)
    state = learner.init(jax.random.key(0))
    after, metrics = eqx.filter_jit(learner.update)(jax.random.key(6), state)

    @jax.jit
    def slope(key):
        task_key, own_key = jax.random.split(key)
        return maml_gradient(adaptation(), tasks(task_key), state.policy, own_key)[1].logits

    slopes = [np.asarray(slope(key)) for key in jax.random.split(jax.random.key(6), 3)]
    np.testing.assert_allclose(after.policy.logits, 0.3 * np.sum(slopes, axis=0) / 3, rtol=1e-10, atol=1e-14)
    assert set(metrics) == {"outer_objective", "gradient_norm"}


def test_lirpg_update_moves_policy_and_reward(mdp, policy):
    learner = LIRPG(mdp=mdp, adaptation=adaptation(), initial=lambda _: policy, optimiser=optax.sgd(0.3))
    state = learner.init(jax.random.key(0))
    np.testing.assert_array_equal(state.intrinsic_reward, 0)
    after, _ = eqx.filter_jit(learner.update)(jax.random.key(7), state)
    _, own_key = jax.random.split(jax.random.key(7))
    gradient, path = lirpg(adaptation(), mdp, policy, jnp.zeros((4, 3)), own_key)
    np.testing.assert_allclose(after.intrinsic_reward, 0.3 * np.asarray(gradient), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(after.policy.logits, np.asarray(path.logits)[-1], rtol=1e-12)


def test_lirpg_goes_on_from_its_policy_or_restarts(mdp, policy):
    def twice(restart):
        learner = LIRPG(
            mdp=mdp, adaptation=adaptation(), initial=lambda _: policy, optimiser=optax.sgd(0.3), restart=restart
        )
        update = eqx.filter_jit(learner.update)
        state, _ = update(jax.random.key(1), learner.init(jax.random.key(0)))
        after, _ = update(jax.random.key(2), state)
        return state, after

    alone = jax.jit(lambda start, reward: lirpg_gradient(adaptation(), mdp, start, reward, jax.random.key(0))[2])
    for restart in (False, True):
        state, after = twice(restart)
        path = alone(policy if restart else state.policy, state.intrinsic_reward)
        np.testing.assert_allclose(after.policy.logits, np.asarray(path.logits)[-1], rtol=1e-12)


def test_no_tasks_are_refused(mdp):
    with pytest.raises(ValueError, match="num_tasks: 0 is not allowed; it must be at least 1"):
        MAMLRL(
            tasks=lambda _: mdp, adaptation=adaptation(), initial=lambda _: None, optimiser=optax.sgd(0.3), num_tasks=0
        )
