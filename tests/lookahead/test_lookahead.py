import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.lookahead import Lookahead

FULL = [adjoint for adjoint in ADJOINTS if adjoint != "none"]


def unrolled(objectives, params, *, optimiser, steps, adjoint="forward-over-reverse", **given):
    """θ_K."""
    return Lookahead(optimiser, steps, ADJOINTS[adjoint]).maximise(objectives, params, **given)


OPTIMISERS = {"sgd": optax.sgd(0.3), "momentum": optax.sgd(0.1, momentum=0.9), "adam": optax.adam(0.1)}


def two_layer(params, inputs):
    """A non-quadratic objective of a pytree."""
    return -jnp.sum((jnp.tanh(inputs["x"] @ params["w"]) @ params["v"] - inputs["y"]) ** 2)


@pytest.fixture
def problem():
    keys = jax.random.split(jax.random.key(0), 4)
    params = {"w": jax.random.normal(keys[0], (3, 4)), "v": jax.random.normal(keys[1], (4,))}
    inputs = {"x": jax.random.normal(keys[2], (6, 3)), "y": jax.random.normal(keys[3], (6,))}
    return params, inputs


@pytest.mark.parametrize("adjoint", FULL)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_quadratic_by_hand(adjoint, steps):
    # J = −½a(θ − φ)²: each step of size η shrinks θ − φ by 1 − ηa.
    a, rate = 2.0, 0.2
    shrink = (1 - rate * a) ** steps

    def end(theta, phi):
        objective = lambda t: -0.5 * a * (t - phi) ** 2
        return unrolled(objective, theta, optimiser=optax.sgd(rate), steps=steps, adjoint=adjoint)

    value, (by_start, by_target) = jax.jit(jax.value_and_grad(end, argnums=(0, 1)))(3.0, 1.0)
    np.testing.assert_allclose(value, 1 + shrink * 2)
    np.testing.assert_allclose(by_start, shrink)
    np.testing.assert_allclose(by_target, 1 - shrink, atol=1e-15)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("steps", [1, 4])
def test_all_adjoints_agree_with_finite_differences_and_each_other(problem, optimiser, steps):
    params, inputs = problem

    def outer(params, inputs, adjoint):
        end = unrolled(
            lambda p: two_layer(p, inputs), params, optimiser=OPTIMISERS[optimiser], steps=steps, adjoint=adjoint
        )
        return jnp.sum(jnp.sin(end["w"])) + end["v"] @ end["v"]

    gradients = {
        adjoint: jax.jit(jax.grad(outer, argnums=(0, 1)), static_argnums=2)(params, inputs, adjoint) for adjoint in FULL
    }
    expected = gradients["reverse"]
    flat, unravel = ravel_pytree((params, inputs))
    direction = np.random.default_rng(0).normal(size=flat.shape)
    value = jax.jit(functools.partial(outer, adjoint="reverse"))
    nearby = [value(*unravel(flat + sign * 1e-6 * direction)) for sign in (1, -1)]
    slope = ravel_pytree(expected)[0] @ direction
    np.testing.assert_allclose(slope, (nearby[0] - nearby[1]) / 2e-6, rtol=1e-6)
    for adjoint in FULL:
        for ours, theirs in zip(jax.tree.leaves(gradients[adjoint]), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11, err_msg=adjoint)


@pytest.mark.parametrize("make", [optax.sgd, optax.adam], ids=["sgd", "adam"])
def test_learning_rates_can_be_differentiated(problem, make):
    params, inputs = problem

    def outer(rate, adjoint):
        end = unrolled(lambda p: two_layer(p, inputs), params, optimiser=make(rate), steps=3, adjoint=adjoint)
        return two_layer(end, inputs)

    value = jax.jit(outer, static_argnums=1)
    slopes = [jax.jit(jax.grad(outer), static_argnums=1)(0.1, adjoint) for adjoint in FULL]
    nearby = [value(0.1 + step, "reverse") for step in (1e-6, -1e-6)]
    np.testing.assert_allclose(slopes[0], (nearby[0] - nearby[1]) / 2e-6, rtol=1e-6)
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-9)


def test_a_lookahead_inside_a_lookahead(problem):
    params, inputs = problem
    sgd = optax.sgd(0.05)

    def outer(y, adjoint):
        def looked_ahead(p):
            end = unrolled(lambda q: two_layer(q, inputs | {"y": y}), p, optimiser=sgd, steps=2, adjoint=adjoint)
            return two_layer(end, inputs)

        return two_layer(unrolled(looked_ahead, params, optimiser=sgd, steps=2, adjoint="reverse"), inputs)

    slopes = {adjoint: jax.jit(jax.grad(outer), static_argnums=1)(inputs["y"], adjoint) for adjoint in FULL}
    assert jnp.abs(slopes["reverse"]).max() > 1e-3
    for adjoint in FULL:
        np.testing.assert_allclose(slopes[adjoint], slopes["reverse"], rtol=1e-9, atol=1e-12, err_msg=adjoint)


def test_second_derivatives_agree(problem):
    params, inputs = problem

    def outer(inputs, rate, adjoint):
        end = unrolled(lambda p: two_layer(p, inputs), params, optimiser=optax.sgd(rate), steps=2, adjoint=adjoint)
        return two_layer(end, inputs)

    def sharpness(rate, adjoint):
        return jnp.sum(jax.grad(outer)(inputs, rate, adjoint)["x"] ** 2)

    slopes = [jax.jit(jax.grad(sharpness), static_argnums=1)(0.1, adjoint) for adjoint in FULL]
    value = jax.jit(sharpness, static_argnums=1)
    nearby = [value(0.1 + step, "reverse") for step in (1e-6, -1e-6)]
    np.testing.assert_allclose(slopes[0], (nearby[0] - nearby[1]) / 2e-6, rtol=1e-6)
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-9)


def test_no_adjoint_is_first_order(problem):
    params, inputs = problem

    def outer(params, inputs):
        end = unrolled(lambda p: two_layer(p, inputs), params, optimiser=optax.sgd(0.1), steps=3, adjoint="none")
        return jnp.sum(end["v"] ** 2) + two_layer(end, inputs)

    by_params, by_inputs = jax.grad(outer, argnums=(0, 1))(params, inputs)
    end = unrolled(lambda p: two_layer(p, inputs), params, optimiser=optax.sgd(0.1), steps=3, adjoint="none")
    np.testing.assert_allclose(by_params["v"], 2 * end["v"] + jax.grad(two_layer)(end, inputs)["v"])
    np.testing.assert_allclose(by_inputs["y"], jax.grad(two_layer, argnums=1)(end, inputs)["y"])


@pytest.mark.parametrize("adjoint", FULL)
def test_simultaneous_learners_by_hand(adjoint):
    # Matching pennies' cousin: J₁ = xyφ, J₂ = −xyφ. One step: x′ = x + ηφy, y′ = y − ηφx.
    rate = 0.1

    def end(x, y, phi):
        objectives = (lambda p: p[0] * p[1] * phi, lambda p: -p[0] * p[1] * phi)
        return unrolled(objectives, (x, y), optimiser=optax.sgd(rate), steps=2, adjoint=adjoint)

    turn = lambda phi: np.linalg.matrix_power([[1, rate * phi], [-rate * phi, 1]], 2)
    both = jax.jit(lambda *given: (end(*given), jax.jacrev(end, argnums=(0, 1, 2))(*given)))
    value, ((by_x, by_y, by_phi), _) = both(1.0, 2.0, 3.0)
    np.testing.assert_allclose(value, turn(3.0) @ [1, 2])
    np.testing.assert_allclose([by_x, by_y], turn(3.0)[0])
    step = 1e-6
    np.testing.assert_allclose(by_phi, ((turn(3 + step) - turn(3 - step)) @ [1, 2])[0] / (2 * step), rtol=1e-7)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_lanes_equal_single_runs_and_closures_may_hold_integers_and_keys(problem, adjoint):
    params, inputs = problem
    rows, key = jnp.array([0, 2, 5]), jax.random.key(3)

    def outer(scale):
        def objective(p):
            noise = 0.01 * jax.random.normal(key, (3, 3))
            return two_layer(p, {"x": scale * inputs["x"][rows] + noise, "y": inputs["y"][rows]})

        end = unrolled(objective, params, optimiser=optax.sgd(0.1), steps=2, adjoint=adjoint)
        return two_layer(end, inputs) * scale

    scales = jnp.array([0.5, 1.0, 2.0])
    together, alone = jax.jit(jax.vmap(jax.grad(outer)))(scales), jax.jit(jax.grad(outer))
    np.testing.assert_allclose(together, [alone(s) for s in scales], rtol=1e-9)


@pytest.mark.parametrize(
    ("steps", "adjoint", "complaint"), [(-1, "reverse", "steps: -1 is not allowed; it must be at least 0")]
)
def test_bad_input_is_named(steps, adjoint, complaint):
    with pytest.raises(ValueError, match=complaint):
        unrolled(lambda p: -(p**2), 1.0, optimiser=optax.sgd(0.1), steps=steps, adjoint=adjoint)


@pytest.mark.parametrize("adjoint", FULL)
def test_inputs_differ_from_step_to_step(adjoint):
    # J_k = −½(θ − xₖ)² moves θ to (1 − η)θ + ηxₖ.
    def end(theta, targets):
        objective = lambda t, target: -0.5 * (t - target["x"]) ** 2
        return unrolled(objective, theta, optimiser=optax.sgd(0.5), steps=3, adjoint=adjoint, inputs={"x": targets})

    targets = jnp.array([1.0, 2.0, 4.0])
    value, (by_start, by_targets) = jax.jit(jax.value_and_grad(end, argnums=(0, 1)))(8.0, targets)
    np.testing.assert_allclose(value, 8 / 8 + 1 / 8 + 2 / 4 + 4 / 2)
    np.testing.assert_allclose(by_start, 1 / 8)
    np.testing.assert_allclose(by_targets, [1 / 8, 1 / 4, 1 / 2])


@pytest.mark.parametrize("adjoint", FULL)
def test_curvature_is_what_a_step_is_differentiated_as(adjoint):
    # One way: θ → θ + η(−aθ) has the slope 1 − ηa; differentiated as −½bθ²φ, it has 1 − ηbφ in θ and −ηbθ in φ.
    a, b, rate = 2.0, 3.0, 0.1

    def end(theta, phi):
        return unrolled(
            lambda t, _: -0.5 * a * t**2,
            theta,
            optimiser=optax.sgd(rate),
            steps=2,
            adjoint=adjoint,
            inputs=jax.random.split(jax.random.key(0), 2),
            curvature=lambda t, _: -0.5 * b * phi * t**2,
        )

    shrink, slope = 1 - rate * a, 1 - rate * b * 0.7
    value, (by_start, by_phi) = jax.jit(jax.value_and_grad(end, argnums=(0, 1)))(5.0, 0.7)
    np.testing.assert_allclose(value, shrink**2 * 5)
    np.testing.assert_allclose(by_start, slope**2)
    np.testing.assert_allclose(by_phi, slope * -rate * b * 5 - rate * b * shrink * 5)


@pytest.mark.parametrize("several", [False, True])
def test_all_adjoints_agree_on_a_curvature(several, problem):
    params, inputs = problem

    def outer(params, inputs, adjoint):
        objective = lambda p, key: two_layer(p, inputs) + jax.random.normal(key) * jnp.sum(p["w"] ** 2)
        curvature = lambda p, key: (
            jnp.sum(jnp.sin(p["w"] @ p["v"])) * inputs["y"] @ inputs["y"] * jax.random.normal(key)
        )
        mine = lambda both, key: objective(both[0], key) + both[0]["v"] @ both[1]
        theirs = lambda both, key: both[1] @ both[0]["v"] ** 2 - both[1] @ both[1] * jax.random.normal(key)
        start = (params, inputs["y"][:4])
        curved = lambda both, key: curvature(both[0], key) * both[1].sum()
        end = unrolled(
            (mine, theirs) if several else objective,
            start if several else params,
            optimiser=optax.adam(0.1),
            steps=3,
            adjoint=adjoint,
            inputs=jax.random.split(jax.random.key(1), 3),
            curvature=(curved, theirs) if several else curvature,
        )
        return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(end))

    gradients = [
        jax.jit(jax.grad(outer, argnums=(0, 1)), static_argnums=2)(params, inputs, adjoint) for adjoint in FULL
    ]
    first = ravel_pytree(gradients[0])[0]
    assert jnp.abs(first).max() > 1e-3
    for other in gradients[1:]:
        np.testing.assert_allclose(ravel_pytree(other)[0], first, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("adjoint", FULL)
def test_iterates_are_where_each_step_ends(adjoint):
    def path(theta):
        return Lookahead(optax.sgd(0.5), 3, ADJOINTS[adjoint]).iterates(lambda t: -0.5 * t**2, theta)

    def weighted(theta):
        along = path(theta)
        return along @ jnp.array([1.0, 2.0, 4.0]), along

    slope, along = jax.jit(jax.grad(weighted, has_aux=True))(8.0)
    np.testing.assert_allclose(along, [4, 2, 1])
    np.testing.assert_allclose(slope, 1.5)


@pytest.mark.parametrize(
    ("objectives", "params", "curvature", "complaint"),
    [
        ((jnp.sum,), (1.0, 2.0), None, "params: it must be a tuple of 1, one for each of the objectives"),
        ((jnp.sum, jnp.sum), [1.0, 2.0], None, "params: it must be a tuple of 2"),
        ((jnp.sum, jnp.sum), (1.0, 2.0), jnp.sum, "curvature: it must be a tuple of 2"),
        (jnp.sum, 1.0, (jnp.sum,), "curvature: it must be one objective"),
    ],
)
def test_learners_that_do_not_fit_are_refused(objectives, params, curvature, complaint):
    with pytest.raises(ValueError, match=complaint):
        unrolled(objectives, params, optimiser=optax.sgd(0.5), steps=3, curvature=curvature)


def test_first_order_ignores_the_curvature():
    def end(theta):
        climb = lambda t: -0.5 * t**2
        return unrolled(climb, theta, optimiser=optax.sgd(0.5), steps=2, adjoint="none", curvature=jnp.log)

    np.testing.assert_allclose([end(0.0), end(4.0), jax.grad(end)(4.0)], [0, 1, 1])


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="inputs: their first axis must be over the 3 steps"):
        unrolled(lambda t, x: t * x, 1.0, optimiser=optax.sgd(0.5), steps=3, inputs=jnp.ones(2))


@pytest.mark.parametrize("adjoint", ["reverse", "checkpointed", "forward-over-reverse", "forward"])
def test_steps_go_on_from_a_state_and_can_be_differentiated_in_it(adjoint):
    # Two steps with momentum by hand: vₖ₊₁ = m vₖ + ∇J(θₖ), θₖ₊₁ = θₖ + a vₖ₊₁, from a trace that is not zero.
    optimiser = optax.sgd(0.1, momentum=0.5)
    params, trace = jnp.array([1.0, -2.0]), jnp.array([0.3, 0.4])

    def objective(params):
        return -(params**4).sum()

    def last(trace, params):
        state = jax.tree.map(lambda _: -trace, optimiser.init(params))
        return unrolled(objective, params, optimiser=optimiser, steps=2, adjoint=adjoint, state=state)

    def by_hand(trace, params):
        for _ in range(2):
            trace = 0.5 * trace + jax.grad(objective)(params)
            params = params + 0.1 * trace
        return params

    @jax.jit
    def both(trace, params):
        return [(way(trace, params), jax.jacrev(way, (0, 1))(trace, params)) for way in (last, by_hand)]

    (found, jacobians), (expected, by_hand_jacobians) = both(trace, params)
    np.testing.assert_allclose(found, expected)
    for ours, theirs in zip(jacobians, by_hand_jacobians, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
