"""What POLA-DiCE, LOLA-DiCE and models of opponents compute, beside the numbers of the published code (POLA).

Games and weights are fixed. They stand in the files of numbers, with how these were made; both codes compute in double
precision. Results are sums of some hundred products of numbers of order 1, in another order, through up to six steps of
learning: 1e-9 of their size is a thousand times what rounding leaves, and far less than any missing term.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.coin_game import OneCoinGame
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives, observe
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.actor import actors_of
from lookax.surrogates.advantages import generalised_advantages
from tests.learners.recorded_games import game_of, network_of, recorded, replay, sequences

KEY = jax.random.key(0)
NAMES = ("ipd", "coin")
close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-11)
AFTER_ADAM = 1e-6
"""Its first step is 0.1 g/(|g| + 10⁻⁸) at most: of a gradient that is nothing but rounding, 10⁻¹³, it makes 10⁻⁶."""


def quick(function):
    """Compiled without optimisation: it runs for milliseconds."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def all_close(ours, theirs, atol=1e-11):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for own, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        close(own, other, atol=atol)


class Case:
    """One of the results that were recorded: what was given, and what came of it."""

    def __init__(self, name, what, player, number=0):
        data = recorded(name)
        found = [own for own in data["cases"] if (own["name"], own["player"]) == (what, player)]
        self.game, self.own, self.weights = game_of(name), found[number], data["weights"]
        self.settings, self.result = data["settings"] | self.own["settings"], self.own["result"]
        self.player = player - 1
        # Objectives are all of one batch, which stands beside the first of them.
        [first, *_] = (own["games"] for own in data["cases"] if own["name"] == what)
        self.play = replay(self.game, self.own["games"] or first)

    def network(self, name):
        return network_of(self.weights[name])

    def agent(self, number):
        critic = None if self.settings["no_baseline"] else self.network(f"value{number}")
        return Agent(self.network(f"policy{number}"), critic)

    @property
    def agents(self):
        """Mine and the other's."""
        return self.agent(self.player + 1), self.agent(2 - self.player)

    @property
    def objectives(self):
        baseline = "none" if self.settings["no_baseline"] else "zero" if self.settings["zero_vals"] else "critic"
        reversed_divergence = self.settings["rev_kl"]
        return SampledObjectives(
            discount=self.settings["gamma"],
            gae_lambda=self.settings["gae_lambda"],
            baseline=baseline,
            reversed_divergence=reversed_divergence,
        )

    @property
    def learner(self):
        now = self.settings
        return POLADiCEUpdate(
            play=self.play,
            objectives=self.objectives,
            optimiser=optax.adam(now["lr_out"]),
            critic_optimiser=optax.adam(now["lr_v"]),
            lookahead=Lookahead(optax.sgd(now["lr_in"]), now["inner_steps"]),
            inner_critic_optimiser=optax.sgd(now["lr_v"]),
            outer_steps=now["outer_steps"],
            inner_beta=now["inner_beta"] or None,
            outer_beta=now["outer_beta"] or None,
        )


@pytest.mark.parametrize("name", NAMES)
def test_recorded_games_are_of_our_rules(name):
    game = game_of(name)
    for own in recorded(name)["cases"]:
        if not own["games"]:
            continue
        games = sequences(game, own["games"])
        states, after = (
            jax.tree.map(lambda leaf, part=part: leaf[:, part], games.states) for part in (slice(-1), slice(1, None))
        )
        step = quick(jax.vmap(jax.vmap(jax.vmap(game.step, (None, -1, -1), -1), (None, 0, 0)), (None, 0, 0)))
        next_states, rewards = step(KEY, states, games.actions)
        close(rewards, games.rewards)
        if isinstance(game, OneCoinGame):
            # Where a coin that was taken reappears is drawn.
            np.testing.assert_array_equal(next_states.players, after.players)
            np.testing.assert_array_equal(next_states.colour, after.colour)
            stays = next_states.colour == states.colour
            np.testing.assert_array_equal(after.coin[stays], states.coin[stays])
            assert 0 < stays.mean() < 1
        else:
            np.testing.assert_array_equal(next_states, after)


@pytest.mark.parametrize(
    ("name", "player", "number"),
    [
        pytest.param("ipd", 1, 0, marks=pytest.mark.slow),
        pytest.param("ipd", 2, 0, marks=pytest.mark.slow),
        ("ipd", 2, 1),
        pytest.param("coin", 1, 0, marks=pytest.mark.slow),
        ("coin", 2, 0),
    ],
)
def test_gradient_through_two_inner_steps(name, player, number):
    # With both divergences, from a reference that is not where I am; the last of the IPD's without critics, and with
    # divergences the other way round.
    case = Case(name, "gradient", player, number)
    mine, theirs = case.agents
    reference, learner = case.network(f"reference{player}"), case.learner

    @quick
    def gradients(mine, theirs, reference):
        slope, games = learner.gradient(KEY, case.player, mine, (theirs,), reference)
        if mine.critic is None:
            return slope, None

        def objective(critic):
            return learner.objectives.critic(critic.actor(case.game, case.player), case.player, games)

        return slope, jax.grad(objective)(mine.critic)

    slope, critic_slope = gradients(mine, theirs, reference)
    # The original goes down losses.
    all_close(jax.tree.map(jnp.negative, slope), network_of(case.result["policy_gradient"]))
    if mine.critic is not None:
        all_close(jax.tree.map(jnp.negative, critic_slope), network_of(case.result["value_gradient"]))
    # The outer games were played by who the opponent is after its steps, which were two.
    *_, last = case.play.asked.values()
    assert len(case.play.asked) == 3
    policies = mine.policy, network_of(case.result["opponent_policy_after_inner_steps"])
    players = actors_of(case.game, policies if player == 1 else policies[::-1])
    for own, other in zip(last, jax.tree.leaves(players), strict=True):
        # Outside of this test's thread numbers are in single precision.
        np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "what", "player"),
    [
        ("ipd", "POLA update", 1),
        pytest.param("coin", "POLA update", 2, marks=pytest.mark.slow),
        pytest.param("ipd", "LOLA update", 1, marks=pytest.mark.slow),
        ("ipd", "LOLA update", 2),
        pytest.param("coin", "LOLA update", 1, marks=pytest.mark.slow),
        pytest.param("coin", "LOLA update", 2, marks=pytest.mark.slow),
    ],
)
def test_agent_after_an_update(name, what, player):
    # POLA's of two steps, the second one from where the reference no longer is. Every batch has a key of its own: with
    # one that has been used before, an earlier batch would be played again.
    case = Case(name, what, player)
    learner = case.learner

    @quick
    def update(mine, theirs):
        return learner.update(KEY, case.player, mine, (theirs,), learner.init(mine))[0]

    learned = update(*case.agents)
    all_close(learned, Agent(network_of(case.result["policy"]), network_of(case.result["value"])), AFTER_ADAM)
    assert len(case.play.asked) == len(case.own["games"])


@pytest.mark.parametrize(
    ("name", "player"),
    [
        ("ipd", 1),
        pytest.param("ipd", 2, marks=pytest.mark.slow),
        pytest.param("coin", 1, marks=pytest.mark.slow),
        pytest.param("coin", 2, marks=pytest.mark.slow),
    ],
)
def test_model_of_the_opponent_after_two_steps_on_each_of_two_batches(name, player):
    case = Case(name, "opponent model", player)
    now = case.settings
    imitation = Imitation(
        play=case.play,
        objectives=case.objectives,
        optimiser=optax.adam(now["lr_out"]),
        critic_optimiser=optax.adam(now["lr_v"]),
        batches=now["opp_model_data_batches"],
        steps=now["opp_model_steps_per_batch"],
    )
    model = Agent(case.network("model_policy"), case.network("model_value"))
    both = case.agent(1), case.agent(2)
    [learned], _ = quick(lambda both, model: imitation.fit(KEY, case.player, both, (model,)))(both, model)
    all_close(learned, Agent(network_of(case.result["policy"]), network_of(case.result["value"])), AFTER_ADAM)
    assert len(case.play.asked) == 2


@pytest.mark.parametrize(
    ("name", "player", "number"),
    [
        pytest.param("ipd", 1, 0, id="ipd, first seat"),
        pytest.param("ipd", 2, 0, id="ipd, second seat"),
        pytest.param("ipd", 1, 1, id="ipd, first seat, divergence reversed", marks=pytest.mark.slow),
        pytest.param("ipd", 2, 1, id="ipd, second seat, divergence reversed"),
        pytest.param("ipd", 1, 2, id="ipd, first seat, values of zero"),
        pytest.param("ipd", 2, 2, id="ipd, second seat, values of zero", marks=pytest.mark.slow),
        pytest.param("ipd", 1, 3, id="ipd, first seat, no baseline", marks=pytest.mark.slow),
        pytest.param("ipd", 2, 3, id="ipd, second seat, no baseline"),
        pytest.param("coin", 1, 0, id="coin game, first seat"),
        pytest.param("coin", 2, 0, id="coin game, second seat", marks=pytest.mark.slow),
    ],
)
def test_objectives_of_one_batch_and_their_gradients(name, player, number):
    case = Case(name, "objective", player, number)
    (mine, _), reference = case.agents, case.network(f"reference{player}")
    objectives, me, beta = case.objectives, case.player, case.settings["outer_beta"]

    def in_my_seat(own):
        return own.actor(case.game, me)

    @quick
    def everything(policies, mine, reference):
        critic = None if mine.critic is None else in_my_seat(mine.critic)
        games = observe(case.play(actors_of(case.game, policies), KEY), critic=critic, reference=in_my_seat(reference))

        def objective(policies, beta):
            return objectives.policy(actors_of(case.game, policies), me, games, beta)

        def value_loss(critic):
            return -objectives.critic(in_my_seat(critic), me, games)

        whole, slopes = jax.value_and_grad(objective)(policies, beta or None)
        divergence = objective(policies, None) - objective(policies, 1.0)
        of_critic = None if critic is None else jax.value_and_grad(value_loss)(mine.critic)
        return games, whole, slopes, divergence, of_critic

    policies = case.agent(1).policy, case.agent(2).policy
    games, whole, slopes, divergence, of_critic = everything(policies, mine, reference)
    if of_critic is None:
        close(-whole, case.result["objective"])
    else:
        close(of_critic[0] - whole, case.result["objective"])
        close(of_critic[0], case.result["value_loss"])
        all_close(of_critic[1], network_of(case.result["value_gradient"]))
    for own, slope in enumerate(slopes, 1):
        all_close(jax.tree.map(jnp.negative, slope), network_of(case.result[f"policy{own}_gradient"]))
    close(divergence, case.result["rev_kl_div_jax" if case.settings["rev_kl"] else "kl_div_jax"])
    if objectives.baseline == "critic":
        values, rewards = games.outputs["critic"][0, 0, :, 0], games.games.rewards[0, 0, :, me]
        close(values[:-1], case.result["values"])
        gae = jax.vmap(generalised_advantages, (1, 1, None, None), 1)
        advantages = gae(rewards, values, objectives.discount, objectives.gae_lambda)
        close(advantages, case.result["get_gae_advantages"])
