"""Runs of the original code, from the policies that it started from (its numbers, rounded to four digits)."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.experiments.figures import pola_figure1
from lookax.experiments.registry import PRESETS

EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "pola_figure3_example_runs.json").read_text())


def final_state(experiment):
    key = jax.random.key(0)
    update, state = jax.jit(experiment.update), experiment.init(key)
    for _ in range(experiment.total_updates):
        state, _ = update(key, state)
    return state, jax.jit(experiment.evaluate)(key, state)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Where runs that start as the original's did end, and how often they visit states; an algorithm's are lanes."""
    ends, key = {}, jax.random.key(0)

    def end(experiment, state):
        return experiment.evaluate(key, state), experiment.play().visitation(state.policies)

    with jax.enable_x64(True):
        for algorithm in ("pola", "lola"):
            numbers = [i for i, run in enumerate(EXAMPLES) if f"-{algorithm}-" in run["preset"]]
            experiments = [PRESETS[EXAMPLES[i]["preset"]].experiment for i in numbers]
            states = []
            for i, experiment in zip(numbers, experiments, strict=True):
                start = tmp_path_factory.mktemp("starts") / f"{i}.json"
                start.write_text(json.dumps({"probabilities": EXAMPLES[i]["start"]}))
                states.append(dataclasses.replace(experiment, initial_policies=start).init(key))
            [total_updates] = {experiment.total_updates for experiment in experiments}
            lanes, state = (jax.tree.map(lambda *leaves: jnp.array(leaves), *trees) for trees in (experiments, states))
            update = jax.jit(jax.vmap(lambda experiment, state: experiment.update(key, state)[0]))
            for _ in range(total_updates):
                state = update(lanes, state)
            found = jax.tree.map(np.asarray, jax.jit(jax.vmap(end))(lanes, state))
            ends |= {i: jax.tree.map(lambda leaf, at=lane: leaf[at], found) for lane, i in enumerate(numbers)}
    return ends


@pytest.mark.parametrize(
    "number", range(len(EXAMPLES)), ids=[f"{run['preset']}-{i % 2}" for i, run in enumerate(EXAMPLES)]
)
def test_tabular_runs_end_where_the_original_ended(number, together):
    run, (metrics, visits) = EXAMPLES[number], together[number]
    for player, final in enumerate(run["final"]):
        seen = visits if player == 0 else visits[[0, 2, 1, 3, 4]]
        # States that are hardly ever reached do not matter to what is learned, and may end further apart.
        tolerance = np.where(seen / visits.sum() < 0.01, 0.05, 0.02)
        assert (np.abs(metrics["cooperation"][player] - np.array(final)) < tolerance).all()
    # The original's loop stops a little earlier, in single precision: its returns are within 0.2 % of ours.
    np.testing.assert_allclose(metrics["returns"], run["returns"], rtol=0.005)


def test_figure1_networks_end_together_under_pola_and_apart_under_lola():
    after, before = {}, {}
    for preset in pola_figure1.PRESETS:
        state = preset.experiment.init(jax.random.key(0))
        before[preset.name] = preset.experiment.evaluate(jax.random.key(0), state)["cooperation"].mean(0)
        after[preset.name] = final_state(preset.experiment)[1]["cooperation"].mean(0)
    apart = {
        name: np.abs(after[f"pola-figure1-{name}-network1"] - after[f"pola-figure1-{name}-network2"]).max()
        for name in ("lola", "pola")
    }
    assert np.ptp(list(before.values()), axis=0).max() < 1e-6
    assert apart["pola"] < 0.03
    assert apart["lola"] > 2 * apart["pola"]
    for name, reference in pola_figure1.REFERENCES.items():
        # Both in double precision; references have five digits.
        np.testing.assert_allclose(after[name], reference, atol=2e-5)
