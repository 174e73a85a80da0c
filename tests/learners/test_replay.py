import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.learners.objectives.game_returns import PlayedReturn, ReplayedReturn, buffer_sample_size, play_games
from lookax.learners.objectives.replay import replay_buffer
from lookax.rollouts.trajectory import Trajectory

KEY = jax.random.key(1)


@functools.partial(jax.jit, static_argnums=1)
def numbered(first, number: int) -> Trajectory:
    """Games that can be told apart: everything in game b is first + b."""
    numbers = first + jnp.arange(number)
    over = lambda *shape: jnp.broadcast_to(numbers, (*shape, number))
    return Trajectory(over(4), over(3, 2), over(3, 2).astype(float), -over(3, 2).astype(float))


def held(games: Trajectory) -> list[int]:
    """Which games those are, each whole."""
    games = jax.tree.map(np.asarray, games)
    for leaf in jax.tree.leaves(games):
        np.testing.assert_array_equal(np.abs(leaf), np.broadcast_to(games.states[0], leaf.shape))
    return games.states[0].tolist()


def test_the_oldest_are_replaced_and_nothing_else_is_lost():
    kept = replay_buffer(numbered(0, 6))
    add = jax.jit(lambda kept, first: kept.add(numbered(first, 2)))
    expected = list(range(6))
    for k in range(7):  # twice around, and one more
        kept = add(kept, 100 + 2 * k)
        expected[2 * k % 6 : 2 * k % 6 + 2] = [100 + 2 * k, 101 + 2 * k]
        assert held(kept.games) == expected
    assert sorted(held(kept.games)) == list(range(108, 114))  # the last six, all of them


def test_batches_of_different_sizes_wrap_around_without_loss():
    @jax.jit
    def filled():
        kept = replay_buffer(numbered(0, 6))
        for first, number in ((10, 3), (20, 3), (30, 6), (40, 2)):
            kept = kept.add(numbered(first, number))
        return kept

    assert held(filled().games) == [40, 41, 32, 33, 34, 35]


def test_lanes_of_vmap_are_rings_of_their_own():
    add = jax.jit(jax.vmap(lambda first: replay_buffer(numbered(first, 4)).add(numbered(first + 100, 2))))
    rings = jax.tree.map(np.asarray, add(np.array([0, 1000])))
    for lane, first in enumerate((0, 1000)):
        games = jax.tree.map(lambda leaf, lane=lane: leaf[lane], rings.games)
        assert held(games) == [first + 100, first + 101, first + 2, first + 3]


@pytest.mark.parametrize("number", [4, 5, 12])
def test_a_size_that_is_no_multiple_of_the_batch_is_refused(number):
    with pytest.raises(ValueError, match=f"games: {number} cannot be added to a replay buffer of 6; .* multiple"):
        replay_buffer(numbered(0, 6)).add(numbered(10, number))


def test_games_of_another_form_are_refused():
    other = numbered(0, 2)
    with pytest.raises(ValueError, match="games: they must have the horizon, players and fields"):
        replay_buffer(numbered(0, 6)).add(
            Trajectory(other.states, other.actions[:2], other.rewards[:2], other.log_probs[:2])
        )
    with pytest.raises(ValueError, match="games: they must have"):
        replay_buffer(numbered(0, 6)).add(
            Trajectory(other.states, other.actions, other.rewards, other.log_probs, jnp.zeros((4, 2, 2)))
        )


def test_an_empty_ring_is_refused(two_players):
    play, maker = two_players
    with pytest.raises(ValueError, match="games: there are none; a replay buffer must start full"):
        replay_buffer(numbered(0, 0))
    with pytest.raises(ValueError, match="batch_size: 0 is not allowed"):
        play_games(play, maker.initial(KEY), KEY, 3, 0)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("setting", ["two_players", "three_players"])
def test_on_policy_ratios_are_exactly_one(request, setting, precision):
    play, maker = request.getfixturevalue(setting)
    with jax.enable_x64(precision == "float64"):
        dtype = jnp.dtype(precision)
        play, policies = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (play, maker.initial(KEY)))

        @jax.jit
        def on_policy(policies, key):
            games = play_games(play, policies, key, 30, 64)
            huge = 1e6 * jax.random.normal(key, (31, play.num_players, 64), dtype)
            replayed = [
                ReplayedReturn(batch_size=8, horizon=30)(play, 1, policies, dataclasses.replace(games, values=values))
                for values in (huge, jnp.zeros_like(huge))
            ]
            return *replayed, buffer_sample_size(play, policies, games), games

        with_baseline, without, size, games = on_policy(policies, KEY)
        # A baseline's terms are b (1 − ratio): of ratios of exactly 1, exactly nothing.
        assert with_baseline == without
        returns = jnp.power(play.discount, jnp.arange(30)) @ games.rewards[:, 1].mean(axis=1)
        np.testing.assert_allclose(without, returns, rtol=30 * np.finfo(dtype).eps)
        np.testing.assert_allclose(size, 64, rtol=30 * np.finfo(dtype).eps)


def test_ratios_after_a_known_change_of_policies_are_those_by_hand(two_players):
    play, maker = two_players
    before = maker.initial(KEY)
    games = jax.jit(lambda before: play_games(play, before, KEY, 3, 5, jnp.zeros((2, 5))))(before)
    states, actions, rewards = map(np.asarray, (games.states, games.actions, games.rewards))
    chances = [np.exp(play.log_probs_in_game_order(i, own)) for i, own in enumerate(before)]
    # The first player now cooperates with probability 0.8 everywhere, the second with 0.3.
    after = tuple(
        jax.tree.map(lambda leaf, p=p: jnp.asarray(np.full(leaf.shape, np.log(p / (1 - p)))), policy)
        for p, policy in zip((0.8, 0.3), before, strict=True)
    )
    total = 0.0
    for b in range(5):
        weight = 1.0
        for t in range(3):
            for i, p in enumerate((0.8, 0.3)):
                state, action = states[t, b], actions[t, i, b]
                weight *= (p if action == 1 else 1 - p) / chances[i][state, action]
            total += weight * float(play.discount) ** t * rewards[t, 1, b] / 5
    ours = jax.jit(lambda after, games: ReplayedReturn(batch_size=2, horizon=3)(play, 1, after, games))(after, games)
    np.testing.assert_allclose(ours, total, rtol=1e-12)


def test_games_that_were_all_but_impossible_are_capped_and_counted(two_players):
    play, maker = two_players
    with jax.enable_x64(False):
        play, before = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), (play, maker.initial(KEY)))
        estimate = ReplayedReturn(batch_size=2, horizon=30)

        @jax.jit
        def everything(before):
            games = play_games(play, before, KEY, 30, 4, jnp.zeros((2, 5)))
            # Everybody always cooperated, with probability e⁻³, and would now with 1 − e⁻⁹: the logarithm of a weight
            # grows by 6 a step, and is above 80 from the fourteenth on.
            games = dataclasses.replace(
                games,
                states=jnp.full_like(games.states, 3),
                actions=jnp.ones_like(games.actions),
                log_probs=jnp.full_like(games.log_probs, -3.0),
            )
            after = jax.tree.map(lambda leaf: jnp.full_like(leaf, 9.0), before)
            value, slopes = jax.value_and_grad(lambda policies: estimate(play, 0, policies, games))(after)
            others = (
                ReplayedReturn(batch_size=2, horizon=30, self_normalised=True),
                ReplayedReturn(batch_size=2, horizon=30, ceiling=2.0),
            )
            return value, slopes, [each.capped_weights(play, after, games) for each in (estimate, *others)]

        value, slopes, counts = everything(before)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
        assert np.isfinite(value)
        assert [int(count) for count in counts] == [4 * (30 - 13), 0, 0]


def test_replay_without_a_ring_is_refused(two_players):
    play, maker = two_players
    estimate = ReplayedReturn(batch_size=1, horizon=3, self_normalised=True)
    with pytest.raises(ValueError, match="buffer: there is none; give the learner a `first_buffer` of games"):
        estimate.prepare(play, maker.initial(KEY), jnp.zeros((2, 5)), (), KEY)
    kept = jax.jit(lambda policies: replay_buffer(play_games(play, policies, KEY, 3, 1)))(maker.initial(KEY))
    with pytest.raises(ValueError, match="size of the replay buffer: 1 is not allowed; it must be at least 2"):
        estimate.prepare(play, maker.initial(KEY), jnp.zeros((2, 5)), kept, KEY)


@pytest.mark.parametrize("baseline", [True, False])
def test_what_is_prepared_is_the_whole_ring_with_fresh_games_and_present_values_in_it(two_players, baseline):
    play, maker = two_players
    values = np.random.default_rng(1).normal(size=(2, 5))

    @jax.jit
    def everything(policies, others, values):
        kept = replay_buffer(play_games(play, others, KEY, 3, 6))
        games, after = ReplayedReturn(batch_size=2, horizon=3, baseline=baseline).prepare(
            play, policies, values, kept, jax.random.key(7)
        )
        return kept, games, after, play_games(play, policies, jax.random.key(7), 3, 2)

    given = maker.initial(KEY), maker.initial(jax.random.key(5)), values
    kept, games, after, fresh = jax.tree.map(np.asarray, everything(*given))
    for leaf, new, old in zip(*map(jax.tree.leaves, (after.games, fresh, kept.games)), strict=True):
        np.testing.assert_array_equal(leaf, np.concatenate([new, old[..., 2:]], axis=-1))
    assert after.oldest == 2
    assert jax.tree.structure(after) == jax.tree.structure(kept)
    np.testing.assert_array_equal(games.states, after.games.states)
    assert games.values is not None
    for i in (0, 1):
        expected = values[i][games.states] if baseline else np.zeros((4, 6))
        np.testing.assert_array_equal(games.values[:, i], expected)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: ReplayedReturn(batch_size=0, horizon=3), "batch_size: 0"),
        (lambda: ReplayedReturn(batch_size=2, horizon=0), "horizon: 0"),
        (lambda: ReplayedReturn(batch_size=2, horizon=3, ceiling=-1.0), "ceiling: -1.0"),
        (lambda: PlayedReturn(estimator="dice", batch_size=0, horizon=3), "batch_size: 0"),
        (
            lambda: PlayedReturn(estimator="self-normalised-dice", batch_size=1, horizon=3),
            "batch_size: 1 is not allowed; it must be at least 2",
        ),
        (lambda: PlayedReturn(estimator="dice", batch_size=1, horizon=0), "horizon: 0"),
    ],
)
def test_nonsense_is_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()
