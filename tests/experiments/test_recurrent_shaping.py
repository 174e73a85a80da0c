"""Settings of agents with a memory: who meets whom, and what makes no sense."""

import dataclasses
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.matches import match
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping
from lookax.experiments.studies.exact_learners import OPTIMISERS
from lookax.experiments.studies.recurrent_shaping import RecurrentShapingStudy
from lookax.experiments.studies.study import study_of, validate
from lookax.games.coin_game import OneCoinGame, TwoCoinGame
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.policies.published.agent_files import write_agents
from lookax.policies.published.seats import PolicyWithView
from lookax.runs.programs.lanes import Lanes
from tests.networks import drawn_network

KEY = jax.random.key(8)
TINY = RecurrentShaping(
    game="prisoners-dilemma",
    horizon=3,
    batch_size=4,
    outer_steps=2,
    inner_steps=1,
    model_batches=2,
    hidden_size=2,
    evaluation_games=2,
)


def quick(function):
    """Compiled without optimisation: it runs for milliseconds."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def changed(before, after):
    return [bool((a != b).any()) for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)]


@pytest.mark.parametrize(("name", "inner_steps"), [("naive", 0), ("lola-dice", 1)])
def test_simpler_opponents_take_one_step_without_divergences(name, inner_steps):
    settings = dataclasses.replace(TINY, opponent=name, opponent_model=True)
    validate(settings)
    pair: Any = RecurrentShapingStudy(settings).agents()
    first, second = pair.updates
    assert first is not None
    assert second is not None
    assert (first.outer_steps, first.lookahead.steps, first.inner_beta, first.outer_beta) == (2, 1, 10.0, 100.0)
    assert (second.outer_steps, second.lookahead.steps, second.inner_beta, second.outer_beta) == (
        1,
        inner_steps,
        None,
        None,
    )
    # It knows who it plays with, while the first one learns a model.
    assert pair.imitations[0] is not None
    assert pair.imitations[1] is None


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_models_are_fitted_by_the_optimiser_of_the_policies(optimiser):
    # The first step of each from a gradient of 2, at the model's own step sizes.
    settings = dataclasses.replace(
        TINY, optimiser=optimiser, opponent_model=True, model_learning_rate=0.3, model_critic_learning_rate=0.7
    )
    imitation = RecurrentShapingStudy(settings).agents().imitations[0]
    assert imitation is not None
    for ours, rate in ((imitation.optimiser, 0.3), (imitation.critic_optimiser, 0.7)):
        both = ours, OPTIMISERS[optimiser](rate)
        step, expected = (own.update(jnp.array(2.0), own.init(jnp.array(0.0)))[0] for own in both)
        np.testing.assert_array_equal(np.asarray(step), np.asarray(expected))


@pytest.mark.slow
def test_a_naive_opponent_learns():
    settings = dataclasses.replace(TINY, opponent="naive", outer_steps=1)
    state = study_of(settings).init(KEY)
    after, _ = quick(lambda key, state: RecurrentShapingStudy(settings).agents().update(key, state))(KEY, state)
    assert all(any(changed(a.policy, b.policy)) for a, b in zip(state.agents, after.agents, strict=True))


def test_an_agent_from_a_file_is_the_second_player_that_was_written_and_stays_as_it_is(tmp_path):
    learned = study_of(TINY).init(jax.random.key(1))
    path = tmp_path / "seed-0.json"
    path.write_text(json.dumps(study_of(TINY).describe(learned)))
    settings = dataclasses.replace(TINY, opponent=str(path))
    validate(settings)
    state = study_of(settings).init(KEY)
    assert not any(changed(state.agents[1], learned.agents[1]))
    assert any(changed(state.agents[0], learned.agents[0]))
    after, metrics = quick(study_of(settings).update)(KEY, state)
    assert not any(changed(state.agents[1], after.agents[1]))
    assert any(changed(state.agents[0].policy, after.agents[0].policy))
    assert all(np.isfinite(metric).all() for metric in metrics.values())


def test_a_strategy_in_the_second_seat_is_not_written(tmp_path):
    settings = dataclasses.replace(TINY, opponent="tit-for-tat")
    validate(settings)
    state = study_of(settings).init(KEY)
    written = study_of(settings).describe(state)
    assert list(written) == ["player1"]
    path = tmp_path / "seed-0.json"
    path.write_text(json.dumps(written))
    with pytest.raises(ValueError, match=r"opponent: .* cannot be read as a run's seed-….json") as error:
        validate(dataclasses.replace(TINY, opponent=str(path)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "cannot be read as a run's seed-….json"),
        ("{", "cannot be read as a run's seed-….json"),
        ("[]", "cannot be read as a run's seed-….json"),
        ("3", "cannot be read as a run's seed-….json"),
        ('{"player1": {}}', "cannot be read as a run's seed-….json"),
        ('{"player2": {"policy": {}, "critic": {}}}', "network: has ; it must have "),
        ('{"player2": {"policy": 1, "critic": 2}}', "cannot be read as a run's seed-….json"),
        ('{"player2": []}', "cannot be read as a run's seed-….json"),
        ("[" * 100_000, "cannot be read as a run's seed-….json"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.usefixtures("types_unchecked")
def test_files_that_hold_no_agent_are_told_in_a_line(text, complaint, tmp_path):
    path = tmp_path / "agent.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=f"opponent: '{path}'.*{complaint}") as error:
        validate(dataclasses.replace(TINY, opponent=str(path)))
    assert "\n" not in str(error.value)


def test_an_agent_of_another_size_is_told_in_a_line(tmp_path):
    path = tmp_path / "agent.json"
    path.write_text(json.dumps(study_of(TINY).describe(study_of(TINY).init(KEY))))
    with pytest.raises(ValueError, match=rf"opponent: '{path}': network: .* has shape .*; it must be ") as error:
        validate(dataclasses.replace(TINY, opponent=str(path), hidden_size=3))
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("opponent", ["tit-for-tat", "itself"])
def test_lanes_learn_what_they_would_alone(opponent):
    # Double precision: lanes round differently, and draw the same.
    settings = dataclasses.replace(
        TINY, opponent=opponent, opponent_model=opponent == "itself", tremble_probability=0.1
    )

    def learn(key):
        return RecurrentShapingStudy(settings).agents().update(key, study_of(settings).init(key))

    keys, alone = jax.random.split(KEY, 2), quick(learn)
    together = quick(jax.vmap(learn))(keys)
    for lane, key in enumerate(keys):
        for whole, alone_leaf in zip(jax.tree.leaves(together), jax.tree.leaves(alone(key)), strict=True):
            np.testing.assert_allclose(whole[lane], alone_leaf, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [
        {"game": "coin", "shared_encoder": True, "tremble_probability": 0.1, "defector_fraction": 0.5},
        {"game": "two-coins", "opponent": "tit-for-tat", "opponent_model": True, "num_layers": 2},
        {
            "game": "contribution",
            "opponent": "lola-dice",
            "baseline": "none",
            "recurrent_unit": "none",
            "num_layers": 0,
        },
        {"game": "matching-pennies", "start": "all-cooperate", "keep_optimisers": True, "critic_after_loop": True},
        {"baseline": "linear", "dice_decay": 0.5, "linear_decay": True},
        {"baseline": "mean", "tremble_probability": 0.1, "defector_fraction": 0.5},
        {"baseline": "zero", "reversed_divergence": True, "optimiser": "rmsprop", "adjoint": "none", "inner_steps": 0},
    ],
    ids=lambda changes: ",".join(map(str, changes.values())),
)
def test_every_combination_keeps_its_form_from_one_update_to_the_next(changes):
    settings = dataclasses.replace(TINY, **changes)
    validate(settings)
    state = jax.eval_shape(study_of(settings).init, KEY)
    after, metrics = jax.eval_shape(study_of(settings).update, KEY, state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), after) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), state
    )
    assert set(metrics) == {"gradient_norm"} | ({"model_cross_entropy"} if settings.opponent_model else set())
    metrics = jax.eval_shape(study_of(settings).evaluate, KEY, after)
    names = {"score", "against_always_defect", "against_always_cooperate", "against_tit_for_tat"}
    assert {name: metrics[name].shape for name in names} == dict.fromkeys(names, (2,))
    further = {"coins", "own_coin_share"} if "coin" in settings.game else set()
    further |= {"reciprocal"} if settings.game == "contribution" else set()
    assert set(metrics) == names | further


def test_step_sizes_fall_to_zero_at_the_end_of_all_updates():
    settings = dataclasses.replace(TINY, optimiser="sgd", learning_rate=0.5, linear_decay=True, total_updates=2)
    learner = RecurrentShapingStudy(settings).learner()
    params, sizes = jnp.zeros(()), []
    state = learner.optimiser.init(params)
    for _ in range(settings.total_updates * settings.outer_steps + 1):
        step, state = learner.optimiser.update(jnp.ones(()), state, params)
        sizes.append(-float(step))
    np.testing.assert_allclose(sizes, [0.5, 0.375, 0.25, 0.125, 0.0], atol=1e-7)


def test_agents_with_a_linear_baseline_learn_through_two_inner_steps():
    # In lanes, where what is constant has derivatives of zero, which no solver's tolerance may have.
    settings = dataclasses.replace(TINY, baseline="linear", inner_steps=2, seeds=1, outer_steps=1)
    lanes = Lanes([settings])
    state, _ = lanes.start()
    before, after = lanes.fetch(state), lanes.fetch(lanes.step(1, state)[0])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
    assert any(changed(before.agents, after.agents))


def test_step_sizes_fall_in_as_many_steps_as_are_taken():
    settings = dataclasses.replace(TINY, linear_decay=True, total_updates=3, opponent="naive")
    updates: Any = RecurrentShapingStudy(settings).agents().updates
    for update, steps in zip(updates, (6, 3), strict=True):
        for optimiser in (update.optimiser, update.critic_optimiser):
            assert dict(optimiser.options)["total_steps"] == steps


@pytest.mark.parametrize("changes", [{"baseline": "none"}, {"inner_steps": 0}])
def test_a_decay_that_would_not_be_used_is_refused(changes):
    with pytest.raises(ValueError, match=r"^dice_decay: 0.5 is not allowed; it must be 1 without a baseline or inner"):
        validate(dataclasses.replace(TINY, dice_decay=0.5, **changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"batch_size": 1}, "batch_size: 1 is not allowed; it must be at least 2 a microbatch"),
        ({"games_at_once": 1}, "batch_size: 4 is not allowed; it must be at least 2 a microbatch"),
        ({"defector_fraction": 0.25}, "defector_fraction: 0.25 is not allowed; it must be at least 2/4"),
    ],
)
def test_the_mean_of_other_games_takes_other_games(changes, complaint):
    with pytest.raises(ValueError, match=f"^{complaint} with baseline 'mean', which is that of other games$"):
        validate(dataclasses.replace(TINY, baseline="mean", **changes))


BELOW_ONE = ("horizon", "batch_size", "outer_steps", "model_batches", "model_steps", "hidden_size", "evaluation_games",
             "total_updates", "seeds")  # fmt: skip
NOT_POSITIVE = ("contribution_factor", "learning_rate", "critic_learning_rate", "inner_learning_rate",
                "inner_critic_learning_rate", "model_learning_rate", "model_critic_learning_rate")  # fmt: skip
NAN = float("nan")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        *((field, 0, "at least 1") for field in BELOW_ONE),
        *((field, value, "greater than 0 and finite") for field in NOT_POSITIVE for value in (0.0, NAN)),
        ("inner_steps", -1, "at least 0"),
        ("grid_size", 2, "between 3 and 100"),
        ("grid_size", 101, "between 3 and 100"),
        ("discount", 1.1, "between 0 and 1"),
        ("discount", NAN, "between 0 and 1"),
        ("gae_lambda", -0.1, "between 0 and 1"),
        ("dice_decay", 1.1, "between 0 and 1"),
        ("outer_beta", -1.0, "at least 0"),
        ("inner_beta", float("inf"), "at least 0"),
        ("tremble_probability", 0.0, "between 0 and 1"),
        ("tremble_probability", 1.0, "between 0 and 1"),
        ("defector_fraction", 0.8, "between 1/4 and 3/4, as 4 games are played at once"),
        ("defector_fraction", 0.2, "between 1/4 and 3/4, as 4 games are played at once"),
        ("games_at_once", 3, "a divisor of the batch size, 4"),
        ("num_layers", 3, "0, 1 or 2"),
        ("first_seed", -1, "at least 0"),
        ("opponent", "tit-for-tats", "one of itself, naive, lola-dice, always-defect, .* in this game"),
        ("own_coin_reward", NAN, "finite"),
        ("other_coin_reward", float("inf"), "finite"),
        ("other_coin_cost", NAN, "finite"),
        ("view", "egocentric", "one of None, board, own in this game"),
    ],
)
def test_values_out_of_range_are_named(field, value, rule):
    with pytest.raises(ValueError, match=f"^{field}: .* is not allowed; it must be {rule}") as error:
        validate(dataclasses.replace(TINY, **{field: value}))
    assert str(value) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize("field", ["baseline", "recurrent_unit", "initialiser", "adjoint"])
def test_names_that_there_are_not_are_refused_before_anything_is_compiled(field):
    settings = dataclasses.replace(TINY, **{field: "other"})
    with pytest.raises(ValueError, match=f"^{field}: 'other' is not allowed; it must be one of "):
        jax.eval_shape(
            lambda key: RecurrentShapingStudy(settings).agents().update(key, study_of(settings).init(key)), KEY
        )


@pytest.mark.parametrize(
    ("game", "view", "expected"),
    [
        ("coin", None, OneCoinGame()),
        ("coin", "board", OneCoinGame()),
        ("coin", "own", OneCoinGame(view="own")),
        ("coin", "egocentric", OneCoinGame(view="egocentric")),
        ("two-coins", None, TwoCoinGame()),
        ("two-coins", "own", TwoCoinGame()),
        ("two-coins", "egocentric", TwoCoinGame(egocentric=True)),
    ],
)
def test_players_of_coin_games_see_what_settings_say(game, view, expected):
    study = RecurrentShapingStudy(dataclasses.replace(TINY, game=game, view=view))
    study.settings.validate()
    assert study.game() == expected
    # Runs that differ in nothing else may meet.
    assert study.rules() == RecurrentShapingStudy(dataclasses.replace(TINY, game=game)).rules()


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"game": "coin", "view": "mine"}, "None, board, own, egocentric"),
        ({"game": "two-coins", "view": "board"}, "None, own, egocentric"),
        ({"game": "coin", "payoffs": ((2.0, 3.0), (0.0, 5.0)), "view": "egocentric"}, "None, board, own"),
    ],
)
@pytest.mark.usefixtures("types_unchecked")
def test_views_that_a_game_does_not_have_are_refused(changes, allowed):
    with pytest.raises(ValueError, match=f"^view: '.*' is not allowed; it must be one of {allowed} in this game$"):
        dataclasses.replace(TINY, **changes).validate()


def test_a_published_agent_sits_in_the_second_seat_with_its_own_view_and_stays_as_it_is(tmp_path):
    path = tmp_path / "agents.npz"
    networks = {f"a/{seed}": drawn_network(seed, 36, 4, scale=0.5) for seed in (0, 1)}
    write_agents(path, networks, view="own")
    settings = dataclasses.replace(TINY, game="coin", view="egocentric", opponent=f"{path}:a/1", inner_steps=0)
    validate(settings)
    study = RecurrentShapingStudy(settings)
    state = study.init(KEY)
    expected = PolicyWithView(networks["a/1"], "own")
    assert jax.tree.structure(state.agents[1]) == jax.tree.structure(Agent(expected, None))
    assert not any(changed(state.policies[1], expected))
    after, metrics = quick(study.update)(KEY, state)
    assert not any(changed(after.agents[1], state.agents[1]))
    assert any(changed(after.policies[0], state.policies[0]))
    assert all(np.isfinite(metric).all() for metric in metrics.values())
    assert list(study.describe(state)) == ["player1"]
    # It sees its own side of the board in a game that shows another to the learner.
    games = match(study.game(), study.policies(state), KEY, 4, 5)
    replayed = match(OneCoinGame(view="own"), ("random", networks["a/1"]), KEY, 4, 5)
    np.testing.assert_allclose(games.outputs[1][0], replayed.outputs[1][0], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        (":b", {}, "'.*agents.npz': has no agent 'b'; name one of a, small"),
        ("", {}, "'.*agents.npz': has no agent ''; name one of a, small"),
        (":a", {"game": "contribution"}, r"'.*agents.npz:a': policy: that of player 1 does not take the 6 numbers"),
        (":a", {"grid_size": 4}, r"'.*agents.npz:a': policy: that of player 1 does not take the 64 numbers"),
        (":small", {}, r"'.*agents.npz:small': policy: that of player 1 gives logits of shape \(3,\)"),
    ],
)
def test_published_agents_that_do_not_fit(name, changes, complaint, tmp_path):
    path = tmp_path / "agents.npz"
    write_agents(path, {"a": drawn_network(0, 36, 4), "small": drawn_network(0, 36, 3)}, view="own")
    settings = dataclasses.replace(TINY, **{"game": "coin", "opponent": f"{path}{name}"} | changes)
    with pytest.raises(ValueError, match=f"^opponent: {complaint}") as error:
        validate(settings)
    assert "\n" not in str(error.value)
    looking_ahead = dataclasses.replace(TINY, game="coin", opponent=f"{path}:a")
    with pytest.raises(ValueError, match=r"^inner_steps: 1 is not allowed; it must be 0 with an opponent that has no"):
        validate(looking_ahead)
    for allowed in ({"opponent_model": True}, {"baseline": "zero"}, {"inner_steps": 0}):
        validate(dataclasses.replace(looking_ahead, **allowed))
    (tmp_path / "agents.npz").unlink()
    with pytest.raises(ValueError, match=r"^opponent: '.*agents.npz': cannot be read \(No such file or directory\)"):
        validate(settings)
