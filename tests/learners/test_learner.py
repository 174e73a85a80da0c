"""What every learner is: `init` and `update`, fields by name, numbers that are leaves, metrics that say something."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.arcade.minatar import MinAtar
from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.games.tabular_mdp import random_mdp
from lookax.learners.a2c import A2C
from lookax.learners.agents import Agents
from lookax.learners.learner import Learner
from lookax.learners.lirpg import LIRPG
from lookax.learners.lola import LOLA
from lookax.learners.lola_dice import LOLADiCE
from lookax.learners.maml_rl import MAMLRL
from lookax.learners.mgrl import MGRL, InnerObjective, OuterObjective
from lookax.learners.naive import Naive
from lookax.learners.objectives.actor_critic import Coefficients
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.objectives.game_returns import PlayedReturn
from lookax.learners.objectives.mdp_returns import ExactReturn
from lookax.learners.objectives.shaping import Shaping
from lookax.learners.pola import POLA
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.convolutional import actor_critic
from lookax.policies.factory import PolicyMaker
from lookax.policies.tabular import SoftmaxTabularPolicy
from tests.learners.all_games import agent_of, learner_of

KEY = jax.random.key(4)
GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
MAKER = PolicyMaker(GAME, "tabular")
PLAY = ExactPlay(GAME, MAKER.observations(), 0.9, 4)
SGD = Optimiser(optax.sgd, learning_rate=0.3)
LOOKAHEAD = Lookahead(SGD, 1)
MDP = random_mdp(KEY, 3, 2)


def uniform(key):
    del key
    return SoftmaxTabularPolicy(jnp.zeros((3, 2)))


def pair():
    def initial(key):
        first, second, model, other = (agent_of(k) for k in jax.random.split(key, 4))
        return (first, second), (model, other)

    update = learner_of(GAME, 2, outer_beta=0.5)
    return Agents(initial=initial, updates=(update, update))


def exact_adaptation():
    exact = ExactReturn(discount=0.9)
    return Adaptation(inner=exact, hessian=exact, outer=exact, lookahead=LOOKAHEAD)


def actor_critics():
    """A2C and MGRL on a small game."""
    pytest.importorskip("gymnax")
    game = MinAtar("breakout")
    coefficients = Coefficients(discount=0.9, gae_lambda=0.9, value_coefficient=0.5, entropy_coefficient=0.01)

    def network(told):
        return lambda key: actor_critic(
            key, game.frame, game.num_actions, convolutions=(), hidden_size=2, critic_discount=told
        )

    common: dict[str, Any] = {"environment": game, "batch_size": 2, "steps": 2}
    a2c = A2C(**common, network=network(False), coefficients=coefficients, optimiser=SGD)
    meta = jax.tree.map(jnp.asarray, coefficients)
    mgrl = MGRL(
        **common, network=network(True), meta=meta, inner=InnerObjective(), lookahead=LOOKAHEAD, outer=OuterObjective(),
        meta_optimiser=SGD,
    )  # fmt: skip
    return a2c, mgrl


def played(estimator):
    return PlayedReturn(estimator=estimator, batch_size=4, horizon=4)


EXACT: dict[str, Any] = {"game": PLAY, "initial": MAKER.initial, "optimiser": SGD}
SHAPING = Shaping(lookahead=LOOKAHEAD, inner_beta=0.1)
LEARNERS: dict[str, Any] = {
    "naive": lambda: Naive(**EXACT),
    "LOLA": lambda: LOLA(**EXACT, shaping=SHAPING),
    "POLA": lambda: POLA(**EXACT, shaping=SHAPING, outer_beta=1.0, outer_steps=2),
    "LOLA-DiCE": lambda: LOLADiCE(**EXACT, lookahead=LOOKAHEAD, inner=played("dice"), outer=played("dice")),
    "POLA-DiCE": pair,
    "MAML-RL": lambda: MAMLRL(
        tasks=lambda key: MDP.with_rewards(jax.random.uniform(key, MDP.rewards.shape)),
        adaptation=exact_adaptation(), initial=uniform, optimiser=SGD,
    ),
    "LIRPG": lambda: LIRPG(mdp=MDP, adaptation=exact_adaptation(), initial=uniform, optimiser=SGD),
    "A2C": lambda: actor_critics()[0],
    "MGRL": lambda: actor_critics()[1],
}  # fmt: skip


def twice(learner):
    """The learner with its numbers twice over."""
    return jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 2), learner)


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_are_lanes_as_they_stand(name):
    learner = LEARNERS[name]()
    assert isinstance(learner, Learner)
    several = twice(learner)
    state = jax.eval_shape(jax.vmap(lambda own: own.init(KEY)), several)
    after, metrics = jax.eval_shape(jax.vmap(lambda own, state: own.update(KEY, state)), several, state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves((after, metrics)))
    assert "gradient_norm" in metrics or "outer_steps" in metrics


@pytest.mark.parametrize("name", LEARNERS)
def test_fields_are_given_by_name(name):
    with pytest.raises(TypeError, match="positional argument"):
        type(LEARNERS[name]())(1, 2)


def test_lanes_learn_by_their_own_numbers():
    optimisers = [Optimiser(optax.sgd, learning_rate=rate) for rate in (0.1, 0.7)]
    learners = [LOLA(game=PLAY, initial=MAKER.initial, optimiser=own, shaping=SHAPING) for own in optimisers]
    several = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *learners)

    def learn(learner):
        return learner.update(KEY, learner.init(KEY))

    together = jax.jit(jax.vmap(learn))(several)
    for lane, learner in enumerate(learners):
        alone = jax.jit(learn)(jax.tree.map(jnp.asarray, learner))
        for one, other in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(one[lane], other, rtol=1e-10)


def test_metrics_are_of_what_was_before_the_update():
    learner = Naive(**EXACT)

    @jax.jit
    def measured(key):
        state = learner.init(key)
        gradients = [
            jax.grad(lambda own, i=i: PLAY.values((*state.policies[:i], own, *state.policies[i + 1 :]))[i])(
                state.policies[i]
            )
            for i in range(2)
        ]
        norms = jnp.stack([jnp.linalg.norm(gradient.logits) for gradient in gradients])
        return learner.update(key, state)[1], PLAY.values(state.policies), norms

    metrics, values, norms = measured(KEY)
    np.testing.assert_allclose(metrics["returns"], values, rtol=1e-12)
    np.testing.assert_allclose(metrics["gradient_norm"], norms, rtol=1e-12)


def test_returns_of_lola_dice_are_those_of_the_games_after_the_steps():
    learner = LOLADiCE(**EXACT, lookahead=LOOKAHEAD, inner=played("dice"), outer=played("dice"))

    @jax.jit
    def measured(key):
        state = learner.init(key)
        found, buffer = learner.look_ahead(key, state)
        gradients, games = learner.gradients(learner.outer, found, key, state)
        return learner.step(gradients, games, buffer, state)[1], games, gradients

    metrics, games, gradients = measured(KEY)
    for i, own in enumerate(games):
        by_hand = np.mean(0.9 ** np.arange(4) @ np.asarray(own.rewards)[:, i])
        np.testing.assert_allclose(metrics["returns"][i], by_hand, rtol=1e-12)
        np.testing.assert_allclose(metrics["gradient_norm"][i], np.linalg.norm(gradients[i].logits), rtol=1e-12)
