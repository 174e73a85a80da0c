import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.learners.lola import LOLA
from lookax.learners.naive import Naive
from lookax.learners.objectives.shaping import Shaping
from lookax.learners.opponents.opponent_model import OpponentModel
from lookax.learners.pola import POLA
from lookax.learners.state import LearnerState
from lookax.lookahead.proximal import proximal_point
from lookax.lookahead.unrolled import unrolled
from lookax.policies.explicit import parse_policies, write_policies
from lookax.policies.factory import PolicyMaker

KEY = jax.random.key(0)
ONE_STEP = Shaping(functools.partial(unrolled, optimiser=optax.sgd(3.0), steps=1, adjoint="reverse"))


def model_of(maker, kind, **options):
    like = PolicyMaker(maker.game, kind)
    return OpponentModel(like.initial, like.observations(), optax.sgd(0.5 if kind == "tabular" else 0.05), **options)


def logits(policies):
    return np.stack([p.logits for p in policies])


@pytest.mark.parametrize("setting", ["two_players", "three_players"])
def test_naive_learners_climb_their_own_values(request, setting):
    play, maker = request.getfixturevalue(setting)
    learner = Naive(play, maker.initial, optax.sgd(0.5))
    state = learner.init(KEY)
    jacobian = jax.jacrev(play.values)(state.policies)
    expected = [p.logits + 0.5 * jacobian[i].logits[i] for i, p in enumerate(state.policies)]
    after, _ = jax.jit(learner.update)(KEY, state)
    np.testing.assert_allclose(logits(after.policies), expected)


def test_naive_learners_end_in_mutual_defection(two_players):
    play, maker = two_players
    learner = Naive(play, maker.initial, optax.sgd(1.0))
    state = jax.lax.fori_loop(0, 500, lambda _, s: jax.jit(learner.update)(KEY, s)[0], learner.init(KEY))
    np.testing.assert_allclose(play.values(state.policies), 0, atol=0.05)


def test_lola_moves_everybody_from_the_same_point(two_players):
    play, maker = two_players
    learner = LOLA(play, maker.initial, optax.sgd(0.5), ONE_STEP)
    state = learner.init(KEY)
    after, _ = jax.jit(learner.update)(KEY, state)
    for i in range(2):
        slope = jax.jit(jax.grad(ONE_STEP.objective(play, i, state.policies)))(state.policies[i])
        np.testing.assert_allclose(after.policies[i].logits, state.policies[i].logits + 0.5 * slope.logits)


def test_lola_keeps_its_optimisers_moments(two_players):
    play, maker = two_players
    learner = LOLA(play, maker.initial, optax.sgd(0.5, momentum=0.9), ONE_STEP)
    first, _ = jax.jit(learner.update)(KEY, learner.init(KEY))
    second, _ = jax.jit(learner.update)(KEY, first)
    slope = jax.jit(jax.grad(ONE_STEP.objective(play, 0, first.policies)))(first.policies[0]).logits
    momentum = (first.policies[0].logits - learner.init(KEY).policies[0].logits) / 0.5
    step = second.policies[0].logits - first.policies[0].logits
    np.testing.assert_allclose(step, 0.5 * (slope + 0.9 * momentum), rtol=1e-10)


def test_pola_of_one_outer_step_without_a_proximal_term_is_lola(two_players):
    play, maker = two_players
    pola = POLA(play, maker.initial, optax.sgd(0.5), ONE_STEP, outer_beta=None, outer_steps=1)
    lola = LOLA(play, maker.initial, optax.sgd(0.5), ONE_STEP)
    after = [jax.jit(learner.update)(KEY, learner.init(KEY))[0].policies for learner in (pola, lola)]
    np.testing.assert_allclose(logits(after[0]), logits(after[1]), rtol=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "visitation"])
def test_pola_ends_where_its_proximal_objective_is_stationary(two_players, weights):
    play, maker = two_players
    # A divergence of two policies is no smaller than its own rounding, some 1e-17. A step of 1e-16 is one of 3e-8 in
    # logits, along a slope of 1.5e-7.
    learner = POLA(
        play, maker.initial, optax.sgd(0.2), ONE_STEP, outer_beta=5.0, tolerance=1e-16, divergence_weights=weights
    )
    state = learner.init(KEY)
    after, metrics = jax.jit(learner.update)(KEY, state)
    assert metrics["outer_converged"].all()
    share = None
    if weights == "visitation":
        share = play.visitation(state.policies)
        share = share / share.sum()
    for i in range(2):
        shaped = ONE_STEP.objective(play, i, state.policies)
        objective = lambda p, i=i, f=shaped: f(p) - 5 * play.divergence(i, state.policies[i], p, share)
        slope = jax.jit(jax.grad(objective))(after.policies[i]).logits
        assert np.abs(slope).max() < 1e-6
        assert objective(after.policies[i]) > objective(state.policies[i])


def test_pola_says_when_it_gave_up(two_players):
    play, maker = two_players
    learner = POLA(play, maker.initial, optax.sgd(0.2), ONE_STEP, outer_beta=0.1, max_outer_steps=3)
    _, metrics = jax.jit(learner.update)(KEY, learner.init(KEY))
    np.testing.assert_array_equal(metrics["outer_steps"], 3)
    assert not metrics["outer_converged"].any()


def test_a_tightly_converged_proximal_update_does_not_depend_on_the_parameterisation(two_players):
    play, maker = two_players
    proximal = Shaping(functools.partial(proximal_point, tolerance=1e-12), inner_beta=1.0)
    start = maker.initial(KEY)

    def after(kind):
        same = PolicyMaker(maker.game, kind)
        initial = lambda _: parse_policies(write_policies(start), same)
        learner = POLA(play, initial, optax.sgd(0.05), proximal, 5.0, tolerance=1e-17)
        policies = jax.jit(learner.update)(KEY, learner.init(KEY))[0].policies
        return np.stack([play.log_probs(i, p) for i, p in enumerate(policies)])

    # A last step of KL 1e-17 moves a policy by some 3e-9; what is left to go is that over a rate of convergence ≥ 1e-3.
    np.testing.assert_allclose(after("tabular"), after("preconditioned-tabular"), atol=1e-5)


@pytest.mark.parametrize("kind", ["tabular", "mlp", "preconditioned-tabular"])
def test_models_are_fitted_to_the_opponents_and_kept(two_players, kind):
    play, maker = two_players
    model = model_of(maker, kind, tolerance=1e-6, max_steps=20_000)
    learner = LOLA(play, maker.initial, optax.sgd(0.5), ONE_STEP, model)
    state = learner.init(KEY)
    after, metrics = jax.jit(learner.update)(KEY, state)
    assert metrics["model_fitted"].all()
    for player, opponent in ((0, 1), (1, 0)):
        seen = model.observations[opponent]
        believed = jax.nn.log_softmax(jax.vmap(after.models[player][opponent])(seen))
        true = play.log_probs(opponent, state.policies[opponent])
        assert np.sum(np.exp(true) * (true - believed)) < 1e-6
    # Kept, they are fitted already if the opponents stay where they were.
    unmoved = LearnerState(state.policies, state.optimiser_states, after.models)
    _, again = jax.jit(learner.update)(KEY, unmoved)
    assert (metrics["model_steps"] > 1).all()
    assert (again["model_steps"] == 1).all()


def test_shaping_an_exact_tabular_model_is_shaping_the_opponent(two_players):
    play, maker = two_players
    with_model = LOLA(
        play, maker.initial, optax.sgd(0.5), ONE_STEP, model_of(maker, "tabular", tolerance=1e-16, max_steps=100_000)
    )
    without = LOLA(play, with_model.initial, optax.sgd(0.5), ONE_STEP)
    state = with_model.init(KEY)
    modelled, _ = jax.jit(with_model.update)(KEY, state)
    known, _ = jax.jit(without.update)(KEY, without.init(KEY))
    np.testing.assert_allclose(logits(modelled.policies), logits(known.policies), atol=1e-6)


def test_three_players_learn_with_models(three_players):
    play, maker = three_players
    learner = LOLA(play, maker.initial, optax.sgd(0.1), ONE_STEP, model_of(maker, "tabular"))
    after, metrics = jax.jit(learner.update)(KEY, learner.init(KEY))
    assert metrics["model_steps"].shape == (6,)
    assert np.isfinite(logits(after.policies)).all()


def test_saturated_policies_stay_finite(two_players):
    play, maker = two_players
    sure = lambda _: tuple(jax.tree.map(lambda x: jnp.sign(x) * 800.0, p) for p in maker.initial(KEY))
    learner = LOLA(play, sure, optax.sgd(25.0), Shaping(ONE_STEP.lookahead, inner_beta=1.0))
    after, _ = jax.jit(learner.update)(KEY, learner.init(KEY))
    assert np.isfinite(logits(after.policies)).all()
