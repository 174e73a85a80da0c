"""Atari games against an oracle of the original's wrappers, and that emulators are nobody else's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.arcade.atari import Atari, shrunk
from lookax.games.arcade.emulators import Game
from lookax.games.arcade.on_host import Batches
from tests.games.original_wrappers import Original, grey_84, no_ops

KEY = jax.random.key(3)


@pytest.fixture(autouse=True)
def _single_precision():
    with jax.enable_x64(False):
        yield


def played(environment, actions, reset_key=KEY):
    """The first frames, and all steps of given actions `[T, B]`, stacked."""

    def run(actions):
        state, first = environment.reset(reset_key, actions.shape[1])
        _, steps = jax.lax.scan(lambda state, own: environment.step(KEY, state, own), state, actions)
        return first, steps

    return jax.tree.map(np.asarray, jax.jit(run)(actions))


def seeds(key, batch_size):
    """Of emulators that are reset with a key."""
    seed = int(jax.random.randint(key, (), 0, 2**30))
    return int(np.random.SeedSequence((seed, 0)).generate_state(1)[0]) % 2**30 + np.arange(batch_size)


@pytest.mark.parametrize(
    ("game", "length", "sticky"),
    [
        ("breakout", 400, False),
        # No fire, and rewards of ten.
        ("ms_pacman", 80, False),
        pytest.param("breakout", 2000, False, marks=pytest.mark.slow),
        pytest.param("breakout", 1000, True, marks=pytest.mark.slow),
        pytest.param("qbert", 2000, False, marks=pytest.mark.slow),
        pytest.param("space_invaders", 1000, False, marks=pytest.mark.slow),
        pytest.param("freeway", 1000, False, marks=pytest.mark.slow),
    ],
)
def test_games_are_those_of_the_original_wrappers(game, length, sticky):
    games = Atari(game, sticky)
    actions = np.random.default_rng(0).integers(0, games.num_actions, (length, 2))
    first, steps = played(games, jnp.array(actions))
    assert steps.played.all()
    lost = over = 0
    for lane, seed in enumerate(seeds(KEY, 2)):
        oracle = Original(game, seed, no_ops(game, seed, 1 + length // 50), 0.25 if sticky else 0.0)
        np.testing.assert_array_equal(first[lane], oracle.stack)
        for t in range(length):
            seen = oracle.step(actions[t, lane])
            np.testing.assert_array_equal(steps.observations[t, lane], seen.stack)
            assert steps.rewards[t, lane] == seen.reward
            assert steps.continues[t, lane] != seen.done
            assert steps.ended[t, lane] == (seen.score is not None)
            assert steps.returns[t, lane] == (seen.score or 0.0)
            lost, over = lost + (seen.done and seen.score is None), over + (seen.score is not None)
    if length >= 400 and game != "freeway":
        assert lost > over > 0
    if game == "ms_pacman":
        assert (steps.rewards > 0).any()


def test_games_begin_with_one_to_thirty_frames_of_doing_nothing():
    # Games are cut after a hundred frames, so that there are many.
    game = Game(Atari("pong", max_frames=100), 3)
    while len(game.no_ops) < 61:
        game.step(0)
    assert set(game.no_ops) <= set(range(1, 31))
    # All ten thirds of the ten: of sixty draws each is missed with probability 0.9⁶⁰ = 0.002.
    assert {(number - 1) // 3 for number in game.no_ops} == set(range(10))


def test_a_cut_is_seen_and_the_next_step_is_spent_on_the_reset():
    games = Atari("pong", max_frames=400)
    _, steps = played(games, jnp.zeros((110, 2), int))
    for lane, seed in enumerate(seeds(KEY, 2)):
        # A step of fire and one of the third action before the first of ours.
        cut = -(-(400 - no_ops("pong", seed, 1)[0] - 8) // 4) - 1
        np.testing.assert_array_equal(np.flatnonzero(steps.ended[:, lane]), [cut])
        np.testing.assert_array_equal(np.flatnonzero(~steps.played[:, lane]), [cut + 1])
        # Nobody loses a life in Pong.
        np.testing.assert_array_equal(np.flatnonzero(~steps.continues[:, lane]), [cut + 1])
        seen = steps.observations[:, lane]
        np.testing.assert_array_equal(seen[cut, ..., :3], seen[cut - 1, ..., 1:])
        assert not seen[cut + 1, ..., :3].any()
        assert steps.rewards[cut + 1, lane] == 0
        assert steps.returns[cut, lane] == steps.rewards[: cut + 1, lane].sum() < 0


def test_a_game_that_is_cut_as_a_life_is_lost_is_told():
    def made(count, **limit):
        game = Game(Atari("breakout", **limit), 5)
        return [game.step(1) for _ in range(count)], game.no_ops[0]

    free, begun = made(40)
    [lost, *_] = (t for t, told in enumerate(free) if not told.continues)
    assert not free[lost].ended
    # A step of fire and one of the third action before the first of ours.
    frames = begun + 8 + 4 * (lost + 1)
    goes_on, ends, seen, spent = (True, True, False), (True, False, True), (True, True, True), (False, False, False)
    for limit, flags in (
        (frames - 4, [seen, spent, goes_on]),
        (frames, [goes_on, ends, goes_on]),
        # Cut in one of the three steps that nobody chooses before the next life.
        (frames + 12, [goes_on, ends, goes_on]),
        (frames + 13, [goes_on, (True, False, False), seen]),
    ):
        told, _ = made(lost + 2, max_frames=limit)
        assert [(own.played, own.continues, own.ended) for own in told[-3:]] == flags
        if flags[1] == ends:
            assert told[lost].returns == sum(own.reward for own in told[: lost + 1])


@pytest.mark.parametrize("height", [210, 250])
def test_shades_and_means_are_those_of_their_formula(height):
    screens = np.random.default_rng(0).integers(0, 256, (3, height, 160, 3), np.uint8)
    np.testing.assert_array_equal(jax.jit(shrunk)(screens), [grey_84(screen) for screen in screens])


def test_atari_goes_on_with_new_emulators_where_there_are_none():
    games = Atari("pong")
    state, _ = games.reset(KEY, 2)
    state, _ = games.step(KEY, state, jnp.zeros(2, int))
    ahead, step = games.step(KEY, state, jnp.ones(2, int))
    assert bool(step.played.all())
    # The second time, the emulators have gone on: others begin, and the step is spent on that.
    again, step = games.step(KEY, state, jnp.ones(2, int))
    assert int(ahead.count) == int(again.count) == 2
    for flags in (step.played, step.continues, step.ended, step.returns, step.rewards, again.frames[..., :3]):
        assert not np.asarray(flags).any()
    # Both go on, each with its own.
    for state in (ahead, again):
        state, step = games.step(KEY, state, jnp.ones(2, int))
        assert bool(step.played.all())


def test_two_learners_of_one_key_have_their_own_emulators():
    games = Atari("breakout")
    step = jax.jit(games.step)
    actions = np.random.default_rng(0).integers(0, 4, (2, 30, 1))

    def alone(own):
        state, _ = games.reset(KEY, 1)
        frames = []
        for action in own:
            state, made = step(KEY, state, action)
            frames.append(made.observations)
        return np.array(frames)

    expected = [alone(own) for own in actions]
    assert (expected[0] != expected[1]).any()
    states = [games.reset(KEY, 1)[0] for _ in range(2)]
    for t in range(30):
        for learner in range(2):
            states[learner], made = step(KEY, states[learner], actions[learner, t])
            assert bool(made.played.all())
            np.testing.assert_array_equal(made.observations, expected[learner][t])


def test_emulators_that_are_no_longer_kept_are_told_of():
    games, emulators, actions = Atari("pong"), Batches(limit=4), np.zeros(2, int)
    numbers = [emulators.begin(games, 2, seed, 0)[0] for seed in (7, 8)]
    # The first are played, so that the second have not been for longest when there are too many.
    numbers[0] = emulators.step(games, 7, numbers[0], 0, actions)[0]
    emulators.begin(games, 1, 9, 0)
    assert emulators.step(games, 7, numbers[0], 1, actions)[2][2].all()
    with pytest.raises(
        ValueError, match=r"games: more than 4 on the host .* those of seed 8 are no longer kept"
    ) as error:
        emulators.step(games, 8, numbers[1], 0, actions)
    assert "\n" not in str(error.value)
    # Where a run is resumed it is at another step.
    _, _, told = emulators.step(games, 8, numbers[1], 3, actions)
    assert not told[2].any()


def test_atari_in_lanes_is_each_game_alone():
    # Cars drive in Freeway while nothing is done.
    games = Atari("freeway")
    keys = jax.random.split(KEY, 2)
    actions = jnp.tile(jnp.array([[1], [0], [2]]), (1, 2))

    def frames(key):
        state, _ = games.reset(key, 2)
        return jax.lax.scan(lambda state, own: games.step(KEY, state, own), state, actions)[1].observations

    together = jax.jit(jax.vmap(frames))(keys)
    one, other = (frames(key) for key in keys)
    np.testing.assert_array_equal(together, np.stack([one, other]))
    assert not np.array_equal(one, other)


def test_published_games_may_last_as_long_as_gym_allows():
    assert Atari("qbert").frame_limit == 4 * 100_000
    assert Atari("space_invaders").frame_limit == 3 * 100_000
    assert Atari("qbert", max_frames=18_000).frame_limit == 18_000
    with pytest.raises(ValueError, match="max_frames: 99 is not allowed; it must be at least 100"):
        Atari("qbert", max_frames=99)
