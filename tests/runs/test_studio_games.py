"""Games of a person with agents of runs: what the page is told of them."""

import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.experiments.studies.study import study_of
from lookax.games.coin_game import OneCoinState
from lookax.games.game import Seen
from lookax.policies.actor import actor_of
from lookax.runs.programs.saved import read_saved
from lookax.runs.storage.metrics import GrowingHistory, read_history
from lookax.runs.storage.run import read_run
from lookax.runs.studio import live, table
from lookax.runs.studio.agents import Agents


def _begun(studio, label, **fields):
    run = studio.number(label)
    choices = studio.ask("choices", run=run)
    chosen = {"run": run, "update": choices["updates"][-1], "seed": choices["seeds"][0]} | fields
    return studio.ask("play", **chosen)


def _looked_ahead(studio, view):
    """The view once the lookahead is known."""
    name = view["session"]
    while view["agents"][0]["expected"]["status"] == "computing":
        view = studio.ask("view", session=name)
    return view["agents"][0]["expected"]


def _agents(studio, label, update):
    """The study of a run, and its first seed's state."""
    run = read_run(studio.runs / label)
    study: Any = study_of(run.settings)
    return study, jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), read_saved(run, update).state)


def test_a_game_is_played_by_its_rules_to_its_end(studio):
    view = _begun(studio, "exact", seat=1)
    name, paid = view["session"], np.zeros(2)
    payoffs, horizon = np.array(view["payoffs"]), view["horizon"]
    assert view["actions"] == ["defect", "cooperate"]
    mine = [1, 0] * (horizon // 2)
    for action in mine:
        assert not view["over"]
        view = studio.ask("move", session=name, action=action)
        paid += payoffs[:, view["last"][0], view["last"][1]]
    assert view["over"]
    assert view["step"] == horizon
    assert [actions[1] for actions in view["history"]] == mine
    np.testing.assert_allclose(view["totals"], paid, atol=1e-5)
    status, text, _ = studio.request("POST", "/api/move", {"session": name, "action": 0})
    assert (status, text) == (400, f"the game is over, after {horizon} steps; begin another one")


def test_what_is_told_of_an_agent_is_its_policy_on_what_it_has_seen(studio):
    views = [_begun(studio, "coin", seat=0)]
    views += [studio.ask("move", session=views[0]["session"], action=action) for action in (1, 2)]
    study, state = _agents(studio, "coin", 0)
    with jax.enable_x64(False):
        game, agent = study.game(), state.agents[1]
        actors = [actor_of(game, own, 1) for own in (agent.policy, agent.values())]
        # The states as the page draws them are those that the agent sees.
        coins = np.array([view["coins"] for view in views])
        states = OneCoinState(
            *(jnp.array(own) for own in ([v["players"] for v in views], coins.max(1), coins.argmax(1)))
        )
        last = np.array([[-1, -1], *(view["last"] for view in views[1:])])
        seen = Seen(states, jnp.array(last), jnp.array([view["rewards"] for view in views], float))

        @jax.jit
        def looked(seen):
            def step(hidden, now):
                hidden = tuple(a.recurrence.update_hidden_state(h, now) for a, h in zip(actors, hidden, strict=True))
                return hidden, (hidden[0], [a.act(h) for a, h in zip(actors, hidden, strict=True)])

            first = tuple(actor.recurrence.initial_hidden_state(1) for actor in actors)
            return jax.lax.scan(step, first, jax.tree.map(lambda leaf: jnp.asarray(leaf)[..., None], seen))[1]

        memories, (logits, values) = looked(seen)
    told = [view["agents"][0] for view in views]
    # Four digits are told.
    probabilities = jax.nn.softmax(logits[..., 0])
    np.testing.assert_allclose([own["probabilities"] for own in told], probabilities, atol=1e-4)
    np.testing.assert_allclose([own["memory"] for own in told], memories[..., 0], atol=1e-4)
    np.testing.assert_allclose([own["value"] for own in told], values[:, 0, 0], rtol=1e-4)


def test_agents_draw_their_actions_with_these_probabilities(studio):
    drawn, expected = [], []
    for _ in range(12):
        view = _begun(studio, "exact", seat=1, update=2)
        name = view["session"]
        for action in (0, 1, 1, 0) * 3:
            expected.append(view["agents"][0]["probabilities"][1])
            view = studio.ask("move", session=name, action=action)
            drawn.append(view["last"][0])
        studio.ask("leave", session=name)
    expected = np.array(expected)
    error = math.sqrt((expected * (1 - expected)).sum())
    # Untrained policies are neither certain nor far from it; five deviations fail once in a million times.
    assert error > 4
    assert abs(np.sum(drawn) - expected.sum()) < 5 * error


def test_what_an_agent_expects_is_the_opponents_policy_after_its_lookahead(studio):
    expected = _looked_ahead(studio, _begun(studio, "exact", seat=1, update=2))
    study, state = _agents(studio, "exact", 2)
    with jax.enable_x64(True):
        play, algorithm = study.play(), study.settings.algorithm

        def value(theirs):
            return play.values((state.policies[0], theirs))[1]

        # LOLA's lookahead by hand: one step up the opponent's own return.
        gradient = jax.grad(value)(state.policies[1])
        rate = algorithm.lookahead.inner_learning_rate
        learned = jax.tree.map(lambda leaf, slope: leaf + rate * slope, state.policies[1], gradient)
        before, after = (play.cooperation((state.policies[0], own))[1] for own in (state.policies[1], learned))
    assert np.abs(np.array(after) - before).max() > 0.01
    np.testing.assert_allclose(expected["states"]["now"], before, atol=1e-4)
    np.testing.assert_allclose(expected["states"]["after"], after, atol=1e-4)
    start = expected["states"]["names"].index("start")
    np.testing.assert_allclose(expected["after"][1], after[start], atol=1e-4)


def test_what_a_sampled_lookahead_expects_is_told_on_the_game_so_far(studio):
    view = _begun(studio, "coin", seat=0)
    first = _looked_ahead(studio, view)
    assert first["status"] == "known"
    assert np.abs(np.array(first["after"]) - first["now"]).max() > 0
    view = studio.ask("move", session=view["session"], action=0)
    again = view["agents"][0]["expected"]
    for told in (first, again):
        np.testing.assert_allclose([sum(told["now"]), sum(told["after"])], 1, atol=1e-3)
    assert again["now"] != first["now"]


def test_where_nothing_is_expected_the_page_is_told_why(studio):
    expected = _looked_ahead(studio, _begun(studio, "loqa", seat=0))
    assert expected == {"status": "none", "why": "loqa looks ahead through no learning step of its opponents"}


def test_frames_follow_each_other(studio):
    view = _begun(studio, "watched")
    frames = view["frames"] + studio.ask("move", session=view["session"])["frames"]
    assert view["kind"] == "watch"
    steps = [frame["step"] for frame in frames]
    # Whoever looks again sees the latest of them, and plays no more.
    assert studio.ask("view", session=view["session"])["frames"] == frames[-len(view["frames"]) :]
    for (before, after), frame in zip(itertools.pairwise(steps), frames[:-1], strict=True):
        assert after == (0 if "ended" in frame else before + 1)
    for frame in frames:
        assert len(frame["cells"]) == view["height"] * view["width"]
        assert max(frame["cells"]) < view["channels"]
        assert sum(frame["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_a_folder_that_is_replaced_is_another_run(run_to_change, monkeypatch):
    monkeypatch.setattr(live, "SECONDS", 0)
    runs = live.LiveRuns([run_to_change])
    before = runs.curves(0, -1)
    assert before is not None
    written = runs.listing()["runs"][0]["written"]
    config, metrics = run_to_change / "config.yaml", run_to_change / "metrics.jsonl"
    config.write_text(config.read_text().replace("seeds: 3", "seeds: 1"))
    lines = [line for line in metrics.read_bytes().splitlines(keepends=True) if b'"seed":0,' in line]
    metrics.write_bytes(b"".join(lines))
    [row] = runs.listing()["runs"]
    assert (row["id"], row["seeds"]) == (0, 1)
    assert row["written"] != written
    after = runs.curves(0, before["version"])
    assert after is not None
    assert after["version"] > before["version"]
    assert after["curves"].keys() == before["curves"].keys()
    # Read with three seeds there would be a third of the updates.
    assert len(after["curves"]["returns/1"]["means"]) == len(lines)


def test_agents_are_read_again_when_their_checkpoint_was_replaced(run_to_change, monkeypatch):
    read = []
    monkeypatch.setattr(table, "read_agents", lambda run, update, seed: read.append(update) or Agents(None, None, 5, 0))
    own = table.Table(live.LiveRuns([run_to_change]), ThreadPoolExecutor(1))
    folder = run_to_change / "checkpoints" / "5"
    for moment in (1, 1, 2):
        os.utime(folder, ns=(moment, moment))
        own._agents(0, 5, 0, own._written(0, 5))
    assert read == [5, 5]


def test_a_history_that_grows_is_read_on(run_to_change):
    path = run_to_change / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    history = GrowingHistory(path, 3)
    versions = []
    for number in (0, 2, 3, 7, 18):
        # In the middle of a line, as it may be found while it is written.
        path.write_bytes(b"".join(lines[:number]) + b"".join(lines[number : number + 1])[:5])
        history.read()
        history.read()
        versions.append((history.version, history.last))
        if number >= 3:
            for name, values in read_history(path).items():
                np.testing.assert_array_equal(history.metrics[name], values)
    assert versions == [(0, -1), (0, -1), (1, 0), (2, 1), (3, 5)]


def test_a_history_that_was_cut_is_read_anew(run_to_change):
    path = run_to_change / "metrics.jsonl"
    text = path.read_bytes()
    history = GrowingHistory(path, 3)
    history.read()
    # As a run does that goes on from a checkpoint: shorter, and then as long as before with other numbers.
    path.write_bytes(text.replace(b"0.", b"7.")[: len(text)])
    history.read()
    for name, values in read_history(path).items():
        np.testing.assert_array_equal(history.metrics[name], values)
    assert history.last == 5
    path.write_bytes(b"")
    history.read()
    assert (history.metrics, history.last) == ({}, -1)
