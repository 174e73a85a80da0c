import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame, state_one_hot
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.policies.tabular import TabularPolicy

GAMES = {
    "two players": lambda: MatrixGame(contribution_payoffs(1.3)),
    "three players": lambda: MatrixGame(contribution_payoffs(1.8, 3)),
    "memory two": lambda: MatrixGame(TWO_PLAYER_GAMES["chicken"], memory_length=2),
    "all-cooperate start": lambda: MatrixGame(TWO_PLAYER_GAMES["stag-hunt"], start="all-cooperate"),
    "all-defect start, memory two": lambda: MatrixGame(
        TWO_PLAYER_GAMES["stag-hunt"], memory_length=2, start="all-defect"
    ),
    "unequal action sets": lambda: MatrixGame(np.arange(12.0).reshape(2, 2, 3) % 5),
}


@pytest.fixture(params=GAMES)
def game(request):
    return GAMES[request.param]()


@pytest.fixture
def two_players():
    return GAMES["two players"]()


def exact_play(game, discount=0.9, horizon=None):
    seen = tuple(jnp.asarray(state_one_hot(game, i)) for i in range(game.num_players))
    return ExactPlay(game, seen, discount, horizon)


def random_policies(game, seed=0, spread=1.0):
    draws = np.random.default_rng(seed)
    return tuple(
        TabularPolicy(jnp.asarray(spread * draws.normal(size=(game.num_states, actions - 1))))
        for actions in game.num_actions
    )


def enumerated_values(play, policies):
    """Sums probability times discounted rewards over every sequence of joint actions."""
    game = play.game
    probabilities = [np.exp(play.log_probs_in_game_order(i, policy)) for i, policy in enumerate(policies)]
    joints = list(itertools.product(*(range(n) for n in game.num_actions)))
    total = np.zeros(game.num_players)
    for sequence in itertools.product(range(len(joints)), repeat=play.horizon):
        state, probability, returns = game.histories.start, 1.0, np.zeros(game.num_players)
        for t, j in enumerate(sequence):
            probability *= np.prod([p[state, a] for p, a in zip(probabilities, joints[j], strict=True)])
            returns += play.discount**t * np.asarray(game.payoffs)[(slice(None), *joints[j])]
            state = game.histories.successors[state, j]
        total += probability * returns
    return total


@pytest.mark.parametrize("discount", [0.9, 1.0])
def test_finite_horizon_values_equal_the_sum_over_all_sequences(game, discount):
    play = exact_play(game, discount, horizon=4 if game.num_joint_actions < 8 else 3)
    policies = random_policies(game)
    np.testing.assert_allclose(
        jax.jit(lambda own: play.values(own))(policies), enumerated_values(play, policies), rtol=1e-12
    )


def test_infinite_horizon_is_the_limit_of_finite_ones(game):
    policies = random_policies(game)
    infinite = jax.jit(lambda own: exact_play(game).values(own))(policies)
    # The rest after T steps is at most γᵀ/(1 − γ) times the largest payoff: 1e-12 here.
    finite = jax.jit(lambda own: exact_play(game, horizon=300).values(own))(policies)
    np.testing.assert_allclose(infinite, finite, rtol=1e-10)


def test_visits_add_up_to_the_discounted_length(game):
    play = exact_play(game)
    policies = random_policies(game)
    states, joint_actions = jax.jit(lambda own: (play.visitation(own), play.joint_action_visitation(own)))(policies)
    np.testing.assert_allclose(states.sum(), 10)
    np.testing.assert_allclose(joint_actions.sum(), 10)


def test_tit_for_tat_against_always_defect_by_hand():
    play = exact_play(MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"]), discount=0.5)
    certain = 50.0
    tit_for_tat = TabularPolicy(certain * jnp.array([[-1.0], [1.0], [-1.0], [1.0], [1.0]]))
    always_defect = TabularPolicy(jnp.full((5, 1), -certain))
    # CD first, then DD for ever: −3 + γ(−2)/(1 − γ), and 0 + γ(−2)/(1 − γ).
    values = jax.jit(lambda own: play.values(own))
    np.testing.assert_allclose(values((tit_for_tat, always_defect)), [-5, -2], rtol=1e-12)
    np.testing.assert_allclose(values((always_defect, tit_for_tat)), [-2, -5], rtol=1e-12)


@pytest.mark.parametrize("name", ["two players", "three players", "memory two"])
def test_values_equal_the_mean_of_simulated_returns(name):
    play = exact_play(GAMES[name](), discount=0.8)
    game, policies = play.game, random_policies(play.game, seed=3)
    log_probs = [play.log_probs_in_game_order(i, policy) for i, policy in enumerate(policies)]

    def advance(carry, key):
        state, weight = carry
        keys = jax.random.split(key, game.num_players)
        actions = jnp.stack([jax.random.categorical(k, lp[state]) for k, lp in zip(keys, log_probs, strict=True)])
        state, rewards = game.step(key, state, actions)
        return (state, weight * play.discount), weight * rewards

    def simulate(key):
        start = (game.reset(key), jnp.array(1.0))
        # What comes after 60 steps is less than 0.8⁶⁰ = 2e-6 of it.
        return jax.lax.scan(advance, start, jax.random.split(key, 60))[1].sum(0)

    returns = np.asarray(jax.jit(jax.vmap(simulate))(jax.random.split(jax.random.key(1), 10_000)))
    standard_error = returns.std(0) / np.sqrt(len(returns))
    # Five standard errors: by chance once in 1.7 million, but the seed is fixed.
    assert (np.abs(returns.mean(0) - jax.jit(lambda own: play.values(own))(policies)) < 5 * standard_error).all()


@pytest.mark.parametrize("horizon", [None, 5])
def test_derivatives_of_orders_one_to_three_equal_finite_differences(two_players, horizon):
    play = exact_play(two_players, horizon=horizon)
    policies = random_policies(play.game)
    line = random_policies(play.game, seed=9)

    def along(t):
        moved = jax.tree.map(lambda p, d: p + t * d, policies, line)
        return play.values(moved)[0]

    derivative = jax.jit(along)
    for _ in range(3):
        lower, derivative = derivative, jax.jit(jax.grad(derivative))
        step = 1e-5
        np.testing.assert_allclose(derivative(0.1), (lower(0.1 + step) - lower(0.1 - step)) / (2 * step), rtol=1e-7)


def test_gradients_in_payoffs_and_discount_flow(two_players):
    policies = random_policies(two_players)

    @jax.jit
    def value(factor, discount):
        return exact_play(MatrixGame(contribution_payoffs(factor)), discount).values(policies)[1]

    by_factor, by_discount = jax.jit(jax.grad(value, argnums=(0, 1)))(1.3, 0.9)
    step = 1e-6
    np.testing.assert_allclose(by_factor, (value(1.3 + step, 0.9) - value(1.3 - step, 0.9)) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(by_discount, (value(1.3, 0.9 + step) - value(1.3, 0.9 - step)) / (2 * step), rtol=1e-7)


def test_many_policies_at_once_give_what_each_gives_alone():
    play = exact_play(GAMES["three players"]())
    several = [random_policies(play.game, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    together, alone = jax.jit(jax.vmap(play.values))(stacked), jax.jit(lambda own: play.values(own))
    np.testing.assert_allclose(together, [alone(policies) for policies in several], rtol=1e-12)


def test_divergence_by_hand(two_players):
    play = exact_play(two_players)
    even, odd = TabularPolicy(jnp.zeros((5, 1))), TabularPolicy(jnp.full((5, 1), np.log(3.0)))
    per_state = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    np.testing.assert_allclose(play.divergence(0, even, odd), 5 * per_state)
    np.testing.assert_allclose(play.divergence(0, even, odd, jnp.array([0.5, 0, 0, 0.25, 0])), 0.75 * per_state)
    assert play.divergence(1, odd, odd) == 0


def test_divergence_of_saturated_policies_is_finite(two_players):
    play = exact_play(two_players)
    sure, unsure = TabularPolicy(jnp.full((5, 1), 1e4)), TabularPolicy(jnp.zeros((5, 1)))
    both = jax.jit(jax.value_and_grad(lambda reference, policy: play.divergence(0, reference, policy), argnums=1))
    for reference, policy in ((sure, unsure), (unsure, sure), (sure, sure)):
        value, slope = both(reference, policy)
        assert np.isfinite(value)
        assert np.isfinite(slope.logits).all()


def test_works_in_single_precision():
    with jax.enable_x64(False):
        game = MatrixGame(contribution_payoffs(1.3))
        play = exact_play(game)
        assert play.values(random_policies(game)).dtype == jnp.float32
