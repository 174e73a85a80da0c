import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lookax.learners.objectives.shaping import Shaping
from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.proximal import ProximalPoint

KEY = jax.random.key(0)


def sgd_steps(rate, steps=1, adjoint="reverse"):
    return Lookahead(optax.sgd(rate), steps, ADJOINTS[adjoint])


def flat(tree):
    return ravel_pytree(tree)[0]


def test_one_step_of_the_opponent_by_hand(two_players):
    play, maker = two_players
    mine, theirs = start = maker.initial(KEY)

    @jax.jit
    def both(mine, theirs):
        moved = jax.tree.map(lambda t, g: t + 0.7 * g, theirs, jax.grad(lambda t: play.values((mine, t))[1])(theirs))
        return Shaping(lookahead=sgd_steps(0.7)).objective(play, 0, start)(mine), play.values((mine, moved))[0]

    np.testing.assert_allclose(*both(mine, theirs), rtol=1e-12)


def test_second_player_is_shaped_through_the_first(two_players):
    play, maker = two_players
    mine, theirs = start = maker.initial(KEY)

    @jax.jit
    def both(mine, theirs):
        moved = jax.tree.map(lambda t, g: t + 0.7 * g, mine, jax.grad(lambda m: play.values((m, theirs))[0])(mine))
        return Shaping(lookahead=sgd_steps(0.7)).objective(play, 1, start)(theirs), play.values((moved, theirs))[1]

    np.testing.assert_allclose(*both(mine, theirs), rtol=1e-12)


def test_three_players_opponents_step_at_once(three_players):
    play, maker = three_players
    start = maker.initial(KEY)
    step = lambda p, g: jax.tree.map(lambda a, b: a + 0.7 * b, p, g)

    @jax.jit
    def both(first, mine, last):
        by_first = jax.grad(lambda p: play.values((p, mine, last))[0])(first)
        by_last = jax.grad(lambda p: play.values((first, mine, p))[2])(last)
        expected = play.values((step(first, by_first), mine, step(last, by_last)))[1]
        return Shaping(lookahead=sgd_steps(0.7)).objective(play, 1, start)(mine), expected

    np.testing.assert_allclose(*both(*start), rtol=1e-12)


@pytest.mark.parametrize("adjoint", ["reverse", "checkpointed", "forward-over-reverse", "forward"])
@pytest.mark.parametrize("setting", ["two_players", "three_players"])
def test_gradient_equals_finite_differences(request, setting, adjoint):
    play, maker = request.getfixturevalue(setting)
    start = maker.initial(KEY)
    objective = Shaping(lookahead=sgd_steps(2.0, 2, adjoint), inner_beta=0.5).objective(play, 0, start)
    mine, line = start[0], maker.initial(jax.random.key(5))[0]

    @jax.jit
    def along(step):
        value, slope = jax.value_and_grad(objective)(jax.tree.map(lambda m, d: m + step * d, mine, line))
        return value, flat(slope) @ flat(line)

    plus, minus = (float(along(step)[0]) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(along(0.0)[1], (plus - minus) / 2e-5, rtol=1e-6)


def test_taylor_gradient_is_that_of_the_lola_paper(two_players):
    play, maker = two_players
    mine, theirs = start = maker.initial(KEY)
    value = lambda i, m, t: play.values((m, t))[i]

    def alignment(mine):
        by_theirs = [flat(jax.grad(value, argnums=2)(i, mine, theirs)) for i in (0, 1)]
        return by_theirs[0] @ by_theirs[1]

    objective = Shaping(lookahead=sgd_steps(3.0), taylor=True).objective(play, 0, start)

    @jax.jit
    def both(mine):
        expected = flat(jax.grad(value, argnums=1)(0, mine, theirs)) + 3.0 * flat(jax.grad(alignment)(mine))
        return flat(jax.grad(objective)(mine)), expected

    np.testing.assert_allclose(*both(mine), rtol=1e-10)


def test_taylor_is_the_limit_of_the_actual_update(two_players):
    play, maker = two_players
    start = maker.initial(KEY)

    @jax.jit
    def gradients(rate):
        objectives = [
            Shaping(lookahead=sgd_steps(rate), taylor=taylor).objective(play, 0, start) for taylor in (True, False)
        ]
        return [flat(jax.grad(objective)(start[0])) for objective in objectives]

    def difference(rate):
        by_taylor, whole = map(np.asarray, gradients(rate))
        return np.linalg.norm(by_taylor - whole)

    # They differ by a second-order term in η.
    np.testing.assert_allclose(difference(1e-2) / difference(1e-3), 100, rtol=0.02)


def test_proximal_lookahead_is_a_small_gradient_step_where_beta_is_large(two_players):
    # KL has curvature π(1 − π) in a logit, ¼ at even odds: prox ≈ a step of size 4/β there.
    play, maker = two_players
    start = jax.tree.map(lambda leaf: jnp.asarray(np.zeros(leaf.shape)), maker.initial(KEY))
    beta = 1e4
    proximal = Shaping(lookahead=ProximalPoint(1e-13), inner_beta=beta)
    step = Shaping(lookahead=sgd_steps(4 / beta))

    @jax.jit
    def gradients(mine):
        objectives = *(s.objective(play, 0, start) for s in (proximal, step)), lambda m: play.values((m, start[1]))[0]
        return [flat(jax.grad(objective)(mine)) for objective in objectives]

    by_proximal, by_step, naive = map(np.asarray, gradients(start[0]))
    np.testing.assert_allclose(by_proximal - naive, by_step - naive, rtol=2e-2, atol=1e-9)
