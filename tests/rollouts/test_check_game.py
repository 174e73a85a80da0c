import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.rollouts.check_game import check_game, traced


class Ring(eqx.Module):
    """Both walk on a ring; whoever stands on 0 is paid."""

    size: int = 5
    num_players = 2
    num_actions = (3, 3)

    def reset(self, key):
        return jax.random.randint(key, (2,), 0, self.size)

    def step(self, key, state, actions):
        del key
        after = (state + actions - 1) % self.size
        return after, (after == 0) * 1.0

    def observe(self, state, player):
        return jax.nn.one_hot(state[player], self.size)


@pytest.mark.parametrize("game", [Ring(), OneCoinGame(), TwoCoinGame(), MatrixGame(contribution_payoffs(1.5, 3))])
def test_sound_games_pass(game):
    check_game(game)


class NoModule:
    num_players, num_actions = 2, (2, 2)
    reset, step, observe = (lambda self, *_: jnp.zeros(2) for _ in range(3))


class Incomplete(eqx.Module):
    num_players = 2

    def reset(self, key):
        return key


class OneAction(Ring):
    num_actions = (3,)  # type: ignore  # what is to be refused


class OtherState(Ring):
    def step(self, key, state, actions):
        after, rewards = super().step(key, state, actions)
        return after.astype(jnp.float32), rewards


class OtherParts(Ring):
    def step(self, key, state, actions):
        after, rewards = super().step(key, state, actions)
        return (after, after), rewards


class OneReward(Ring):
    def step(self, key, state, actions):
        return super().step(key, state, actions)[0], jnp.zeros(())


class NoPair(Ring):
    def step(self, key, state, actions):
        return super().step(key, state, actions)[0]


class ImageObservation(Ring):
    def observe(self, state, player):
        return super().observe(state, player)[None] if player == 1 else super().observe(state, player)


class WholeObservation(Ring):
    def observe(self, state, player):
        return state


class Impure(Ring):
    def reset(self, key):
        return jnp.asarray(np.random.default_rng().integers(0, 10**9, 2))


class Branching(Ring):
    def step(self, key, state, actions):
        return super().step(key, state, actions) if actions[0] > 1 else (state, jnp.zeros(2))


@pytest.mark.parametrize(
    ("game", "message"),
    [
        (Ring, "Ring: it is a class; give a game, made by calling it"),
        (NoModule(), "it is no pytree; make its class a subclass of `equinox.Module`"),
        (Incomplete(), "Incomplete: it has no num_actions, step, observe; a game has num_players"),
        (OneAction(), r"num_actions: \(3,\) must be a tuple of 2, one for each player"),
        (OtherState(), r"step's state is float32\[2\], reset's int\d\d\[2\]"),
        (OtherParts(), "step's state is made of other parts than reset's"),
        (OneReward(), r"step's rewards are float\d\d\[\]; they must be 2 floats, one per player"),
        (NoPair(), "must give a pair: the next state, and rewards"),
        (ImageObservation(), r"observe\(state, 1\) gives float\d\d\[1,5\]; it must be a vector of floats, \[D\]"),
        (WholeObservation(), r"observe\(state, 0\) gives int\d\d\[2\]; it must be a vector of floats"),
        (Impure(), r"reset\(key\) is not the same twice; draw random numbers from the key alone"),
        (Branching(), r"step\(key, state, actions\) fails: TracerBoolConversionError"),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__) if not isinstance(value, str) else "",
)
def test_what_is_wrong_is_said(game, message):
    with pytest.raises(ValueError, match=message):
        check_game(game)


def test_everything_that_is_wrong_is_said_at_once():
    class Worse(OneReward):
        observe = WholeObservation.observe

    with pytest.raises(ValueError, match="Worse: 3 things are wrong") as refused:
        check_game(Worse())
    assert str(refused.value).count("\n- ") == 3


def test_a_game_may_be_checked_while_its_numbers_are_traced():
    rewards = jax.vmap(lambda pay: (check_game(OneCoinGame(own_coin_reward=pay)), pay)[1])(jnp.arange(2.0))
    np.testing.assert_array_equal(rewards, [0, 1])


def test_what_fails_under_vmap_is_refused():
    class Callback(Ring):
        def reset(self, key):
            like = jax.ShapeDtypeStruct((2,), jnp.int32)
            return jax.pure_callback(lambda _: np.zeros(2, np.int32), like, jax.random.key_data(key), vmap_method=None)

    with pytest.raises(ValueError, match=r"reset\(key\) fails under `jax.vmap`: NotImplementedError"):
        check_game(Callback())


def test_sizes_of_games_stay_whole_numbers():
    import lookax as lx

    learner = lx.pola_dice(Ring(), horizon=2, batch_size=2, outer_steps=1, hidden_size=2)
    # By shapes alone: a size that had become an array could not be a number of classes.
    state = jax.eval_shape(learner.init, jax.random.key(0))
    jax.eval_shape(learner.update, jax.random.key(0), state)


def test_what_fails_without_a_word_is_told_by_its_kind():
    def fails(number):
        raise AssertionError

    assert traced("reset(key)", fails, jnp.zeros(()))[1] == ["reset(key) fails: AssertionError"]
