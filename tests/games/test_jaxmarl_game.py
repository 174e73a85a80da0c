"""JaxMARL's environments as games, against the environments stepped by hand."""

import subprocess
import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lookax_examples.harvest import Harvest

import lookax as lx
from lookax.games.adapters.by_name import game_by_name, name_and_settings
from lookax.games.adapters.jaxmarl_game import JaxMARLGame, from_jaxmarl, imported
from lookax.games.adapters.settings import frozen_settings, thawed_settings
from lookax.imports import how_to_install

KEY = jax.random.key(5)
STEPS = 12

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _single_precision():
    with jax.enable_x64(False):
        yield


ENVIRONMENTS = {
    "coin_game": {"num_inner_steps": 5, "num_outer_steps": 2},
    "overcooked": {"max_steps": 7},
    "storm_2p": {"num_inner_steps": 4},
    "storm_np": {"num_agents": 3},
    "MPE_simple_speaker_listener_v4": {},
}


def made(name):
    """An environment of JaxMARL; JaxMARL says of some that there are newer ones, and casts to truth values."""
    return imported().make(name, **ENVIRONMENTS[name])


def by_hand(environment, of_agents, as_actions, actions, key):
    """All steps of an environment: each agent's flat observations, and rewards."""

    def step(state, now):
        actions, key = now
        observations, state, rewards, dones, _ = environment.step(key, state, as_actions(actions))
        return state, (of_agents(observations), of_agents(rewards), dones["__all__"])

    def run():
        observations, state = environment.reset(key)
        return of_agents(observations), jax.lax.scan(step, state, (actions, jax.random.split(key, len(actions))))[1]

    return jax.tree.map(np.asarray, jax.jit(run)())


def of_game(game, actions, key):
    def seen(state):
        return [game.observe(state, player) for player in range(game.num_players)]

    def step(state, now):
        state, rewards = game.step(now[1], state, now[0])
        return state, (seen(state), rewards)

    def run():
        state = game.reset(key)
        return seen(state), jax.lax.scan(step, state, (actions, jax.random.split(key, len(actions))))[1]

    return jax.tree.map(np.asarray, jax.jit(run)())


SLOW = pytest.mark.slow  # to compile

NAMES = [pytest.param(name, marks=SLOW if name.startswith("storm") else ()) for name in (*ENVIRONMENTS, "harvest")]


@pytest.mark.parametrize("name", NAMES)
def test_a_game_is_the_environment_stepped_by_hand(name):
    environment: Any = Harvest(3, steps=5) if name == "harvest" else made(name)
    game, agents = from_jaxmarl(environment), environment.agents
    lx.check_game(game)
    assert game.num_actions == tuple(environment.action_space(agent).n for agent in agents)
    actions = jax.random.randint(KEY, (STEPS, len(agents)), 0, jnp.array(game.num_actions))
    named = isinstance(agents[0], str)
    (first, (seen, rewards, over)), (own_first, (own_seen, own_rewards)) = (
        by_hand(
            environment,
            lambda tree: [tree[agent] for agent in agents],
            lambda actions: dict(zip(agents, actions, strict=True)) if named else actions,
            actions,
            KEY,
        ),
        of_game(game, actions, KEY),
    )
    for player in range(len(agents)):
        # storm_2p's have two parts, the inventory and what is around.
        parts = [leaf.astype(np.float32).ravel() for leaf in jax.tree.leaves(first[player])]
        np.testing.assert_array_equal(own_first[player], np.concatenate(parts))
        parts = [leaf.astype(np.float32).reshape(STEPS, -1) for leaf in jax.tree.leaves(seen[player])]
        np.testing.assert_array_equal(own_seen[player], np.concatenate(parts, axis=1))
        np.testing.assert_array_equal(own_rewards[:, player], rewards[player])
    # The next episode follows within the step, here as there.
    assert over.any() == (name not in ("storm_np", "MPE_simple_speaker_listener_v4"))


class Seen(NamedTuple):
    """What two agents see together."""

    grid: jax.Array
    time: jax.Array


def test_parts_of_all_agents_together_are_seen_by_each():
    game = JaxMARLGame(Harvest(2))
    both = {"grid": jnp.arange(6.0).reshape(2, 3), "shared": jnp.array([7.0, 8.0, 9.0])}
    one, other = game._flat(both)
    np.testing.assert_array_equal(one, [0, 1, 2, 7, 8, 9])
    np.testing.assert_array_equal(other, [3, 4, 5, 7, 8, 9])
    # Fields are parts, whether or not there are as many as agents; numbers are seen by both.
    one, other = game._flat(Seen(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array(5.0)))
    np.testing.assert_array_equal(one, [1, 2, 5])
    np.testing.assert_array_equal(other, [3, 4, 5])
    one, other = game._flat((jnp.array([1.0]), jnp.array([2.0, 3.0])))
    np.testing.assert_array_equal(other, [2, 3])
    with pytest.raises(ValueError, match="environment: 'a tuple of 3 parts' is not allowed; it must be of one part"):
        game._flat((jnp.zeros(1), jnp.zeros(1), jnp.zeros(1)))


class Count(NamedTuple):
    """A space of another kind with a number, as those of several bits are."""

    n: int = 3


def test_a_number_alone_makes_no_discrete_space():
    environment: Any = Harvest(2)
    environment.action_space = lambda agent: Count()
    with pytest.raises(ValueError, match=r"environment: actions of agent .* are a Count; they must be discrete"):
        from_jaxmarl(environment)


def test_many_games_are_played_at_once():
    game = from_jaxmarl("coin_game", num_inner_steps=5)
    games = lx.match(game, ["random", "random"], KEY, horizon=8, batch_size=16)
    assert games.rewards.shape == (8, 2, 16)
    assert float(jnp.abs(games.rewards).sum()) > 0


def test_equal_settings_make_the_same_environment():
    one, same, other = (from_jaxmarl("coin_game", num_inner_steps=steps) for steps in (5, 5, 6))
    assert one == same
    assert one != other
    lists = from_jaxmarl("coin_game", payoff_matrix=[[1, 1, -3], [1, 1, -3]])
    assert lists.environment.payoff_matrix[0][2] == -3
    assert lists == from_jaxmarl("coin_game", payoff_matrix=[[1, 1, -3], [1, 1, -3]])
    assert lists != from_jaxmarl("coin_game", payoff_matrix=[[1, 1, -3], [1, 1, -4]])


def test_settings_come_back_as_they_were():
    array = np.arange(3)
    settings = {"b": [1, {"x": {3, 4}}], "a": (array, [2]), "c": "text"}
    frozen = frozen_settings(settings)
    assert hash(frozen) == hash(frozen_settings(settings))
    assert frozen == frozen_settings(settings)
    assert frozen != frozen_settings(settings | {"b": (1, {"x": {3, 4}})})
    assert frozen != frozen_settings(settings | {"a": (np.arange(3), [2])})
    thawed = thawed_settings(frozen)
    assert thawed["a"][0] is array
    assert thawed == settings


def test_games_are_known_by_names_with_settings():
    game = game_by_name("jaxmarl:coin_game(num_inner_steps=5, egocentric=True)")
    assert game == from_jaxmarl("coin_game", num_inner_steps=5, egocentric=True)
    assert game_by_name("lookax.games.coin_game:OneCoinGame").num_actions == (4, 4)
    assert name_and_settings("game", "humanoid_9|8") == ("humanoid_9|8", {})
    assert name_and_settings("game", "a(b=[1, 'x'], c=-2.5)") == ("a", {"b": [1, "x"], "c": -2.5})
    for wrong in ("a(3)", "a(b=open)", "a(b=1", "a(b=1).c", "a(**{})", "a(b={[]: 1})", "a(b=1)(c=2)", "a(b=1, b=2)"):
        with pytest.raises(ValueError, match=r"game: 'a\(.*is not allowed; it must be NAME or NAME\(setting=value"):
            name_and_settings("game", wrong)
    with pytest.raises(ValueError, match=r"game: 'lookax:MatrixGame' cannot be made: .*'payoffs'"):
        game_by_name("lookax:MatrixGame")
    with pytest.raises(ValueError, match=r"environment: 'coin_game' cannot be made: .*'environment'"):
        game_by_name("jaxmarl:coin_game(environment=3)")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("coin_gam", {}, "environment: 'coin_gam' is not known; did you mean coin_game?"),
        ("coin_game", {"size": 3}, "environment: 'coin_game' cannot be made: .*unexpected keyword argument 'size'"),
        ("hanabi", {"num_agents": 90}, "environment: 'hanabi' cannot be made: "),
        ("MPE_simple_facmac_v1", {}, "environment: actions of agent 'adversary_0' are a Box; they must be discrete"),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(name, settings, message):
    with pytest.raises(ValueError, match=message) as told:
        from_jaxmarl(name, **settings)
    assert "\n" not in str(told.value)


def test_settings_are_of_environments_by_name():
    with pytest.raises(ValueError, match=r"settings: .*'size'.* is not allowed; it must be of an environment"):
        from_jaxmarl(Harvest(), size=3)


def test_jaxmarl_prints_nothing_and_leaves_where_output_goes():
    program = (
        "import io, sys; sys.stdout = out = io.StringIO(); sys.stderr = errors = io.StringIO()\n"
        "from lookax.games.adapters.jaxmarl_game import imported; imported()\n"
        "assert sys.stdout is out and sys.stderr is errors and not out.getvalue()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_a_missing_extra_is_told():
    program = "import sys; sys.modules['jaxmarl'] = None; import lookax as lx; lx.from_jaxmarl('coin_game')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(f"jaxmarl is not installed; {how_to_install('jaxmarl')}")
