import equinox as eqx
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
from lookax.learners.simultaneous import PlayersState
from lookax.lookahead.adjoints import ReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.proximal import ProximalPoint
from lookax.policies.factory import PolicyMaker
from lookax.policies.policy_files import parse_policies, write_policies

KEY = jax.random.key(0)
ONE_STEP = Shaping(lookahead=Lookahead(optax.sgd(3.0), 1, ReverseAdjoint()))


def model_of(maker, kind, **options):
    like = PolicyMaker(maker.game, kind)
    return OpponentModel(
        initial=like.initial,
        observations=like.observations(),
        optimiser=optax.sgd(0.5 if kind == "tabular" else 0.05),
        **options,
    )


@jax.jit
def log_probs_at(policy, observations):
    return jax.nn.log_softmax(jax.vmap(policy)(observations))


def logits(policies):
    return np.stack([p.logits for p in policies])


@pytest.mark.parametrize("setting", ["two_players", "three_players"])
def test_naive_learners_climb_their_own_values(request, setting):
    play, maker = request.getfixturevalue(setting)
    learner = Naive(game=play, initial=maker.initial, optimiser=optax.sgd(0.5))

    @jax.jit
    def both(key):
        state = learner.init(key)
        jacobian = jax.jacrev(play.values)(state.policies)
        expected = [p.logits + 0.5 * jacobian[i].logits[i] for i, p in enumerate(state.policies)]
        return learner.update(key, state)[0].policies, expected

    after, expected = both(KEY)
    np.testing.assert_allclose(logits(after), np.stack(expected))


def test_naive_learners_end_in_mutual_defection(two_players):
    play, maker = two_players
    learner = Naive(game=play, initial=maker.initial, optimiser=optax.sgd(1.0))
    state = jax.lax.fori_loop(0, 500, lambda _, s: eqx.filter_jit(learner.update)(KEY, s)[0], learner.init(KEY))
    np.testing.assert_allclose(play.values(state.policies), 0, atol=0.05)


@pytest.fixture(scope="module")
def lola_steps():
    """First policies, and these after one update of LOLA; made once."""
    return []


@pytest.fixture
def before_and_after_lola(two_players, lola_steps):
    play, maker = two_players
    if not lola_steps:
        learner = LOLA(game=play, initial=maker.initial, optimiser=optax.sgd(0.5), shaping=ONE_STEP)
        state = learner.init(KEY)
        lola_steps += [state.policies, eqx.filter_jit(learner.update)(KEY, state)[0].policies]
    return lola_steps


def test_lola_moves_everybody_from_the_same_point(two_players, before_and_after_lola):
    play, _ = two_players
    before, after = before_and_after_lola

    @jax.jit
    def slopes(policies):
        return [jax.grad(ONE_STEP.objective(play, i, policies))(policies[i]) for i in range(2)]

    for old, slope, new in zip(before, slopes(before), after, strict=True):
        np.testing.assert_allclose(new.logits, np.asarray(old.logits) + 0.5 * np.asarray(slope.logits))


def test_lola_keeps_its_optimisers_moments(two_players):
    play, maker = two_players
    learner = LOLA(game=play, initial=maker.initial, optimiser=optax.sgd(0.5, momentum=0.9), shaping=ONE_STEP)
    update, start = eqx.filter_jit(learner.update), learner.init(KEY)
    first, _ = update(KEY, start)
    second, _ = update(KEY, first)
    slope = jax.jit(jax.grad(ONE_STEP.objective(play, 0, first.policies)))(first.policies[0]).logits
    began, went, ended = (np.asarray(state.policies[0].logits) for state in (start, first, second))
    np.testing.assert_allclose(ended - went, 0.5 * (np.asarray(slope) + 0.9 * (went - began) / 0.5), rtol=1e-10)


def test_pola_of_one_outer_step_without_a_proximal_term_is_lola(two_players, before_and_after_lola):
    play, maker = two_players
    pola = POLA(
        game=play, initial=maker.initial, optimiser=optax.sgd(0.5), shaping=ONE_STEP, outer_beta=None, outer_steps=1
    )
    after = eqx.filter_jit(pola.update)(KEY, pola.init(KEY))[0].policies
    np.testing.assert_allclose(logits(after), logits(before_and_after_lola[1]), rtol=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "visitation"])
def test_pola_ends_where_its_proximal_objective_is_stationary(two_players, weights):
    play, maker = two_players
    # A divergence of two policies is no smaller than its own rounding, some 1e-17 for each of ten probabilities. At
    # 1e-16 versions of XLA stop at other steps. A step of 1e-15 is one of 1e-7 in logits, along a slope of 5e-7.
    learner = POLA(
        game=play,
        initial=maker.initial,
        optimiser=optax.sgd(0.2),
        shaping=ONE_STEP,
        outer_beta=5.0,
        tolerance=1e-15,
        divergence_weights=weights,
    )
    state = learner.init(KEY)
    after, metrics = eqx.filter_jit(learner.update)(KEY, state)
    assert metrics["outer_converged"].all()

    @jax.jit
    def values_and_slopes(policies, start):
        share = None
        if weights == "visitation":
            share = play.visitation(start)
            share = share / share.sum()

        def of(i):
            shaped = ONE_STEP.objective(play, i, start)
            return jax.value_and_grad(lambda p: shaped(p) - 5 * play.divergence(i, start[i], p, share))(policies[i])

        return of(0), of(1)

    first, last = (values_and_slopes(each.policies, state.policies) for each in (state, after))
    for (value, slope), (least, _) in zip(last, first, strict=True):
        assert np.abs(slope.logits).max() < 1e-6
        assert value > least


def test_pola_says_when_it_gave_up(two_players):
    play, maker = two_players
    learner = POLA(
        game=play, initial=maker.initial, optimiser=optax.sgd(0.2), shaping=ONE_STEP, outer_beta=0.1, max_outer_steps=3
    )
    _, metrics = eqx.filter_jit(learner.update)(KEY, learner.init(KEY))
    np.testing.assert_array_equal(metrics["outer_steps"], 3)
    assert not metrics["outer_converged"].any()


def test_a_tightly_converged_proximal_update_does_not_depend_on_the_parameterisation(two_players):
    play, maker = two_players
    proximal = Shaping(lookahead=ProximalPoint(1e-12), inner_beta=1.0)
    start = maker.initial(KEY)

    def after(kind):
        same = PolicyMaker(maker.game, kind)
        initial = lambda _: parse_policies(write_policies(start), same)
        learner = POLA(
            game=play, initial=initial, optimiser=optax.sgd(0.05), shaping=proximal, outer_beta=5.0, tolerance=1e-17
        )
        policies = eqx.filter_jit(learner.update)(KEY, learner.init(KEY))[0].policies
        return np.stack([play.log_probs_in_game_order(i, p) for i, p in enumerate(policies)])

    # A last step of KL 1e-17 moves a policy by some 3e-9; what is left to go is that over a rate of convergence ≥ 1e-3.
    np.testing.assert_allclose(after("tabular"), after("preconditioned-tabular"), atol=1e-5)


@pytest.mark.parametrize("kind", ["tabular", "mlp", "preconditioned-tabular"])
def test_models_are_fitted_to_the_opponents_and_kept(two_players, kind):
    play, maker = two_players
    model = model_of(maker, kind, tolerance=1e-6, max_steps=20_000)
    learner = LOLA(game=play, initial=maker.initial, optimiser=optax.sgd(0.5), shaping=ONE_STEP, opponent_model=model)
    state = learner.init(KEY)
    update = eqx.filter_jit(learner.update)
    after, metrics = update(KEY, state)
    assert metrics["model_fitted"].all()
    for player, opponent in ((0, 1), (1, 0)):
        seen = model.observations[opponent]
        believed = log_probs_at(after.models[player][opponent], seen)
        true = play.log_probs_in_game_order(opponent, state.policies[opponent])
        assert np.sum(np.exp(true) * (true - believed)) < 1e-6
    # Kept, they are fitted already if the opponents stay where they were.
    unmoved = PlayersState(state.policies, state.optimiser_states, after.models)
    _, again = update(KEY, unmoved)
    assert (metrics["model_steps"] > 1).all()
    assert (again["model_steps"] == 1).all()


def test_shaping_an_exact_tabular_model_is_shaping_the_opponent(two_players, before_and_after_lola):
    play, maker = two_players
    with_model = LOLA(
        game=play,
        initial=maker.initial,
        optimiser=optax.sgd(0.5),
        shaping=ONE_STEP,
        opponent_model=model_of(maker, "tabular", tolerance=1e-16, max_steps=100_000),
    )
    modelled, _ = eqx.filter_jit(with_model.update)(KEY, with_model.init(KEY))
    np.testing.assert_allclose(logits(modelled.policies), logits(before_and_after_lola[1]), atol=1e-6)


def test_three_players_learn_with_models(three_players):
    play, maker = three_players
    learner = LOLA(
        game=play,
        initial=maker.initial,
        optimiser=optax.sgd(0.1),
        shaping=ONE_STEP,
        opponent_model=model_of(maker, "tabular"),
    )
    after, metrics = jax.jit(lambda key: learner.update(key, learner.init(key)))(KEY)
    assert metrics["model_steps"].shape == (6,)
    assert np.isfinite(logits(after.policies)).all()


def test_saturated_policies_stay_finite(two_players):
    play, maker = two_players
    sure = lambda _: tuple(jax.tree.map(lambda x: jnp.sign(x) * 800.0, p) for p in maker.initial(KEY))
    learner = LOLA(
        game=play,
        initial=sure,
        optimiser=optax.sgd(25.0),
        shaping=Shaping(lookahead=ONE_STEP.lookahead, inner_beta=1.0),
    )
    after, _ = eqx.filter_jit(learner.update)(KEY, learner.init(KEY))
    assert np.isfinite(logits(after.policies)).all()
