"""Models of opponents, learned from play."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives, observe
from lookax.learners.opponents.imitation import Imitation
from lookax.policies.actor import actors_of
from lookax.policies.strategies import strategy
from lookax.rollouts.games import observed_by
from lookax.rollouts.microbatches import Play
from tests.networks import drawn_network

PLAYER, HORIZON = 1, 5


@pytest.fixture(autouse=True)
def float32():
    with jax.enable_x64(False):
        yield


def quick(function):
    """Compiled without optimisation: it runs for milliseconds."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def agent(seed, scale):
    return Agent(drawn_network(seed, 6, 2, scale=scale), drawn_network(seed + 1, 6, 1, scale=0.5))


def setting(batches, **changes):
    game = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
    imitation = Imitation(
        play=Play(game=game, horizon=HORIZON, batch_size=256),
        objectives=SampledObjectives(discount=0.9),
        optimiser=optax.adam(0.01),
        critic_optimiser=optax.adam(0.01),
        batches=batches,
        **changes,
    )
    # The opponent's logits are up to about 2: far from even odds.
    return game, imitation, (agent(0, 1.0), agent(2, 1.0)), agent(4, 0.5)


def divergence(game, truth, model, games):
    """Mean over visited histories of KL(truth ‖ model), in the first player's seat."""
    logs = []
    for own in (truth, model):
        actor = own.policy.actor(game, 0)
        logs.append(jax.nn.log_softmax(observed_by(actor, games)[1], axis=1))
    return float((jnp.exp(logs[0]) * (logs[0] - logs[1])).sum(axis=1).mean())


def critic_error(game, objectives, own, games):
    seen = observe(games, critic=own.critic.actor(game, 0))
    return -float(objectives.critic(own.critic.actor(game, 0), 0, seen))


@pytest.mark.slow
def test_a_model_recovers_the_opponents_policy_from_play():
    # 1500 batches of 256 games of 5 steps are two million actions. Some fifty parameters that are estimated from the n
    # last ones are off by a KL of 50/(2n); as steps get smaller, Adam's average spans the 10⁵ and more that this takes.
    game, imitation, agents, model = setting(1500)
    imitation = dataclasses.replace(imitation, optimiser=optax.adam(optax.cosine_decay_schedule(0.02, 1500)))
    fit = jax.jit(lambda key, model: imitation.fit(key, PLAYER, agents, (model,)))
    [learned], loss = fit(jax.random.key(0), model)
    play = Play(game=game, horizon=HORIZON, batch_size=256)
    pieces = play(actors_of(game, [own.policy for own in agents]), jax.random.key(9))
    games = jax.tree.map(lambda leaf: leaf[0, 0], pieces)
    before, after = (divergence(game, agents[0], own, games) for own in (model, learned))
    assert before > 0.05
    assert after < 1e-3
    # Of the opponent's actions, cross-entropy is entropy and this divergence.
    actor = agents[0].policy.actor(game, 0)
    log_probs = jax.nn.log_softmax(observed_by(actor, games)[1], axis=1)[:-1]
    entropy = float(-(jnp.exp(log_probs) * log_probs).sum(axis=1).mean())
    # One batch of 1280 actions, of log-probabilities with a deviation below 1: four standard errors, twice.
    np.testing.assert_allclose(float(loss), entropy, atol=2 * 4 / np.sqrt(1280))
    errors = [critic_error(game, imitation.objectives, own, pieces) for own in (model, learned)]
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.slow
def test_a_fixed_strategy_is_recovered_too():
    game, imitation, agents, model = setting(100)
    imitation = dataclasses.replace(imitation, optimiser=optax.adam(0.05))
    fixed = Agent(strategy("tit-for-tat", game, 0), None)
    [learned], loss = jax.jit(lambda key, model: imitation.fit(key, PLAYER, (fixed, agents[1]), (model,)))(
        jax.random.key(0), model
    )
    assert loss < 0.05
    [actor] = actors_of(game, [learned.policy])
    games = jax.tree.map(
        lambda leaf: leaf[0, 0],
        Play(game=game, horizon=HORIZON, batch_size=64)(
            actors_of(game, [fixed.policy, agents[1].policy]), jax.random.key(9)
        ),
    )
    chosen = observed_by(actor, games)[1][:-1].argmax(axis=1)
    np.testing.assert_array_equal(chosen, games.actions[:, 0])


def test_one_batch_by_hand_and_agents_without_critics():
    # A step of plain ascent on one batch; and cross-entropy is that of the model before the last step.
    game, imitation, agents, model = setting(1)
    imitation = dataclasses.replace(imitation, optimiser=optax.sgd(0.5))
    bare = Agent(model.policy, None)
    [learned], loss = jax.jit(lambda key: imitation.fit(key, PLAYER, agents, (bare,)))(jax.random.key(0))
    assert learned.critic is None

    @quick
    def by_hand(policy, key):
        pieces = imitation.play(actors_of(game, [own.policy for own in agents]), jax.random.split(key, 1)[0])
        games = jax.tree.map(lambda leaf: leaf[0, 0], pieces)

        def likelihood(policy):
            actor = policy.actor(game, 0)
            log_probs = jax.nn.log_softmax(observed_by(actor, games)[1], axis=1)[:-1]
            return jnp.take_along_axis(log_probs, games.actions[:, :1], axis=1).mean()

        return jax.value_and_grad(likelihood)(policy)

    value, slope = by_hand(bare.policy, jax.random.key(0))
    # Single precision, sums of 1280 terms in another order.
    np.testing.assert_allclose(loss, -value, rtol=1e-5)
    for ours, old, up in zip(*map(jax.tree.leaves, (learned.policy, bare.policy, slope)), strict=True):
        np.testing.assert_allclose(ours, np.asarray(old) + 0.5 * np.asarray(up), atol=1e-5)


def test_two_steps_on_one_batch_by_hand_from_the_opponents_actions_and_rewards():
    # In the dilemma what the one gains the other loses: neither actions nor rewards are the same from both seats.
    game, imitation, agents, model = setting(1, steps=2)
    imitation = dataclasses.replace(
        imitation,
        play=Play(game=game, horizon=HORIZON, batch_size=16),
        optimiser=optax.sgd(0.5),
        critic_optimiser=optax.sgd(0.01),
    )
    [learned], loss = quick(lambda key: imitation.fit(key, PLAYER, agents, (model,)))(jax.random.key(0))

    @quick
    def played(key):
        pieces = imitation.play(actors_of(game, [own.policy for own in agents]), jax.random.split(key, 1)[0])
        return jax.tree.map(lambda leaf: leaf[0, 0], pieces)

    games = played(jax.random.key(0))

    @quick
    def step(now):
        def likelihood(policy):
            log_probs = jax.nn.log_softmax(observed_by(policy.actor(game, 0), games)[1], axis=1)[:-1]
            return jnp.take_along_axis(log_probs, games.actions[:, :1], axis=1).mean()

        def accuracy(critic):
            values = observed_by(critic.actor(game, 0), games)[1][:, 0]
            target, errors = jax.lax.stop_gradient(values[-1]), jnp.zeros(16)
            for t in reversed(range(HORIZON)):
                target = games.rewards[t, 0] + 0.9 * target
                errors = errors + (target - values[t]) ** 2
            return -errors.mean()

        value, up = jax.value_and_grad(likelihood)(now.policy)
        critic = jax.tree.map(lambda old, up: old + 0.01 * up, now.critic, jax.grad(accuracy)(now.critic))
        return Agent(jax.tree.map(lambda old, up: old + 0.5 * up, now.policy, up), critic), -value

    first, _ = step(model)
    second, last_loss = step(first)
    # Single precision, sums of 80 terms of order 1 in another order.
    np.testing.assert_allclose(loss, last_loss, rtol=1e-5)
    for ours, own in zip(*map(jax.tree.leaves, (learned, second)), strict=True):
        np.testing.assert_allclose(ours, own, atol=1e-5)
    for before, after in ((model, first), (first, second)):
        for old, new in ((before.policy, after.policy), (before.critic, after.critic)):
            pairs = zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)
            assert max(np.abs(np.asarray(a) - np.asarray(b)).max() for a, b in pairs) > 1e-3


@pytest.mark.parametrize("field", ["batches", "steps"])
def test_numbers_below_one_are_refused(field):
    _, imitation, *_ = setting(1)
    with pytest.raises(ValueError, match=f"^{field}: 0 is not allowed; it must be at least 1$"):
        dataclasses.replace(imitation, **{field: 0})
