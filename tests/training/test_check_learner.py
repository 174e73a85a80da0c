from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lookax as lx
from lookax.training.check_learner import check_learner


def game():
    return lx.MatrixGame([[-2, 0], [-3, -1]])


class Counting(eqx.Module):
    def init(self, key):
        return jax.random.uniform(key)

    def update(self, key, state):
        return state + jax.random.uniform(key), {"before": state}


class Growing(Counting):
    def update(self, key, state):
        return jnp.stack([state, state]), {}


class Halved(Counting):
    def update(self, key, state):
        return state.astype(jnp.float16), {}


class Listing(Counting):
    def update(self, key, state):  # type: ignore  # what is to be refused
        return state, [state]  # type: ignore  # what is to be refused


class Alone(Counting):
    def update(self, key, state):  # type: ignore  # what is to be refused
        return state


class Impure(Counting):
    def update(self, key, state):
        return state + np.random.default_rng().uniform(), {}


class NoUpdate(eqx.Module):
    def init(self, key):
        return key


class BadGame(Counting):
    game: lx.MatrixGame = eqx.field(default_factory=lambda: Broken(jnp.zeros((2, 2, 2))))


class Broken(lx.MatrixGame):
    def observe(self, state, player):
        return state


@pytest.mark.parametrize("learner", [Counting, lambda: lx.naive(game()), lambda: lx.lola(game())])
def test_sound_learners_pass(learner):
    check_learner(learner())


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (Counting, "it is a class; give a learner"),
        (NoUpdate(), "NoUpdate: it has no update; a learner has init"),
        (Growing(), r"update's state is float\d\d\[2\], init's float\d\d\[\]"),
        (Halved(), r"update's state is float16\[\], init's float\d\d\[\]"),
        (Listing(), "update's metrics must be a dict of arrays by name"),
        (Alone(), "must give a pair: the next state, and metrics"),
        (Impure(), r"update\(key, state\) is not the same twice"),
        (BadGame(), r"observe\(state, 0\) gives int"),
    ],
    ids=lambda value: "" if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_what_is_wrong_is_said(learner, message):
    with pytest.raises(ValueError, match=message):
        check_learner(learner)


def test_training_refuses_what_is_no_learner():
    with pytest.raises(ValueError, match="object: it has no init, update"):
        lx.check_learner(object())
    with pytest.raises(ValueError, match=r"update: its state is float\d\d\[2\], the one before float\d\d\[\]"):
        lx.train(Growing(), jax.random.key(0), 3)


@pytest.mark.parametrize("make", [lx.LOLA, lx.POLA])
@pytest.mark.usefixtures("types_unchecked")
def test_a_lookahead_without_shaping_is_refused(make):
    maker = lx.PolicyMaker(game())
    fields: Any = {"outer_beta": 1.0} if make is lx.POLA else {}
    with pytest.raises(ValueError, match=r"a Lookahead is not allowed; it must be Shaping\(lookahead=…\)"):
        make(
            game=lx.ExactPlay(game(), maker.observations(), 0.9),
            initial=maker.initial,
            optimiser=optax.sgd(1.0),
            shaping=lx.Lookahead(optax.sgd(1.0)),  # type: ignore  # what is to be refused
            **fields,
        )


def test_a_network_needs_an_output_for_each_action():
    def wrong(key, num_inputs, num_outputs):
        return lx.network(key, num_inputs, num_outputs + 1, hidden_size=2)

    learner = lx.pola_dice(game(), horizon=2, batch_size=2, outer_steps=1, policy=wrong)
    with pytest.raises(
        ValueError, match=r"policy: that of player 0 gives logits of shape \(3,\), and the player has 2"
    ):
        jax.eval_shape(learner.update, jax.random.key(0), jax.eval_shape(learner.init, jax.random.key(0)))
    policies = [lambda observation: jnp.zeros(2), lambda observation: jnp.zeros(4)]
    with pytest.raises(ValueError, match=r"policy: that of player 1 gives logits of shape \(4,\)"):
        lx.match(game(), policies, jax.random.key(0), horizon=2, batch_size=2)
    with pytest.raises(ValueError, match=r"policy: that of player 0 gives logits of shape \(3,\)"):
        lx.train(lx.lola(game(), policy=lambda key, inputs, _: eqx.nn.Linear(inputs, 3, key=key)), jax.random.key(0), 1)


def test_games_are_checked_before_agents_learn_in_them():
    with pytest.raises(ValueError, match=r"observe\(state, 0\) gives int"):
        lx.pola_dice(Broken(jnp.zeros((2, 2, 2))), horizon=2, batch_size=2)


@pytest.mark.parametrize("learner", [lx.pola_dice, lambda game, **own: lx.loqa(game, self_play=False, **own)])
def test_any_number_of_players_learn_at_once(learner):
    learner = learner(lx.MatrixGame(lx.contribution_payoffs(1.5, 3), own_view=True), horizon=2, batch_size=4)
    state = jax.eval_shape(learner.init, jax.random.key(0))
    after, metrics = jax.eval_shape(learner.update, jax.random.key(0), state)
    assert len(after.agents) == 3
    assert metrics["gradient_norm"].shape == (3,)


def test_policies_are_pytrees_of_arrays():
    def mlp(key, num_inputs, num_outputs):
        return eqx.nn.MLP(num_inputs, num_outputs, 4, 1, key=key)

    for learner in (lx.lola(game(), policy=mlp), lx.pola_dice(game(), horizon=2, batch_size=2, policy=mlp)):
        with pytest.raises(ValueError, match=r"policy: a MLP holds .* which is no array"):
            learner.init(jax.random.key(0))


@pytest.mark.usefixtures("types_unchecked")
def test_what_is_no_matrix_game_is_refused():
    with pytest.raises(ValueError, match="game: 'OneCoinGame' is not allowed; it must be a MatrixGame"):
        lx.lola(lx.OneCoinGame())  # type: ignore  # what is to be refused
    with pytest.raises(ValueError, match="payoffs: 'prisoners-dilemma' is not allowed; it must be an array"):
        lx.MatrixGame("prisoners-dilemma")  # type: ignore  # what is to be refused
    with pytest.raises(ValueError, match=r"optimiser: 0\.1 is not allowed; it must be one of optax, or an Optimiser"):
        lx.Lookahead(0.1)  # type: ignore  # what is to be refused


def test_functions_play_in_games_whose_arguments_have_other_names():
    class Other(eqx.Module):
        num_players = 2
        num_actions = (2, 2)

        def reset(self, k):
            return jnp.zeros(())

        def step(self, k, s, a):
            return s + 1, jnp.zeros(2)

        def observe(self, s, p):
            return s[None]

    other: Any = Other()
    games = lx.match(other, [lambda observation: jnp.zeros(2)] * 2, jax.random.key(0), horizon=2, batch_size=3)
    assert games.rewards.shape == (2, 2, 3)
