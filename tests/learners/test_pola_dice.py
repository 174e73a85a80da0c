"""POLA-DiCE over all games that agents can play, against derivatives of exact returns through exact steps."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.games.exact_play import ExactPlay
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.objectives.shaping import Shaping
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.factory import PolicyMaker
from lookax.policies.network import Network
from lookax.policies.recurrent import DenseLayers, LastSeen
from lookax.policies.strategies import strategy
from lookax.policies.tabular import with_reference_action
from tests.learners.all_games import INNER_RATE, Exact, agent_of, climbed, defector, learner_of

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
KEY = jax.random.key(3)
close = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-9)
"""Both are computed in double precision; gradients are of order 1."""


@functools.cache
def agents(critic=True, shared_encoder=False):
    @quick
    def drawn(key):
        first, second, third = jax.random.split(key, 3)
        both = agent_of(first, critic, shared_encoder), agent_of(second, critic, shared_encoder)
        return *both, agent_of(third, False).policy

    return drawn(KEY)


@functools.cache
def lopsided():
    """A game that is not the same from both seats."""
    return MatrixGame(jax.random.normal(KEY, (2, 2, 2)))


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def quick(function):
    """Compiled without optimisation: it runs for milliseconds."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def gradient_of(learner, player, *given):
    def gradient(agent, *others_and_reference):
        *others, reference = others_and_reference
        return learner.gradient(KEY, player, agent, tuple(others), reference)[0]

    return flat(quick(gradient)(*given))


def exact_gradient_of(learner, player, *given):
    return flat(quick(lambda *given: Exact(learner).gradient(player, *given))(*given))


@pytest.mark.parametrize(
    ("player", "horizon", "settings"),
    [
        pytest.param(0, 3, {"inner_steps": 0, "baseline": "none"}, marks=pytest.mark.slow),
        (1, 2, {"inner_steps": 0, "outer_beta": 0.8, "tremble_probability": 0.1}),
        pytest.param(0, 3, {"baseline": "zero"}, marks=pytest.mark.slow),
        pytest.param(1, 3, {"baseline": "critic"}, marks=pytest.mark.slow),
        pytest.param(
            1,
            2,
            {"baseline": "none", "reversed_divergence": True, "outer_beta": 0.8, "inner_beta": 0.5},
            marks=pytest.mark.slow,
        ),
        (
            1,
            2,
            {
                "inner_steps": 3,
                "inner_beta": 0.5,
                "outer_beta": 0.8,
                "tremble_probability": 0.1,
                "reversed_divergence": True,
            },
        ),
    ],
    ids=lambda value: ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else None,
)
def test_expected_gradients_are_exact(player, horizon, settings):
    learner = learner_of(GAME, horizon, **settings)
    given = agents(critic=learner.objectives.baseline == "critic")
    close(gradient_of(learner, player, *given), exact_gradient_of(learner, player, *given))


@functools.cache
def three():
    """A game of three that is not the same from any two seats, three agents and a reference."""
    game = MatrixGame(jax.random.normal(jax.random.key(4), (3, 2, 2, 2)))

    @quick
    def drawn(key):
        *keys, last = jax.random.split(key, 4)
        return *(agent_of(own, inputs=9) for own in keys), agent_of(last, False, inputs=9).policy

    return game, drawn(KEY)


@pytest.mark.parametrize(
    "settings",
    [
        {"defectors": 3},
        # Opponents' second steps depend on each other's first ones.
        pytest.param(
            {"inner_steps": 2, "inner_beta": 0.5, "outer_beta": 0.8, "tremble_probability": 0.1},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["one step, games against defectors", "two steps, divergences"],
)
def test_expected_gradients_among_three_are_exact(settings):
    game, given = three()
    learner = learner_of(game, 2, **settings)
    exact = exact_gradient_of(learner, 1, *given)

    @quick
    def ours(shift, agent, first, second, reference):
        return learner.rotated(shift).gradient(KEY, 0, agent, (first, second), reference)[0]

    # From the first seat of a game whose seats have moved on by one; and by none, or by two.
    close(flat(ours(jnp.array(1), *given)), exact)
    for shift in (0, 2):
        other = flat(ours(jnp.array(shift), *given))
        assert np.linalg.norm(other - exact) > 0.1 * np.linalg.norm(exact)


@pytest.mark.slow
def test_expected_gradients_among_three_are_exact_from_any_seat():
    game, given = three()
    learner = learner_of(game, 2)
    close(gradient_of(learner, 2, *given), exact_gradient_of(learner, 2, *given))


@pytest.mark.parametrize(
    "changes", [{}, pytest.param({"inner_steps": 0, "critic_after_loop": True}, marks=pytest.mark.slow)]
)
def test_a_critic_on_the_policys_memory_pulls_at_it_unless_it_learns_later(changes):
    learner, given = learner_of(GAME, 2, **changes), agents(shared_encoder=True)
    close(gradient_of(learner, 0, *given), exact_gradient_of(learner, 0, *given))


@pytest.mark.slow
def test_from_the_first_seat_of_a_turned_game_it_has_the_gradient_of_the_second_one():
    learner, given = learner_of(lopsided(), 2, outer_beta=0.8), agents()
    exact = exact_gradient_of(learner, 1, *given)

    @quick
    def ours(shift, agent, other, reference):
        return learner.rotated(shift).gradient(KEY, 0, agent, (other,), reference)[0]

    close(flat(ours(jnp.array(1), *given)), exact)
    assert np.linalg.norm(flat(ours(jnp.array(0), *given)) - exact) > 0.1 * np.linalg.norm(exact)


@pytest.mark.parametrize("turned", [pytest.param(False, marks=pytest.mark.slow), True])
def test_games_against_a_defector_count_for_their_share(turned):
    # In the second seat of a game, or in the first one of the game that is turned; there the defector turns, too.
    learner, given = learner_of(lopsided(), 2, outer_beta=0.8, tremble_probability=0.1, defectors=3), agents()
    exact = exact_gradient_of(learner, 1, *given)
    ours = learner.rotated(jnp.array(1)) if turned else learner
    close(gradient_of(ours, 0 if turned else 1, *given), exact)


@pytest.mark.parametrize("fraction", [1.0, 1 / 17])
def test_a_share_of_games_that_cannot_be_is_refused(fraction):
    # All games at once, or less than one of them.
    rule = "between 1/16 and 15/16, as 16 games are played at once"
    with pytest.raises(ValueError, match=f"^scripted_fraction: {fraction} is not allowed; it must be {rule}$"):
        dataclasses.replace(learner_of(GAME, 2), scripted_opponent=defector, scripted_fraction=fraction)


@pytest.mark.parametrize(("kept", "count"), [(True, 6), (False, 1)])
def test_optimisers_start_afresh_at_every_update_unless_they_are_kept(kept, count):
    agent, opponent, _ = agents(critic=False)
    learner = dataclasses.replace(
        learner_of(GAME, 1, inner_steps=0, baseline="zero", keep_optimisers=kept),
        optimiser=optax.adam(optax.linear_schedule(0.1, 0.0, 10)),
    )

    @quick
    def update(agent, opponent):
        counts = jnp.array(5, jnp.int32), jnp.array(7, jnp.int32)
        used = eqx.tree_at(lambda state: [part.count for part in state.policy], learner.init(agent), counts)
        return learner.update(KEY, 0, agent, (opponent,), used)

    _, state, _ = update(agent, opponent)
    # Adam's own count, and that of the schedule, which goes on in any case.
    assert [int(part.count) for part in state.policy] == [count, 8]


@pytest.mark.slow
def test_optimisers_that_are_kept_go_on_as_within_one_update():
    # Nobody but this player learns, and no game is drawn: two updates of one step are one of two.
    agent, opponent, _ = agents()
    adam = {"optimiser": optax.adam(0.1), "critic_optimiser": optax.adam(0.1)}

    def after(number, **changes):
        learner = dataclasses.replace(learner_of(GAME, 2, inner_steps=0, **changes), **adam)

        def update(agent, opponent):
            state = learner.init(agent)
            for _ in range(number):
                agent, state, _ = learner.update(KEY, 0, agent, (opponent,), state)
            return agent, state

        return quick(update)(agent, opponent)

    kept, kept_state = after(2, keep_optimisers=True)
    whole, whole_state = after(1, outer_steps=2)
    close(flat(kept), flat(whole))
    close(flat(kept_state), flat(whole_state))
    reset, reset_state = after(2)
    counts = [int(state.policy[0].count) for state in (kept_state, whole_state, reset_state)]
    assert counts == [2, 2, 1]
    assert np.abs(flat(reset) - flat(kept)).max() > 1e-4


TWO_STEPS = {"inner_steps": 2, "inner_beta": 0.5, "outer_beta": 0.8, "tremble_probability": 0.1}


@functools.cache
def exact_gradient_of_two_steps():
    """Of both divergences' weights and the trembling, compiled once."""
    learner = learner_of(GAME, 2, **TWO_STEPS)

    def exact(numbers):
        return Exact(dataclasses.replace(learner, **numbers)).gradient(0, *agents())

    return quick(exact)


@pytest.mark.slow
@pytest.mark.parametrize("adjoint", ["forward-over-reverse", "reverse", "checkpointed", "forward"])
def test_every_adjoint_is_exact(adjoint):
    learner = learner_of(GAME, 2, adjoint=adjoint, **TWO_STEPS)
    numbers = {name: TWO_STEPS[name] for name in ("inner_beta", "outer_beta", "tremble_probability")}
    exact = flat(exact_gradient_of_two_steps()(numbers))
    close(gradient_of(learner, 0, *agents()), exact)


@pytest.mark.slow
def test_without_an_adjoint_the_gradient_is_of_first_order():
    learner = learner_of(GAME, 2, adjoint="none", **TWO_STEPS)
    agent, opponent, reference = agents()

    def at_their_end(agent, opponent, reference):
        [theirs] = Exact(learner).look_ahead(0, agent.policy, opponent)

        def objective(mine):
            return Exact(learner).objective(0, (mine, theirs), agent, reference, learner.outer_beta)

        return jax.grad(objective)(agent.policy)

    exact = flat(quick(at_their_end)(agent, opponent, reference))
    close(gradient_of(learner, 0, agent, opponent, reference), exact)


@pytest.mark.slow
def test_divergences_and_trembling_matter_to_these_gradients():
    numbers = {"inner_beta": 0.5, "outer_beta": 0.8, "tremble_probability": 0.1}
    whole = flat(exact_gradient_of_two_steps()(numbers))
    for name in numbers:
        other = flat(exact_gradient_of_two_steps()(numbers | {name: 1e-9}))
        assert np.linalg.norm(whole - other) > 1e-3 * np.linalg.norm(whole), name


UPDATE = {"outer_steps": 2, "outer_beta": 0.8}


@functools.cache
def exact_parts_of_an_update():
    """The gradient of a policy and of its critic at a step, and that of a critic alone; compiled once."""
    exact = Exact(learner_of(GAME, 2, **UPDATE))

    def of_critic(agent, theirs):
        return exact.critic_slope(1, (theirs, agent.policy), agent)

    def of_both(agent, opponent, reference):
        [theirs] = exact.look_ahead(1, agent.policy, opponent)
        slope = exact.gradient(1, agent, opponent, reference)
        return slope, of_critic(agent, theirs)

    return quick(of_both), quick(of_critic)


@pytest.mark.parametrize("critic_after_loop", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_update_takes_its_steps_along_exact_gradients(critic_after_loop):
    # From θ¹ too the opponent starts where it is, and the reference is θ⁰: its divergence is no longer flat.
    agent, opponent, _ = agents()
    of_both, of_critic = exact_parts_of_an_update()
    now = agent
    for _ in range(2):
        slope, up = of_both(now, opponent, agent.policy)
        critic = now.critic if critic_after_loop else climbed(now.critic, up, 0.02)
        now = Agent(climbed(now.policy, slope, 0.3), critic)
    for _ in range(2 if critic_after_loop else 0):
        now = Agent(now.policy, climbed(now.critic, of_critic(now, opponent.policy), 0.02))
    learner = learner_of(GAME, 2, critic_after_loop=critic_after_loop, **UPDATE)
    learned, _, _ = quick(lambda mine, other: learner.update(KEY, 1, mine, (other,), learner.init(mine)))(
        agent, opponent
    )
    close(flat(learned), flat(now))
    assert np.abs(flat(learned.policy) - flat(agent.policy)).max() > 0.01
    assert np.abs(flat(learned.critic) - flat(agent.critic)).max() > 0.001


class Table(eqx.Module):
    """Action logits of a table over states in a player's own view, from its observation."""

    logits: jax.Array
    player: int = eqx.field(static=True)

    def __call__(self, observation):
        """Of states in both players' actions, defect, cooperate or nothing yet."""
        mine, theirs = observation[:3], observation[3:]
        mine, theirs = (mine, theirs) if self.player == 0 else (theirs, mine)
        states = jnp.concatenate([*(own * theirs[:2] for own in mine[:2, None]), mine[2:]])
        return with_reference_action(states.T @ self.logits).T


def test_with_tables_it_has_the_gradient_of_exact_lola():
    steps, horizon, discount = 2, 3, 0.9
    maker = PolicyMaker(GAME, "tabular", 1.0)
    play = ExactPlay(GAME, maker.observations(), discount, horizon)
    policies = maker.initial(KEY)
    lookahead = Lookahead(optax.sgd(INNER_RATE), steps)
    learner = learner_of(GAME, horizon, inner_steps=steps, baseline="zero")
    tables = [
        Agent(Network(Table(own.logits, i), LastSeen(2), DenseLayers(())), None) for i, own in enumerate(policies)
    ]

    @quick
    def lola(policies):
        objectives = [Shaping(lookahead=lookahead).objective(play, i, policies) for i in range(2)]
        return [jax.grad(own)(mine) for own, mine in zip(objectives, policies, strict=True)]

    for player, exact in enumerate(lola(policies)):
        ours = gradient_of(learner, player, tables[player], tables[1 - player], tables[player].policy)
        close(ours, flat(exact))
        assert np.linalg.norm(ours) > 0.1


def test_a_fixed_strategy_is_climbed_against_as_it_is_and_never_trembles():
    learner = learner_of(GAME, 2, inner_steps=0, tremble_probability=0.2, baseline="zero")
    agent, *_ = agents(critic=False)
    fixed = strategy("tit-for-tat", GAME, 1)

    def exact(policy):
        own = Exact(learner)
        theirs = (own.states[:-1] >= 2).astype(int)  # It cooperates after CD and CC, and at the start.
        agrees = (own.actions[:, 1] == theirs).all(axis=0)
        log_probs = own.log_probs(policy)[:-1]
        taken = jnp.take_along_axis(log_probs, own.actions[:, :1], axis=1)[:, 0].sum(axis=0)
        return (jnp.exp(taken) * agrees) @ (0.9 ** jnp.arange(2) @ own.rewards[:, 0])

    ours = gradient_of(learner, 0, agent, Agent(fixed, None), agent.policy)
    close(ours, flat(quick(jax.grad(exact))(agent.policy)))


@pytest.mark.parametrize(
    ("field", "name", "value", "least"), [("inner_steps", "steps", -1, 0), ("outer_steps", "outer_steps", 0, 1)]
)
def test_numbers_of_steps_out_of_range_are_refused(field, name, value, least):
    with pytest.raises(ValueError, match=f"^{name}: {value} is not allowed; it must be at least {least}$"):
        learner_of(GAME, 2, **{field: value})


@pytest.mark.usefixtures("types_unchecked")
def test_an_unknown_baseline_is_refused():
    rule = "one of critic, zero, mean, linear, none"
    with pytest.raises(ValueError, match=f"^baseline: 'median' is not allowed; it must be {rule}$"):
        learner_of(GAME, 2, baseline="median")


@pytest.mark.parametrize("lacks", ["mine", "theirs"])
def test_advantages_of_a_critic_that_is_not_there_are_refused(lacks):
    # Of an agent that looks ahead, and of the one whose steps it looks at.
    learner, bare = learner_of(GAME, 1, baseline="critic"), agents(critic=False)
    mine, theirs, reference = agents()
    given = (bare[0], theirs, reference) if lacks == "mine" else (mine, bare[1], reference)
    with pytest.raises(ValueError, match=r"^baseline: ") as caught:
        jax.eval_shape(lambda mine, other, before: learner.gradient(KEY, 0, mine, (other,), before), *given)
    # JAX adds a note of its own, on its traceback.
    complaint = "baseline: 'critic' is not allowed; it must be another one for an agent without a critic"
    assert str(caught.value) == complaint


def test_a_fixed_strategy_needs_no_critic():
    learner, fixed = learner_of(GAME, 1, baseline="critic"), Agent(strategy("tit-for-tat", GAME, 1), None)
    mine, *_ = agents()
    slope, _ = jax.eval_shape(lambda mine: learner.gradient(KEY, 0, mine, (fixed,), mine.policy), mine)
    assert jax.tree.structure(slope) == jax.tree.structure(mine.policy)
