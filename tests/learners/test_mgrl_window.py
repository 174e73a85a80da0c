"""What MGRL learns from what, and is judged by: whole windows against ones that are written out here."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lookax.games.arcade.environment import Step
from lookax.learners.mgrl import MGRL, InnerObjective, OuterObjective, recorded_meta_gradient
from lookax.learners.objectives.actor_critic import Coefficients
from lookax.lookahead.adjoints import ForwardOverReverseAdjoint
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.recorded import recorded_step
from lookax.policies.convolutional import actor_critic
from lookax.rollouts.environments import act

KEY = jax.random.key(12)
BATCH, STEPS, INNER_STEPS, META_STEP = 3, 4, 2, 0.5
OUTER = OuterObjective(
    discount=0.9, gae_lambda=0.8, value_coefficient=0.1, entropy_coefficient=0.02, kl_coefficient=0.3
)


class Circle:
    """Five places in a circle; an action is one step or three, each place pays something else, and one is the end."""

    num_actions = 2
    frame = (1, 1, 2)

    def reset(self, key, batch_size):
        del key
        places = jnp.arange(batch_size)
        return places, self._seen(places)

    def step(self, key, state, actions):
        del key
        places = (state + 1 + 2 * actions) % 5
        rewards = jnp.array([2.0, -1.0, 0.5, 0.0, 1.0])[places] + 0.3 * actions
        ended = places == 0
        made = Step(self._seen(places), rewards, ~ended, jnp.ones_like(ended), jnp.zeros_like(rewards), ended)
        return places, made

    def _seen(self, places):
        angles = 2 * jnp.pi * places / 5
        return jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)[:, None, None, :]


def quick(function):
    """Compiled without optimisation: it runs a few times."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


class ByHand:
    """Every update has a rollout of its own: the first one the last window's, the others of the network before them."""

    def __init__(self, inner, lookahead):
        self._update = quick(
            lambda network, state, meta, rollout: recorded_step(
                inner.objective, network, state, (meta, rollout), lookahead.optimiser
            )
        )
        self._act = quick(lambda network, env_state, key: act(Circle(), network, env_state, key, STEPS)[:2])
        # What this gradient is: tests/learners/test_mgrl.py.
        self._gradient = quick(lambda *window: recorded_meta_gradient(inner, lookahead, OUTER, *window))

    def __call__(self, key, network, optimiser_state, meta, env_state, rollout):
        steps, rollouts = [], [rollout]
        for own in jax.random.split(key, INNER_STEPS):
            (network, optimiser_state), step = self._update(network, optimiser_state, meta, rollouts[-1])
            env_state, fresh = self._act(network, env_state, own)
            steps.append(step)
            rollouts.append(fresh)
        gradient = self._gradient(meta, stacked(steps), network, stacked(rollouts[:-1]), rollouts[-1])
        meta = jax.tree.map(lambda logit, up: logit + META_STEP * up, meta, gradient)
        return network, optimiser_state, meta, env_state, rollouts[-1]


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def test_windows_are_those_by_hand():
    # With momentum, so that the optimiser's state matters.
    inner, lookahead = (
        InnerObjective(),
        Lookahead(optax.sgd(0.1, momentum=0.9), INNER_STEPS, ForwardOverReverseAdjoint()),
    )
    meta = Coefficients(
        discount=jnp.array(2.0, float),
        gae_lambda=jnp.array(1.0, float),
        value_coefficient=jnp.array(0.3, float),
        entropy_coefficient=jnp.array(-2.0, float),
    )
    network = actor_critic(KEY, Circle.frame, 2, convolutions=(), hidden_size=4, critic_discount=True)
    learner = MGRL(
        environment=Circle(),
        network=lambda _: network,
        meta=meta,
        batch_size=BATCH,
        steps=STEPS,
        inner=inner,
        lookahead=lookahead,
        outer=OUTER,
        meta_optimiser=optax.sgd(META_STEP),
    )
    state = quick(lambda key: learner.init(key))(jax.random.key(16))
    update, by_hand = quick(lambda key, state: learner.update(key, state)), ByHand(inner, lookahead)
    now = state.network, state.optimiser_state, state.meta, state.env_state, state.rollout
    seen = [np.asarray(state.rollout.actions)]
    for window in range(2):
        key = jax.random.fold_in(KEY, window)
        state, _ = update(key, state)
        now = by_hand(key, *now)
        found = state.network, state.optimiser_state, state.meta, state.env_state, state.rollout
        for one, other in zip(*map(jax.tree.leaves, (found, now)), strict=True):
            # The same sums in double precision, compiled apart; meta-gradients are of order 1e-3.
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        seen.append(np.asarray(state.rollout.actions))
    # Windows that are told apart: meta-parameters have moved, and rollouts differ.
    assert all(
        abs(float(one - other)) > 1e-5 for one, other in zip(*map(jax.tree.leaves, (state.meta, meta)), strict=True)
    )
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[1], seen[2])
