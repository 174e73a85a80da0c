"""LOLA-DiCE on the memory-one prisoner's dilemma against numbers that the original code of GMRL gave.

What was run, with which policies and games: the header of tests/data/gmrl_lola_dice.json. The learner makes whole
updates here; only playing is replaced, by the recorded actions of each batch of games.
"""

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.choices import GameEstimator
from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.lola_dice import LOLADiCE, LOLADiCEState
from lookax.learners.objectives import game_returns
from lookax.learners.objectives.critic import TabularCritic
from lookax.learners.objectives.game_returns import PlayedReturn, ReplayedReturn
from lookax.learners.objectives.replay import replay_buffer
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.factory import PolicyMaker
from lookax.policies.tabular import TabularPolicy
from lookax.rollouts.tabular import look_up
from lookax.rollouts.trajectory import Trajectory

ORIGINAL = json.loads((Path(__file__).parents[1] / "data" / "gmrl_lola_dice.json").read_text(encoding="utf-8"))
HORIZON, BATCH = ORIGINAL["horizon"], ORIGINAL["batch"]
KEY = jax.random.key(0)
# Theirs are start, DD, DC, CD, CC by own view; ours end with the start, and a critic's states are the first player's.
OWN_VIEW, SECONDS_VALUES = [1, 2, 3, 4, 0], [1, 3, 2, 4, 0]

# Sums of some hundred products in double precision, of which two digits cancel at most.
ROUNDING: Any = {"rtol": 1e-11, "atol": 1e-12}


class Recording:
    """The actions `[T, N, B]` of the batch that is played next."""

    actions: Any = None

    def play_games(self, play, policies, key, horizon, batch_size, values=None):
        del key
        assert self.actions.shape == (horizon, play.num_players, batch_size)
        joint = play.game.joint_action(self.actions)
        states = [jnp.full(batch_size, play.game.histories.start)]
        for t in range(horizon):
            states.append(jnp.asarray(play.game.histories.successors)[states[-1], joint[t]])
        states = jnp.stack(states)
        rewards = jnp.moveaxis(play.game.payoffs.reshape(play.num_players, -1)[:, joint], 0, 1)
        tables = [play.log_probs_in_game_order(player, policy) for player, policy in enumerate(policies)]
        log_probs = [look_up(table, states[:-1], self.actions[:, i]) for i, table in enumerate(tables)]
        recorded = None if values is None else jnp.moveaxis(values[:, states], 0, 1)
        return jax.lax.stop_gradient(Trajectory(states, self.actions, rewards, jnp.stack(log_probs, 1), recorded))


class InnerReturn(eqx.Module):
    """An estimate whose batches are recorded ones; how many there have been is remembered."""

    estimate: Any
    recording: Recording = eqx.field(static=True)
    batches: Any

    def prepare(self, play, policies, values, buffer, key):
        count, kept = buffer
        self.recording.actions = self.batches[count]
        games, kept = self.estimate.prepare(play, policies, values, kept, key)
        return games, (count + 1, kept)

    def __call__(self, *arguments):
        return self.estimate(*arguments)


class OuterReturn(PlayedReturn):
    """The same for the outer estimate, which remembers nothing and is made once for each player."""

    recording: Any = eqx.field(static=True, default=None)
    batches: Any = eqx.field(static=True, default=None)

    def prepare(self, play, policies, values, buffer, key):
        self.recording.actions = self.batches()
        return super().prepare(play, policies, values, buffer, key)


@pytest.fixture
def recording(monkeypatch):
    recording = Recording()
    monkeypatch.setattr(game_returns, "play_games", recording.play_games)
    return recording


def prisoners_dilemma():
    game = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
    return ExactPlay(game, PolicyMaker(game, "tabular").observations(), 0.96)


def policies_of(theta):
    return tuple(TabularPolicy(-jnp.array(own)[jnp.array(OWN_VIEW), None]) for own in theta)


def values_of(values):
    return jnp.stack(
        [jnp.array(own)[jnp.array(order)] for own, order in zip(values, (OWN_VIEW, SECONDS_VALUES), strict=True)]
    )


def batches(games, of=(0, 1)):
    """Recorded actions, of the lookahead of the first player first."""
    return jnp.array([game["actions"] for player in of for game in games if game["of"] == player])


def outer_return(recording, batches, estimator: GameEstimator = "dice-baseline"):
    return OuterReturn(estimator=estimator, batch_size=BATCH, horizon=HORIZON, recording=recording, batches=batches)


ADAM = optax.adam(0.1)
CRITIC = TabularCritic(optimiser=ADAM, target="rewards")


def learner(inner, hessian, outer, steps=1):
    play = prisoners_dilemma()
    return LOLADiCE(
        game=play,
        initial=lambda _: (),
        inner=inner,
        hessian=hessian,
        outer=outer,
        optimiser=ADAM,
        critic=CRITIC,
        lookahead=Lookahead(optax.sgd(0.3), steps),
    )


def first_state(buffer):
    policies: Any = policies_of(ORIGINAL["theta"])
    values = values_of(ORIGINAL["values"])
    return LOLADiCEState(policies, tuple(map(ADAM.init, policies)), values, ADAM.init(values), buffer)


def quick(function):
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def assert_updates_are_theirs(make, theirs, state, inner):
    """Updates of `make(inner, outer)`, with all inner batches in their order and one update's outer ones."""
    outer = theirs["games"]["outer"]

    @quick
    def update(state, inner, outer):
        own = make(inner, iter(outer).__next__)
        found, buffer = own.look_ahead(KEY, state)
        gradients, games = own.gradients(own.outer, found, KEY, state)
        return own.step(gradients, games, buffer, state)[0], gradients

    for number, (theta, values) in enumerate(zip(theirs["theta"], theirs["values"], strict=True)):
        state, gradients = update(state, inner, batches(outer[2 * number : 2 * (number + 1)]))
        for i, gradient in enumerate(gradients):
            # Theirs are of −J in logits of defection; of J in logits of cooperation they are the same.
            expected = np.array(theirs["gradients"][2 * number + i])[OWN_VIEW]
            np.testing.assert_allclose(gradient.logits[:, 0], expected, **ROUNDING)
        for mine, other in zip(state.policies, policies_of(theta), strict=True):
            np.testing.assert_allclose(mine.logits, other.logits, **ROUNDING)
        np.testing.assert_allclose(state.values, values_of(values), **ROUNDING)


@pytest.mark.parametrize(
    ("case", "estimator", "steps"),
    [("one_step", "dice-baseline", 1), ("two_steps", "dice-baseline", 2), ("no_baseline", "dice", 1)],
)
def test_updates(recording, case, estimator, steps):
    theirs = ORIGINAL[case]
    games, number = theirs["games"]["inner"], 2 * steps
    inner = jnp.concatenate([batches(games[start : start + number]) for start in range(0, len(games), number)])
    estimate = PlayedReturn(estimator=estimator, batch_size=BATCH, horizon=HORIZON)

    def make(inner, outer):
        before, after = InnerReturn(estimate, recording, inner), outer_return(recording, outer, estimator)
        return learner(before, None, after, steps)

    assert_updates_are_theirs(make, theirs, first_state((jnp.array(0), ())), inner)


def test_an_update_with_other_games_for_the_hessian(recording):
    theirs = ORIGINAL["ablation"]
    estimate = PlayedReturn(estimator="dice-baseline", batch_size=BATCH, horizon=HORIZON)

    def make(inner, outer):
        # One count for both: of each player, first a batch for the direction, then one for the Hessian.
        before = InnerReturn(estimate, recording, inner)
        return learner(before, before, outer_return(recording, outer))

    assert_updates_are_theirs(make, theirs, first_state((jnp.array(0), ())), batches(theirs["games"]["inner"]))


def test_an_off_policy_update(recording):
    theirs = ORIGINAL["off_policy"]
    replayed = ReplayedReturn(batch_size=BATCH, horizon=HORIZON)
    filled, added = np.split(np.array([game["actions"] for game in theirs["games"]["ring"]]), 2)
    recording.actions = jnp.asarray(np.concatenate(filled, axis=-1))
    kept = replay_buffer(
        recording.play_games(prisoners_dilemma(), policies_of(ORIGINAL["theta"]), KEY, HORIZON, 2 * BATCH)
    )

    def make(inner, outer):
        return learner(InnerReturn(replayed, recording, inner), None, outer_return(recording, outer))

    assert_updates_are_theirs(make, theirs, first_state((jnp.array(0), kept)), jnp.asarray(added))


def test_an_update_all_exact():
    exact = PlayedReturn(estimator="exact", batch_size=BATCH, horizon=HORIZON)
    for case, steps in (("one_step", 1), ("two_steps", 2)):
        own = learner(exact, None, exact, steps)
        gradients, _ = quick(
            lambda state, own=own: own.gradients(own.outer, own.look_ahead(KEY, state)[0], KEY, state)
        )(first_state(()))
        for gradient, theirs in zip(gradients, ORIGINAL[case]["exact_gradients"], strict=False):
            np.testing.assert_allclose(gradient.logits[:, 0], np.array(theirs)[OWN_VIEW], **ROUNDING)
