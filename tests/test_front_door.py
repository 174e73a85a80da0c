"""What `import lookax as lx` offers."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lookax as lx


def test_every_name_at_the_door_is_there():
    assert len(lx.__all__) > 25
    for name in lx.__all__:
        value = getattr(lx, name)
        assert isinstance(value, dict) or value.__module__.startswith("lookax."), name
    assert set(lx.__all__) <= set(dir(lx))


def test_importing_lookax_imports_nothing_else():
    program = "import sys, lookax; print(*[name for name in ('jax', 'numpy', 'optax') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def exact_lola():
    game = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    maker = lx.PolicyMaker(game, "tabular")
    return lx.LOLA(
        game=lx.ExactPlay(game, maker.observations(), 0.96),
        initial=maker.initial,
        optimiser=lx.Optimiser(optax.sgd, learning_rate=1.0),
        shaping=lx.Shaping(lookahead=lx.Lookahead(lx.Optimiser(optax.sgd, learning_rate=1.0))),
    )


def test_train_makes_the_updates_of_a_learner():
    learner, key = exact_lola(), jax.random.key(0)
    state, history = jax.jit(lambda key: lx.train(learner, key, 3))(key)
    assert history["returns"].shape == (3, 2)

    # By hand: the first state by one half of the key, every update by a key of its own from the other.
    init_key, rest = jax.random.split(key)
    own = learner.init(init_key)
    for number, update_key in enumerate(jax.random.split(rest, 3)):
        own, metrics = jax.jit(lambda key, state: learner.update(key, state))(update_key, own)
        np.testing.assert_allclose(history["returns"][number], metrics["returns"], rtol=1e-10)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-10), state, own)


def test_train_goes_on_from_a_state_and_maps_over_keys():
    learner = exact_lola()
    histories = jax.jit(jax.vmap(lambda key: lx.train(learner, key, 2)[1]))(jax.random.split(jax.random.key(1), 4))
    assert histories["returns"].shape == (4, 2, 2)
    state = learner.init(jax.random.key(2))
    _, history = jax.jit(lambda key, state: lx.train(learner, key, 1, state=state))(jax.random.key(3), state)
    np.testing.assert_allclose(history["returns"][0], learner.game.values(state.policies), rtol=1e-10)
    with pytest.raises(ValueError, match="updates: 0 is not allowed; it must be at least 1"):
        lx.train(learner, jax.random.key(0), 0)
    assert jnp.isfinite(history["returns"]).all()


class Drawing:
    """A learner whose states and metrics are draws."""

    def init(self, key):
        return jax.random.uniform(key)

    def update(self, key, state):
        return state, {"before": state, "drawn": jax.random.uniform(key)}


def test_every_update_draws_by_a_key_of_its_own():
    state, history = lx.train(Drawing(), jax.random.key(4), 5)
    assert len({float(state), *map(float, history["drawn"])}) == 6
    _, history = lx.train(Drawing(), jax.random.key(4), 2, state=jnp.array(7.0))
    np.testing.assert_array_equal(history["before"], [7.0, 7.0])
