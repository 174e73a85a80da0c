import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.learners.objectives.critic import TabularCritic
from lookax.rollouts.trajectory import Trajectory

DISCOUNT = 0.5

# Two players, three states, two steps, two games. Returns of the first player: 1 + 2/2 = 2 and 2; 3 + 4/2 = 5 and 4.
GAMES = Trajectory(
    states=jnp.array([[0, 0], [1, 0], [2, 2]]),
    actions=jnp.zeros((2, 2, 2), int),
    rewards=jnp.array([[[1.0, 3.0], [-1.0, -3.0]], [[2.0, 4.0], [-2.0, -4.0]]]),
    log_probs=jnp.zeros((2, 2, 2)),
)


@pytest.mark.parametrize(
    ("target", "first", "second"),
    [
        # State 0 is seen three times of four, state 1 once; a gradient step adds 2 · rate · mean(error).
        ("returns", [(2 + 5 + 4) / 4, 2 / 4, 0], [(-2 - 5 - 4) / 4, -2 / 4, 0]),
        ("rewards", [(1 + 3 + 4) / 4, 2 / 4, 0], [(-1 - 3 - 4) / 4, -2 / 4, 0]),
    ],
)
def test_one_step_by_hand(target, first, second):
    critic = TabularCritic(optimiser=optax.sgd(0.1), target=target)
    values, state = critic.init(2, 3)
    values, _ = critic.update(values, state, (GAMES, GAMES), DISCOUNT)
    np.testing.assert_allclose(values, 0.2 * np.array([first, second]), rtol=1e-12)


def test_players_learn_from_games_of_their_own():
    critic = TabularCritic(optimiser=optax.sgd(0.1))
    values, state = critic.init(2, 3)
    silent = jax.tree.map(jnp.zeros_like, GAMES)
    values, _ = critic.update(values, state, (GAMES, silent), DISCOUNT)
    assert np.abs(values[0]).max() > 0
    np.testing.assert_array_equal(values[1], 0)


def test_it_converges_to_mean_returns():
    critic = TabularCritic(optimiser=optax.adam(0.05))
    start = critic.init(2, 3)

    def step(carry, _):
        values, state = carry
        return critic.update(values, state, (GAMES, GAMES), DISCOUNT), None

    (values, _), _ = jax.lax.scan(step, start, length=2000)
    np.testing.assert_allclose(values[0], [11 / 3, 2, 0], atol=1e-6)
