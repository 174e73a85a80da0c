import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lookax.learners.objectives.shaping import Shaping
from lookax.lookahead.proximal import proximal_point
from lookax.lookahead.unrolled import Adjoint, unrolled

KEY = jax.random.key(0)


def sgd_steps(rate, steps=1, adjoint: Adjoint = "reverse"):
    return functools.partial(unrolled, optimiser=optax.sgd(rate), steps=steps, adjoint=adjoint)


def flat(tree):
    return ravel_pytree(tree)[0]


def test_one_step_of_the_opponent_by_hand(two_players):
    play, maker = two_players
    mine, theirs = start = maker.initial(KEY)
    moved = jax.tree.map(lambda t, g: t + 0.7 * g, theirs, jax.grad(lambda t: play.values((mine, t))[1])(theirs))
    objective = Shaping(sgd_steps(0.7)).objective(play, 0, start)
    np.testing.assert_allclose(objective(mine), play.values((mine, moved))[0], rtol=1e-12)


def test_second_player_is_shaped_through_the_first(two_players):
    play, maker = two_players
    mine, theirs = start = maker.initial(KEY)
    moved = jax.tree.map(lambda t, g: t + 0.7 * g, mine, jax.grad(lambda m: play.values((m, theirs))[0])(mine))
    objective = Shaping(sgd_steps(0.7)).objective(play, 1, start)
    np.testing.assert_allclose(objective(theirs), play.values((moved, theirs))[1], rtol=1e-12)


def test_three_players_opponents_step_at_once(three_players):
    play, maker = three_players
    first, mine, last = start = maker.initial(KEY)
    by_first = jax.grad(lambda p: play.values((p, mine, last))[0])(first)
    by_last = jax.grad(lambda p: play.values((first, mine, p))[2])(last)
    step = lambda p, g: jax.tree.map(lambda a, b: a + 0.7 * b, p, g)
    objective = Shaping(sgd_steps(0.7)).objective(play, 1, start)
    expected = play.values((step(first, by_first), mine, step(last, by_last)))[1]
    np.testing.assert_allclose(objective(mine), expected, rtol=1e-12)


@pytest.mark.parametrize("adjoint", ["reverse", "checkpointed", "forward-over-reverse", "forward"])
@pytest.mark.parametrize("setting", ["two_players", "three_players"])
def test_gradient_equals_finite_differences(request, setting, adjoint):
    play, maker = request.getfixturevalue(setting)
    start = maker.initial(KEY)
    objective = Shaping(sgd_steps(2.0, 2, adjoint), inner_beta=0.5).objective(play, 0, start)
    mine, line = start[0], maker.initial(jax.random.key(5))[0]
    slope = flat(jax.jit(jax.grad(objective))(mine)) @ flat(line)
    plus, minus = (jax.jit(objective)(jax.tree.map(lambda m, d, s=s: m + s * d, mine, line)) for s in (1e-5, -1e-5))
    np.testing.assert_allclose(slope, (plus - minus) / 2e-5, rtol=1e-6)


def test_taylor_gradient_is_that_of_the_lola_paper(two_players):
    play, maker = two_players
    mine, theirs = start = maker.initial(KEY)
    value = lambda i, m, t: play.values((m, t))[i]

    def alignment(mine):
        by_theirs = [flat(jax.grad(value, argnums=2)(i, mine, theirs)) for i in (0, 1)]
        return by_theirs[0] @ by_theirs[1]

    expected = flat(jax.grad(value, argnums=1)(0, mine, theirs)) + 3.0 * flat(jax.grad(alignment)(mine))
    objective = Shaping(sgd_steps(3.0), taylor=True).objective(play, 0, start)
    np.testing.assert_allclose(flat(jax.jit(jax.grad(objective))(mine)), expected, rtol=1e-10)


def test_taylor_is_the_limit_of_the_actual_update(two_players):
    play, maker = two_players
    start = maker.initial(KEY)

    def difference(rate):
        gradients = [
            flat(jax.jit(jax.grad(Shaping(sgd_steps(rate), taylor=taylor).objective(play, 0, start)))(start[0]))
            for taylor in (True, False)
        ]
        return np.linalg.norm(gradients[0] - gradients[1])

    # They differ by a second-order term in η.
    np.testing.assert_allclose(difference(1e-2) / difference(1e-3), 100, rtol=0.02)


def test_proximal_lookahead_is_a_small_gradient_step_where_beta_is_large(two_players):
    # KL has curvature π(1 − π) in a logit, ¼ at even odds: prox ≈ a step of size 4/β there.
    play, maker = two_players
    start = tuple(jax.tree.map(jnp.zeros_like, policy) for policy in maker.initial(KEY))
    beta = 1e4
    proximal = Shaping(functools.partial(proximal_point, tolerance=1e-13), inner_beta=beta)
    step = Shaping(sgd_steps(4 / beta))
    gradients = [flat(jax.jit(jax.grad(s.objective(play, 0, start)))(start[0])) for s in (proximal, step)]
    naive = flat(jax.grad(lambda m: play.values((m, start[1]))[0])(start[0]))
    np.testing.assert_allclose(gradients[0] - naive, gradients[1] - naive, rtol=2e-2, atol=1e-9)
