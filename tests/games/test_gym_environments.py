"""gymnax and Gymnasium as environments of one agent, and as games: against those stepped by hand; learned in."""

import dataclasses
import subprocess
import sys

import gymnasium
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.cli import main
from lookax.experiments.settings.actor_critics import ActorCriticLearning
from lookax.experiments.studies.actor_critics import ActorCriticStudy
from lookax.games.adapters.gymnasium_environment import from_gymnasium
from lookax.games.adapters.gymnax_environment import from_gymnax
from lookax.games.arcade.environment import Environment
from lookax.games.arcade.on_host import Batches
from lookax.imports import how_to_install
from lookax.learners.objectives.actor_critic import Coefficients, learning_optimiser
from lookax.policies.convolutional import actor_critic

KEY = jax.random.key(1)
STEPS = 30


@pytest.fixture(autouse=True)
def _single_precision():
    with jax.enable_x64(False):
        yield


def played(environment, actions):
    """The state and observations that it begins with, and all steps of given actions `[T, B]`."""

    def step(state, now):
        return environment.step(now[1], state, now[0])

    def run(actions):
        state, first = environment.reset(KEY, actions.shape[1])
        return state, first, jax.lax.scan(step, state, (actions, jax.random.split(KEY, len(actions))))[1]

    return jax.tree.map(np.asarray, jax.jit(run)(actions))


# gymnax


def test_a_game_of_one_player_is_the_environment_stepped_by_hand():
    game = from_gymnax("CartPole-v1", max_steps_in_episode=9).as_game()
    lx.check_game(game)
    assert (game.num_players, game.num_actions) == (1, (2,))
    own, rules = gymnax.make("CartPole-v1")
    rules = rules.replace(max_steps_in_episode=9)
    actions = jax.random.randint(KEY, (STEPS,), 0, 2)

    def by_lookax(state, now):
        state, rewards = game.step(now[1], state, now[0][None])
        return state, (game.observe(state, 0), rewards[0])

    def by_hand(state, now):
        observation, state, reward, over, cut, _ = own.step(now[1], state, now[0], rules)
        return state, (observation, reward, over | cut)

    inputs = actions, jax.random.split(KEY, STEPS)
    seen, rewards = jax.jit(lambda: jax.lax.scan(by_lookax, game.reset(KEY), inputs)[1])()
    expected, earned, over = jax.jit(lambda: jax.lax.scan(by_hand, own.reset(KEY, rules)[1], inputs)[1])()
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(rewards, earned)
    assert int(over.sum()) >= 3


def test_what_is_no_frame_is_a_frame_of_one_pixel():
    environment = from_gymnax("CartPole-v1", max_steps_in_episode=5)
    assert isinstance(environment, Environment)
    assert environment.frame == (1, 1, 4)
    _, first, steps = played(environment, jnp.tile(jnp.array([[0, 1], [1, 0]]), (6, 1)))
    assert first.shape == (2, 1, 1, 4)
    # A cut, a step that is spent on the reset, and the next episode: six steps each.
    np.testing.assert_array_equal(steps.ended[:, 0], np.arange(12) % 6 == 4)
    np.testing.assert_array_equal(steps.played[:, 1], np.arange(12) % 6 != 5)
    np.testing.assert_array_equal(steps.returns[:, 0], 5.0 * steps.ended[:, 0])
    assert from_gymnax("Pong-misc").frame == (30, 40, 3)
    assert from_gymnax("DeepSea-bsuite", size=5).frame == (1, 1, 25)


def test_what_gymnax_cannot_play_is_told_in_one_line():
    with pytest.raises(ValueError, match="environment: 'CartPole' is not known; did you mean CartPole-v1"):
        from_gymnax("CartPole")
    with pytest.raises(ValueError, match="environment: actions of Pendulum-v1 are a Box; they must be discrete"):
        from_gymnax("Pendulum-v1")
    with pytest.raises(ValueError, match="settings: wind not allowed; CartPole-v1 has force_mag, gravity"):
        from_gymnax("CartPole-v1", wind=3)
    made = gymnax.make("CartPole-v1")[0]
    assert from_gymnax(made, max_steps_in_episode=7).made[1].max_steps_in_episode == 7
    with pytest.raises(ValueError, match=r"settings: \('wind',\) is not allowed; it must be of force_mag, gravity"):
        from_gymnax(made, wind=3)
    with pytest.raises(ValueError, match=r"settings: wind not allowed"):
        from_gymnax("CartPole-v1", wind=[3])


# Gymnasium


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1"])
def test_episodes_are_those_of_the_vector_environment(name):
    environment = from_gymnasium(name, max_episode_steps=12)
    assert isinstance(environment, Environment)
    actions = jax.random.randint(KEY, (STEPS, 3), 0, environment.num_actions)
    state, first, steps = played(environment, actions)
    by_hand = gymnasium.make_vec(name, num_envs=3, vectorization_mode="sync", max_episode_steps=12)
    seed = int(np.random.SeedSequence((int(state.seed), 0)).generate_state(1)[0]) % 2**30
    flat = (lambda seen: seen) if name == "CartPole-v1" else (lambda seen: np.eye(16)[seen])
    np.testing.assert_array_equal(first[:, 0, 0], flat(by_hand.reset(seed=seed)[0]).astype(np.float32))
    returns, played_now = np.zeros(3), np.ones(3, bool)
    for t, own in enumerate(np.asarray(actions)):
        seen, rewards, over, cut, _ = by_hand.step(own)
        np.testing.assert_array_equal(steps.observations[t, :, 0, 0], flat(seen).astype(np.float32))
        np.testing.assert_array_equal(steps.rewards[t], rewards)
        np.testing.assert_array_equal(steps.played[t], played_now)
        np.testing.assert_array_equal(steps.continues[t], played_now & ~over)
        np.testing.assert_array_equal(steps.ended[t], over | cut)
        returns += rewards
        np.testing.assert_array_equal(steps.returns[t], returns * (over | cut))
        returns, played_now = np.where(over | cut, 0, returns), ~(over | cut)
    assert steps.ended.sum() >= 4


def vectors(size):
    return gymnasium.make_vec("Acrobot-v1", num_envs=size, vectorization_mode="sync")


def same_step(size):
    mode = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}
    return gymnasium.make_vec("CartPole-v1", num_envs=size, vectorization_mode="sync", vector_kwargs=mode)


def test_vector_environments_of_ones_own_may_be_given():
    environment = from_gymnasium(vectors)
    assert environment.frame == (1, 1, 6)
    _, first, steps = played(environment, jnp.zeros((3, 2), int))
    assert first.shape == (2, 1, 1, 6)
    assert steps.played.all()


def test_what_gymnasium_cannot_play_is_told_in_one_line():
    with pytest.raises(ValueError, match=r"environment: 'CartPol-v1' cannot be made: .*CartPole"):
        from_gymnasium("CartPol-v1")
    with pytest.raises(ValueError, match="environment: actions are a Box; they must be discrete"):
        from_gymnasium("Pendulum-v1")
    with pytest.raises(ValueError, match=r"environment: autoreset mode .* is not allowed; it must be NEXT_STEP"):
        from_gymnasium(same_step)
    with pytest.raises(ValueError, match=r"settings: \('size',\) is not allowed; it must be of an environment by its"):
        from_gymnasium(vectors, size=3)
    with pytest.raises(ValueError, match=r"environment: 'nothing_here:Game-v0' cannot be made: .*nothing_here"):
        from_gymnasium("nothing_here:Game-v0")


def test_settings_of_gymnasium_may_be_lists():
    environment = from_gymnasium("FrozenLake-v1", desc=["SFF", "FFF", "FFG"])
    assert environment.frame == (1, 1, 9)
    assert environment == from_gymnasium("FrozenLake-v1", desc=["SFF", "FFF", "FFG"])


def test_environments_that_are_no_longer_kept_are_closed():
    closed = []

    class Closing(gymnasium.vector.SyncVectorEnv):
        def close_extras(self, **settings):
            closed.append(self.num_envs)
            super().close_extras(**settings)

    def make(size):
        return Closing([lambda: gymnasium.make("CartPole-v1")] * size)

    environment, batches = from_gymnasium(make), Batches(limit=4)
    closed.clear()  # that which was looked at
    for seed, size in enumerate((2, 1, 3)):
        batches.begin(environment, size, seed, 0)
    assert closed == [2]
    batches.end()
    assert closed == [2, 1, 3]


@pytest.mark.parametrize("call", ["gymnax", "gymnasium"])
def test_a_missing_extra_is_told(call):
    program = f"import sys; sys.modules['{call}'] = None; import lookax as lx; lx.from_{call}('CartPole-v1')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(f"{call} is not installed; {how_to_install(call)}")


def test_settings_name_them_and_networks_fit():
    settings = ActorCriticLearning(console="gymnax", game="CartPole-v1(max_steps_in_episode=20)")
    study = ActorCriticStudy(settings)
    study.validate()
    assert study.environment() == from_gymnax("CartPole-v1", max_steps_in_episode=20)
    network = jax.eval_shape(study.fresh_network, KEY)
    assert network.convolutions == ()
    assert network.hidden.weight.shape == (128, 4)
    hosted = ActorCriticStudy(
        dataclasses.replace(settings, console="gymnasium", game="CartPole-v1", batch_size=2000, seeds=3)
    )
    with pytest.raises(ValueError, match="seeds: 3 is not allowed; it must be at most 2 for Gymnasium with that batch"):
        hosted.validate()
    with pytest.raises(ValueError, match="environment: 'Cart' is not known"):
        ActorCriticStudy(dataclasses.replace(settings, game="Cart")).validate()
    # Frames that are large enough are convolved.
    pong = ActorCriticStudy(dataclasses.replace(settings, game="Pong-misc"))
    assert len(jax.eval_shape(pong.fresh_network, KEY).convolutions) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "console", "game"),
    [
        ("a2c-minatar", "gymnasium", "CartPole-v1"),
        ("mgrl-minatar", "gymnax", "CartPole-v1(max_steps_in_episode=20)"),
    ],
)
def test_actor_critics_learn_in_them_by_the_command(preset, console, game, tmp_path):
    small = ["--batch-size", "4", "--steps", "3", "--seeds", "1", "--total-updates", "2"]
    assert main(["run", preset, "--console", console, "--game", game, *small, "--out", str(tmp_path / "run")]) == 0


@pytest.mark.slow
def test_a2c_learns_to_balance_a_pole():
    environment = from_gymnax("CartPole-v1", max_steps_in_episode=200)
    learner = lx.A2C(
        environment=environment,
        network=lambda key: actor_critic(key, environment.frame, 2, convolutions=(), hidden_size=64),
        batch_size=32,
        steps=5,
        coefficients=Coefficients(discount=0.99, gae_lambda=0.95, value_coefficient=0.5, entropy_coefficient=0.01),
        optimiser=learning_optimiser(0.002, max_norm=0.5, total_steps=None),
    )
    _, history = jax.jit(lambda key: lx.train(learner, key, 600))(KEY)
    # Of random actions it is 22.
    assert history["score"][50] < 60
    assert history["score"][-1] > 100
