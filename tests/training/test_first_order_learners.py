"""LOQA, Advantage Alignment and PPO in one line each: what they make, and what they refuse."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.policy_gradients.advantage_alignment import AdvantageAlignment
from lookax.learners.policy_gradients.loqa import LOQA
from lookax.learners.policy_gradients.ppo import PPO, clipped_surrogate, standardised
from lookax.policies.mlp import ScaledLayer

COINS = lx.OneCoinGame(view="egocentric")
DILEMMA = lx.MatrixGame([[-2, 0], [-3, -1]], own_view=True)
KEY = jax.random.key(0)
EARLIER = lx.EarlierSelves(size=3)


def test_they_make_learners_of_their_kinds_with_what_is_given():
    common: Any = {
        "against": {"always-defect": 0.5},
        "batch_size": 8,
        "horizon": 5,
        "discount": 0.9,
        "value_scale": 4.0,
    }
    learners: list[Any] = [
        (lx.loqa(COINS, weight=0.3, decay=0.7, **common), LOQA, 5),
        (lx.advantage_alignment(COINS, weight=0.3, clip=0.1, epochs=2, **common), AdvantageAlignment, 1),
        (lx.ppo(COINS, clip=0.1, epochs=2, **common), PPO, 1),
    ]
    for made, kind, values in learners:
        assert isinstance(made, lx.SelfPlay)
        update: Any = made.update_of_agent
        assert isinstance(made.update_of_agent, kind)
        assert (update.all_seats, update.discount, update.scripted_fractions) == (True, 0.9, (0.5,))
        assert (update.play.batch_size, update.play.horizon) == (8, 5)
        critic: Any = jax.eval_shape(made.init, KEY).agent.critic
        assert (type(critic), critic.factor, critic.layer.weight.shape[0]) == (ScaledLayer, 4.0, values)
    assert [(made.update_of_agent.clip, made.update_of_agent.epochs) for made, *_ in learners[1:]] == [(0.1, 2)] * 2


def test_two_agents_learn_separately():
    pair = lx.loqa(lx.OneCoinGame(), self_play=False, batch_size=8, horizon=3, hidden_size=4)
    assert isinstance(pair, lx.Agents)
    state = pair.init(KEY)
    after, metrics = eqx.filter_jit(pair.update)(KEY, state)
    assert metrics["gradient_norm"].shape == (2,)
    for before, now in zip(state.agents, after.agents, strict=True):
        assert not np.array_equal(before.policy.head.weight, now.policy.head.weight)


def plain(key, inputs, outputs):
    return eqx.nn.Linear(inputs, outputs, key=key)


def test_policies_of_ones_own_have_critics_apart():
    learner: Any = lx.ppo(DILEMMA, policy=plain, batch_size=4, horizon=3)
    state = learner.init(KEY)
    assert not state.agent.shares_encoder
    after, _ = eqx.filter_jit(learner.update)(KEY, state)
    assert not np.array_equal(state.agent.policy.weight, after.agent.policy.weight)


class Remembering(eqx.Module):
    """A policy with a memory of its own kind."""

    weight: jax.Array

    def actor(self, game, player):
        del player
        return lx.network(KEY, 6, 2, hidden_size=3).actor(game, 0)


ANY: Any = lx
"""What is refused has types of its own."""


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: ANY.loqa(COINS, learing_rate=3), "learing_rate: 3 is not allowed; it must be left out; options are"),
        (lambda: ANY.loqa(lx.OneCoinGame()), "game: players see the first one's side of it; one network in all seats"),
        (lambda: ANY.loqa(lx.MatrixGame([[-2, 0], [-3, -1]])), "game: players see the first one's side"),
        (lambda: ANY.ppo(lx.MatrixGame(lx.TWO_PLAYER_GAMES["matching-pennies"], own_view=True)), "game: its payoffs"),
        (lambda: ANY.loqa("coin"), "game: 'coin' is not allowed; it must be a game"),
        (lambda: ANY.loqa(lx.OneCoinGame), "game: <class"),
        (lambda: ANY.loqa(COINS, against=["always-defect"]), "against: ['always-defect'] is not allowed"),
        (lambda: ANY.loqa(COINS, against={"nobody": 0.5}), "strategy: 'nobody' is not allowed"),
        (lambda: ANY.loqa(COINS, earlier_selves=100), "earlier_selves: 100 is not allowed"),
        (
            lambda: ANY.loqa(COINS, batch_size=12, earlier_selves=lx.EarlierSelves(size=3)),
            "number of earlier policies: 4",
        ),
        (lambda: ANY.loqa(COINS, hidden_size=0), "hidden_size: 0 is not allowed"),
        (lambda: ANY.loqa(COINS, learning_rate=-1.0), "learning_rate: -1.0 is not allowed"),
        (lambda: ANY.loqa(COINS, discount=1.5), "discount: 1.5 is not allowed; it must be between 0 and 1"),
        (lambda: ANY.loqa(COINS, weight=-3.0), "weight: -3"),
        (lambda: ANY.loqa(COINS, decay=2.0), "decay: 2.0 is not allowed"),
        (lambda: ANY.advantage_alignment(COINS, clip=-0.1), "clip: -0.1 is not allowed"),
        (lambda: ANY.advantage_alignment(COINS, weight=-1.0), "weight: -1.0 is not allowed"),
        (lambda: ANY.loqa(COINS, against={"always-defect": 1.0}), "scripted_fractions: (1.0,) is not allowed"),
    ],
)
@pytest.mark.usefixtures("types_unchecked")
def test_mistakes_get_one_line(make, complaint):
    with pytest.raises(ValueError, match=":") as failure:
        make()
    assert str(failure.value).startswith(complaint), failure.value


def update_of(kind, **options):
    made: Any = {"loqa": lx.loqa, "aa": lx.advantage_alignment, "ppo": lx.ppo}[kind]
    return made(DILEMMA, self_play=False, batch_size=4, horizon=2, hidden_size=3, **options).updates[0]


def agent_with(values):
    critic = None if values is None else lx.network(KEY, 6, values, hidden_size=3).head
    return Agent(lx.network(KEY, 6, 2, hidden_size=3), critic)


@pytest.mark.parametrize(
    ("kind", "mine", "theirs", "complaint"),
    [
        ("loqa", 1, 3, "critic: that of player 0 puts out 1 numbers; LOQA needs 3"),
        ("loqa", 3, 1, "critic: that of player 1 puts out 1 numbers; LOQA needs 3"),
        ("loqa", 3, None, "critic: player 1 has none, and LOQA needs one"),
        ("aa", 1, None, "critic: player 1 has none, and AdvantageAlignment needs one"),
    ],
)
def test_critics_that_are_needed(kind, mine, theirs, complaint):
    update = update_of(kind)
    with pytest.raises(ValueError, match="critic") as failure:
        jax.eval_shape(lambda key: update.experience(key, 0, agent_with(mine), (agent_with(theirs),)), KEY)
    assert str(failure.value).startswith(complaint)


def test_ppo_needs_no_critic_of_others():
    update = update_of("ppo")
    jax.eval_shape(lambda key: update.experience(key, 0, agent_with(1), (agent_with(None),)), KEY)


def test_a_policy_with_a_memory_of_its_own_is_refused():
    update = update_of("ppo")
    own = Agent(Remembering(jnp.zeros(2)), None)
    experience = update.experience(KEY, 0, own, (own,))
    with pytest.raises(ValueError, match="policy: a Remembering has a memory of its own"):
        update.gradient(own, experience)


def test_all_seats_is_not_for_pairs():
    learner: Any = lx.ppo(DILEMMA)
    update = learner.update_of_agent
    with pytest.raises(ValueError, match="all_seats: True is not allowed"):
        lx.Agents(initial=lambda key: ((agent_with(1), agent_with(1)), (None, None)), updates=(update, None)).init(KEY)


def test_clipped_ratios_by_hand():
    old = jnp.log(jnp.array([0.5, 0.5, 0.5, 0.5]))
    now = jnp.log(jnp.array([0.8, 0.2, 0.8, 0.2]))
    advantages = jnp.array([1.0, 1.0, -1.0, -1.0])
    # Ratios 1.6 and 0.4, limited to 1.2 and 0.8 where that is less.
    np.testing.assert_allclose(clipped_surrogate(now, old, advantages, 0.2), [1.2, 0.4, -1.6, -0.8])
    np.testing.assert_allclose(clipped_surrogate(now, old, advantages, None), [1.6, 0.4, -1.6, -0.4])


def test_standardised_advantages_by_hand():
    advantages, weights = jnp.array([[1.0, 5.0], [3.0, 7.0]]), jnp.array([0.75, 0.25])
    # Means by step 2 and 4, of all 3; squares 4·¾ + 4·¼ and 0·¾ + 16·¼.
    standard, deviation = standardised(advantages, weights)
    np.testing.assert_allclose(deviation, 2.0, rtol=1e-6)
    np.testing.assert_allclose(standard, [[-1.0, 1.0], [0.0, 2.0]], rtol=1e-6)
