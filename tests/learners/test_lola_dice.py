"""LOLA-DiCE against exact LOLA, in closed form and as the number of games grows."""

import dataclasses
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from lookax.games.exact_play import ExactPlay
from lookax.learners.lola import LOLA
from lookax.learners.lola_dice import LOLADiCE
from lookax.learners.objectives.critic import TabularCritic
from lookax.learners.objectives.game_returns import PlayedReturn, ReplayedReturn, play_games
from lookax.learners.objectives.replay import replay_buffer
from lookax.learners.objectives.shaping import Shaping
from lookax.lookahead.adjoint_names import ADJOINTS
from lookax.lookahead.lookahead import Lookahead

KEY = jax.random.key(2)
RATE = 0.7
HORIZON = 8


def played(estimator, batch_size=16):
    return PlayedReturn(estimator=estimator, batch_size=batch_size, horizon=HORIZON)


def learner_of(
    setting,
    inner: Any = "exact",
    hessian: Any = None,
    outer: Any = "exact",
    *,
    inner_steps=1,
    adjoint="forward-over-reverse",
    **changes,
) -> Any:
    """Games of 8 steps, exact values too, so that estimates have nothing but sampling errors."""
    play, maker = setting
    learner = LOLADiCE(
        game=ExactPlay(play.game, play.observations, play.discount, HORIZON),
        initial=maker.initial,
        lookahead=Lookahead(optax.sgd(RATE), inner_steps, ADJOINTS[adjoint]),
        inner=played(inner) if isinstance(inner, str) else inner,
        hessian=played(hessian) if isinstance(hessian, str) else hessian,
        outer=played(outer) if isinstance(outer, str) else outer,
        optimiser=optax.sgd(1.0),
    )
    return dataclasses.replace(learner, **changes)


def gradients_of(learner, key, state):
    """Every player's, `[N, …]`."""

    @jax.jit
    def of(key, state):
        ahead, _ = learner.look_ahead(key, state)
        gradients, _ = learner.gradients(learner.outer, ahead, key, state)
        return jnp.stack([flat(gradient) for gradient in gradients])

    return of(key, state)


def first_gradient_of(learner, key, state):
    """The first player's; nothing of the second one's is compiled."""

    @jax.jit
    def of(key, state):
        ahead, _ = learner.look_ahead(key, state)
        return flat(learner.gradients(learner.outer, ahead, key, state)[0][0])

    return of(key, state)


def first_opponents(learner, keys, state):
    """Where the first player's opponent ends by each key, and what a gradient of ones there pulls back to."""

    def of(key):
        ahead = learner.look_ahead(key, state)[0][0]
        return flat(ahead.params), flat(ahead.pull_back(jax.tree.map(jnp.ones_like, ahead.params)))

    ends, pulled = jax.jit(lambda keys: jax.lax.map(of, keys))(keys)
    return zip(np.asarray(ends), np.asarray(pulled), strict=True)


def flat(tree):
    return ravel_pytree(tree)[0]


@pytest.mark.parametrize(("setting", "steps"), [("two_players", 0), ("two_players", 3), ("three_players", 1)])
def test_all_exact_it_has_the_gradient_of_exact_lola(request, setting, steps):
    learner = learner_of(request.getfixturevalue(setting), inner_steps=steps)
    state = learner.init(KEY)
    lookahead = Lookahead(optax.sgd(RATE), steps)

    @jax.jit
    def lola(policies):
        objectives = [Shaping(lookahead=lookahead).objective(learner.game, i, policies) for i in range(len(policies))]
        return jnp.stack([flat(jax.grad(own)(mine)) for own, mine in zip(objectives, policies, strict=True)])

    np.testing.assert_allclose(gradients_of(learner, KEY, state), lola(state.policies), rtol=1e-10, atol=1e-13)


def test_all_exact_it_learns_what_exact_lola_learns(two_players):
    dice = learner_of(two_players, optimiser=optax.adam(0.1))
    ours = dice.init(KEY)
    shaping = Shaping(lookahead=Lookahead(optax.sgd(RATE), 1))
    lola = LOLA(game=dice.game, initial=lambda _: ours.policies, optimiser=optax.adam(0.1), shaping=shaping)
    theirs = lola.init(KEY)
    update_ours, update_theirs = eqx.filter_jit(dice.update), eqx.filter_jit(lola.update)
    for update in range(5):
        ours, _ = update_ours(jax.random.key(update), ours)
        theirs, _ = update_theirs(jax.random.key(update), theirs)
    np.testing.assert_allclose(flat(ours.policies), flat(theirs.policies), atol=1e-10)


@pytest.mark.parametrize(
    "adjoints",
    [("reverse",), pytest.param(("checkpointed", "forward"), marks=pytest.mark.slow)],
    ids=lambda adjoints: ",".join(adjoints),
)
def test_every_adjoint_gives_the_same_gradient(two_players, adjoints):
    gradients = []
    for adjoint in ("forward-over-reverse", *adjoints):
        learner = learner_of(two_players, "dice-baseline", "dice", "dice-baseline", inner_steps=2, adjoint=adjoint)
        gradients.append(first_gradient_of(learner, KEY, learner.init(KEY)))
    for gradient in gradients[1:]:
        np.testing.assert_allclose(gradient, gradients[0], rtol=1e-9)


def test_without_an_adjoint_opponents_steps_are_constants(two_players):
    learner = learner_of(two_players, adjoint="none")
    state = learner.init(KEY)

    @jax.jit
    def by_hand(key, state):
        slopes = []
        for i, ahead in enumerate(learner.look_ahead(key, state)[0]):
            before, after = ahead.params[:i], ahead.params[i:]
            own = jax.grad(lambda mine, i=i, b=before, a=after: learner.game.values((*b, mine, *a))[i])
            slopes.append(flat(own(state.policies[i])))
        return slopes

    np.testing.assert_allclose(gradients_of(learner, KEY, state), np.stack(by_hand(KEY, state)), rtol=1e-12)


def test_a_part_that_is_exact_is_free_of_sampling(two_players):
    keys = jax.random.split(jax.random.key(0))
    exact_inner, exact_hessian = learner_of(two_players, "exact", "dice"), learner_of(two_players, "dice", "exact")
    state = exact_inner.init(KEY)
    (ends, pulled), (other_ends, other_pulled) = first_opponents(exact_inner, keys, state)
    np.testing.assert_array_equal(ends, other_ends)
    assert np.abs(pulled - other_pulled).max() > 1e-3
    (ends, pulled), (other_ends, other_pulled) = first_opponents(exact_hessian, keys, state)
    assert np.abs(ends - other_ends).max() > 1e-3
    np.testing.assert_array_equal(pulled, other_pulled)


def test_a_hessian_of_its_own_draws_games_of_its_own(two_players):
    together, apart = (learner_of(two_players, "dice", hessian) for hessian in (None, "dice"))
    state = together.init(KEY)
    [(ends, pulled)], [(other_ends, other_pulled)] = (
        first_opponents(own, KEY[None], state) for own in (together, apart)
    )
    np.testing.assert_allclose(ends, other_ends, rtol=1e-12)
    assert np.abs(pulled - other_pulled).max() > 1e-3


BATCHES = (64, 4096)
REPEATS = 24
RATE_TOLERANCE = 0.1
"""A root mean square over 24 repeats of 10 correlated coordinates has a relative error of 1/√(2·24) = 0.14 at most; two
of them 64-fold apart in batch size fit an exponent to √2 · 0.14/ln 64 = 0.05. This is twice that."""


@pytest.mark.parametrize(
    ("part", "estimator"),
    [
        ("inner", "dice-baseline"),
        ("outer", "dice-baseline"),
        pytest.param("both", "dice-baseline", marks=pytest.mark.slow),
        pytest.param("both", "dice", marks=pytest.mark.slow),
        ("both", "loaded-dice"),
        pytest.param("both", "self-normalised-dice", marks=pytest.mark.slow),
        ("older games", "off-policy-dice"),
    ],
)
def test_sampled_gradients_converge_to_the_exact_one(two_players, part, estimator):
    play, maker = two_players
    exact = learner_of((play, dataclasses.replace(maker, standard_deviation=1.0)))
    # Values that are neither zero nor right serve as baselines.
    state = dataclasses.replace(exact.init(KEY), values=jax.random.normal(KEY, (2, 5)))
    truth = np.ravel(gradients_of(exact, KEY, state))
    other = exact.init(jax.random.key(7)).policies
    # So near that weights have no heavy tail: their games' errors would fall more slowly with so few.
    older = jax.tree.map(lambda own, other: own + 0.3 * (other - own), state.policies, other)
    errors, correlations = [], []
    for batch in BATCHES:
        estimate = (
            ReplayedReturn(batch_size=batch // 8, horizon=HORIZON)
            if part == "older games"
            else played(estimator, batch)
        )
        inner = "exact" if part == "outer" else estimate
        outer = "exact" if part in ("inner", "older games") else estimate
        sampled = learner_of(two_players, inner, None, outer)
        keys = jax.random.split(jax.random.key(batch), REPEATS)

        def estimated(key, sampled=sampled, batch=batch):
            # A ring of another policy's games, of which the opponents' steps replace an eighth by their own.
            buffer = replay_buffer(play_games(exact.game, older, key, HORIZON, batch)) if part == "older games" else ()
            return gradients_of(sampled, key, dataclasses.replace(state, buffer=buffer)).ravel()

        estimates = jax.lax.map(estimated, keys)
        estimates = np.asarray(estimates)
        errors.append(np.sqrt(np.mean((estimates - truth) ** 2) / np.mean(truth**2)))
        correlations.append(np.mean([np.corrcoef(own, truth)[0, 1] for own in estimates]))
    rate = np.polyfit(np.log(BATCHES), np.log(errors), 1)[0]
    sys.stdout.write(
        f"{part}, {estimator}: relative errors {np.round(errors, 4)}, correlations {np.round(correlations, 4)}, "
        f"error ~ batch^{rate:.3f}\n"
    )
    assert abs(rate + 0.5) < RATE_TOLERANCE
    assert correlations == sorted(correlations)
    assert correlations[-1] > 0.95


def test_off_policy_on_fresh_games_alone_is_on_policy(two_players):
    # A ring of one batch is all replaced by the policies' own games: then both estimates are the same.
    batch = 16
    replayed = learner_of(
        two_players,
        ReplayedReturn(batch_size=batch, horizon=HORIZON),
        None,
        "dice-baseline",
        first_buffer=lambda policies, key: replay_buffer(play_games(replayed.game, policies, key, HORIZON, batch)),
    )
    fresh = learner_of(two_players, played("dice-baseline", batch), None, "dice-baseline")
    state = dataclasses.replace(eqx.filter_jit(replayed.init)(KEY), values=jax.random.normal(KEY, (2, 5)))
    np.testing.assert_allclose(gradients_of(replayed, KEY, state), gradients_of(fresh, KEY, state), rtol=1e-9)


def test_every_lookahead_adds_its_games_to_one_ring(two_players):
    batch, steps = 2, 2
    learner = learner_of(
        two_players,
        ReplayedReturn(batch_size=batch, horizon=HORIZON),
        ReplayedReturn(batch_size=batch, horizon=HORIZON),
        inner_steps=steps,
        first_buffer=lambda policies, key: replay_buffer(play_games(learner.game, policies, key, HORIZON, 20)),
    )
    state = eqx.filter_jit(learner.init)(KEY)
    after, _ = eqx.filter_jit(learner.update)(KEY, state)
    added = 2 * steps * 2 * batch  # players, steps, inner and Hessian
    assert after.buffer.oldest == added
    before, now = np.asarray(state.buffer.games.log_probs), np.asarray(after.buffer.games.log_probs)
    changed = (before != now).any(axis=(0, 1))
    assert changed.tolist() == [True] * added + [False] * (20 - added)
    # Each step plays against the opponent that the last one led to: later games are of other policies.
    assert len({tuple(now[0, 1, b : b + batch]) for b in range(0, added, batch)}) > 1


def test_lanes_learn_what_they_would_alone(two_players):
    learner = learner_of(
        two_players,
        ReplayedReturn(batch_size=4, horizon=HORIZON),
        "dice",
        "dice-baseline",
        critic=TabularCritic(optimiser=optax.adam(0.1)),
        first_buffer=lambda policies, key: replay_buffer(play_games(learner.game, policies, key, HORIZON, 8)),
    )

    def learn(key):
        def update(state, number):
            return learner.update(jax.random.fold_in(key, number), state)

        return jax.lax.scan(update, learner.init(key), jnp.arange(3))[0]

    keys = jax.random.split(KEY, 2)
    together = jax.jit(jax.vmap(learn))(keys)
    learn_alone = jax.jit(learn)
    for lane, key in enumerate(keys):
        for whole, alone in zip(jax.tree.leaves(together), jax.tree.leaves(learn_alone(key)), strict=True):
            np.testing.assert_allclose(np.asarray(whole)[lane], alone, rtol=1e-9, atol=1e-12)


def test_the_critic_learns_from_outer_games_and_helps(two_players):
    # With true values as baselines the outer gradient has less variance than with none.
    learner = learner_of(two_players, outer="dice-baseline", critic=TabularCritic(optimiser=optax.adam(0.3)))
    state = learner.init(KEY)

    def learn_values(state, key):
        ahead, buffer = learner.look_ahead(key, state)
        gradients, games = learner.gradients(learner.outer, ahead, key, state)
        still = jax.tree.map(jnp.zeros_like, gradients)
        return learner.step(still, games, buffer, state)[0], None

    learned, _ = jax.lax.scan(learn_values, state, jax.random.split(KEY, 100))
    assert np.abs(learned.values).max() > 0.1

    def spread(values):
        state_with = dataclasses.replace(state, values=values)
        one = lambda key: gradients_of(learner, key, state_with)
        return float(jax.lax.map(one, jax.random.split(jax.random.key(8), 300)).std(axis=0).sum())

    assert spread(learned.values) < 0.9 * spread(jnp.zeros_like(learned.values))


def test_a_negative_number_of_steps_is_refused(two_players):
    with pytest.raises(ValueError, match="steps: -1 is not allowed; it must be at least 0"):
        learner_of(two_players, inner_steps=-1)


class Keyed(PlayedReturn):
    """Games, and the `keys` that they were played by."""

    keys: list[bytes] = eqx.field(static=True, kw_only=True)

    def prepare(self, play, policies, values, buffer, key):
        jax.debug.callback(lambda data: self.keys.append(np.asarray(data).tobytes()), jax.random.key_data(key))
        return super().prepare(play, policies, values, buffer, key)


class Listed(list[bytes]):
    """A list that is told from others by which one it is."""

    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]


def test_all_games_are_played_by_keys_of_their_own(two_players):
    keys = Listed()
    of = lambda: Keyed(estimator="dice", batch_size=2, horizon=2, keys=keys)
    learner = learner_of(two_players, of(), of(), of(), inner_steps=2)
    state = learner.init(KEY)
    quick = {"xla_backend_optimization_level": 0}
    jax.block_until_ready(jax.jit(lambda key, state: learner.update(key, state), compiler_options=quick)(KEY, state))
    jax.effects_barrier()
    # Of each player two steps of its opponent, games for their derivative, and those after them.
    assert len(keys) == 2 * (2 + 2 + 1) == len(set(keys))
