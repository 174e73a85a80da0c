"""Surrogates of sampled games by their baselines, against sums that are written out."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.experiments.registry import PRESETS
from lookax.experiments.studies.study import study_of
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.objectives.sampled_objectives import SampledObjectives, observe
from lookax.policies.actor import MixedActors, actor_of, actors_of
from lookax.policies.strategies import strategy
from lookax.rollouts.games import observed_by
from lookax.rollouts.microbatches import Play
from lookax.surrogates.advantages import generalised_advantages
from lookax.surrogates.baselines import linear_baseline, other_games_mean
from tests.learners.all_games import agent_of

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
OBJECTIVES = SampledObjectives(discount=0.9, gae_lambda=0.7, dice_decay=0.6)
BATCH, HORIZON, DEFECTORS = 16, 4, 4
close = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7)
"""The game's payoffs are in single precision."""


@functools.cache
def played():
    """Games of two agents, of which the last four of sixteen are against a defector, and those who played them."""
    keys = jax.random.split(jax.random.key(2), 3)
    policies = agent_of(keys[0]).policy, agent_of(keys[1]).policy
    play = Play(game=GAME, horizon=HORIZON, batch_size=BATCH)
    return policies, jax.jit(lambda policies: observe(play(actors(policies), keys[2])))(policies)


def actors(policies):
    mine, theirs = actors_of(GAME, policies)
    defector = actor_of(GAME, strategy("always-defect", GAME, 1), 1)
    return mine, MixedActors((theirs, defector), (1 - DEFECTORS / BATCH, DEFECTORS / BATCH))


def taken(policies, games):
    """Log-probabilities of all that was done, `[T, B]`."""
    logs = [jax.nn.log_softmax(observed_by(actor, games)[1], axis=1) for actor in actors(policies)]
    pairs = zip(logs, games.actions.swapaxes(0, 1), strict=True)
    each = [jnp.take_along_axis(own[:-1], actions[:, None], axis=1)[:, 0] for own, actions in pairs]
    return jnp.stack(each).sum(axis=0)


def returns_of(rewards):
    left = np.zeros((HORIZON + 1, BATCH))
    for t in reversed(range(HORIZON)):
        left[t] = rewards[t] + 0.9 * left[t + 1]
    return jnp.asarray(left[:-1])


@pytest.mark.parametrize(("baseline", "player"), [("mean", 0), ("mean", 1), ("linear", 0)])
def test_first_derivatives_are_those_of_advantages_over_the_batchs_own_baseline(baseline, player):
    policies, observed = played()
    games = jax.tree.map(lambda leaf: leaf[0, 0], observed.games)
    returns, ends = returns_of(np.asarray(games.rewards[:, player])), (0, BATCH - DEFECTORS, BATCH)
    if baseline == "mean":
        values = other_games_mean(returns, ends)
    else:
        values = linear_baseline(games.hidden_states[0][:-1], returns, 0.9, ends)
    values = jnp.concatenate([values, jnp.zeros((1, BATCH))])
    advantages = jax.vmap(lambda r, v: generalised_advantages(r, v, 0.9, 0.7), 1, 1)(games.rewards[:, player], values)

    def written_out(policies):
        return (0.9 ** jnp.arange(HORIZON) @ (advantages * taken(policies, games))).mean()

    objectives = dataclasses.replace(OBJECTIVES, baseline=baseline)
    ours = jax.jit(jax.grad(lambda policies: objectives.policy(actors(policies), player, observed)))(policies)
    expected = jax.jit(jax.grad(written_out))(policies)
    for mine, theirs in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
        close(mine, theirs)


def test_a_linear_baseline_is_of_what_the_player_itself_remembers():
    policies, _ = played()
    play = Play(game=GAME, horizon=HORIZON, batch_size=BATCH)
    objectives = dataclasses.replace(OBJECTIVES, baseline="linear")

    @jax.jit
    def both(policies):
        observed = observe(play(actors_of(GAME, policies), jax.random.key(4)))
        games = jax.tree.map(lambda leaf: leaf[0, 0], observed.games)
        ours = objectives._values(actors_of(GAME, policies), 1, jax.tree.map(lambda leaf: leaf[0, 0], observed))
        return ours, games

    ours, games = both(policies)
    returns = returns_of(np.asarray(games.rewards[:, 1]))
    close(ours[:-1], linear_baseline(games.hidden_states[1][:-1], returns, 0.9, (0, BATCH)))


def test_an_opponent_that_remembers_no_numbers_has_the_mean_as_its_baseline():
    settings = PRESETS["pola-figure4-laptop-pola-dice-few-games-tremble-defectors"].settings
    study = study_of(dataclasses.replace(settings, opponent="tit-for-tat", outer_steps=1))
    state = jax.eval_shape(study.init, jax.random.key(0))
    jax.eval_shape(study.update, jax.random.key(0), state)


def test_a_player_that_is_several_actors_has_no_linear_baseline():
    policies, observed = played()
    objectives = dataclasses.replace(OBJECTIVES, baseline="linear")
    rule = "baseline: 'linear' is not allowed; it must be another one for a player that is several actors"
    with pytest.raises(ValueError, match=rule):
        jax.eval_shape(lambda policies: objectives.policy(actors(policies), 1, observed), policies)


def test_a_decay_forgets_what_was_done_earlier_in_second_derivatives():
    policies, observed = played()
    games = jax.tree.map(lambda leaf: leaf[0, 0], observed.games)
    directions = jax.tree.map(jnp.ones_like, policies)

    def along(function):
        """The second derivative along one direction."""

        def moved(step):
            return function(jax.tree.map(lambda leaf, by: leaf + step * by, policies, directions))

        return jax.jit(jax.grad(jax.grad(moved)))(0.0)

    rewards = np.asarray(games.rewards[:, 0])
    left = np.asarray(returns_of(rewards))

    def written_out(decay, policies):
        # Σₜ γᵗ Gₜ (□(wₜ) − □(vₜ)), by a loop over steps.
        logs, past, total = taken(policies, games), jnp.zeros(BATCH), 0.0
        for t in range(HORIZON):
            before = decay * past
            past = before + logs[t]
            terms = [jnp.exp(each - jax.lax.stop_gradient(each)) for each in (past, before)]
            total = total + 0.9**t * jnp.mean(left[t] * (terms[0] - terms[1]))
        return total

    found = {}
    for decay in (0.0, 0.6, 1.0):
        objectives = SampledObjectives(discount=0.9, baseline="zero", dice_decay=decay)
        found[decay] = along(lambda policies, own=objectives: own.policy(actors(policies), 0, observed))
        close(found[decay], along(functools.partial(written_out, decay)))
    assert abs(found[0.0] - found[0.6]) > 0.01 * abs(found[0.6])
