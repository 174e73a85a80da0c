"""Runs of the original code, from the policies that it started from (its numbers, rounded to four digits)."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.experiments.figures import pola_figure1
from lookax.experiments.presets import pola_figure1 as pola_figure1_presets
from lookax.experiments.registry import PRESETS
from lookax.experiments.settings.numbers import numbers_of, with_numbers
from lookax.experiments.studies.exact_shaping import ExactShapingStudy
from lookax.experiments.studies.study import study_of

EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "pola_figure3_example_runs.json").read_text())


def final_state(experiment):
    key = jax.random.key(0)
    study = study_of(experiment)
    update, state = jax.jit(study.update), study.init(key)
    for _ in range(experiment.total_updates):
        state, _ = update(key, state)
    return state, jax.jit(study.evaluate)(key, state)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Where runs that start as the original's did end, and how often they visit states; an algorithm's are lanes."""
    ends, key = {}, jax.random.key(0)

    def study(experiment, numbers):
        return ExactShapingStudy(with_numbers(experiment, numbers))

    def end(study, state):
        return study.evaluate(key, state), study.play().visitation(state.policies)

    with jax.enable_x64(True):
        for algorithm in ("pola", "lola"):
            numbers = [i for i, run in enumerate(EXAMPLES) if f"-{algorithm}-" in run["preset"]]
            experiments = [PRESETS[EXAMPLES[i]["preset"]].settings for i in numbers]
            states = []
            for i, experiment in zip(numbers, experiments, strict=True):
                start = tmp_path_factory.mktemp("starts") / f"{i}.json"
                start.write_text(json.dumps({"probabilities": EXAMPLES[i]["start"]}))
                states.append(study_of(dataclasses.replace(experiment, initial_policies=start)).init(key))
            [total_updates] = {experiment.total_updates for experiment in experiments}
            first, lanes = experiments[0], [jnp.array(each) for each in zip(*map(numbers_of, experiments), strict=True)]
            state = jax.tree.map(lambda *leaves: jnp.array(leaves), *states)
            update = jax.jit(jax.vmap(lambda own, state, first=first: study(first, own).update(key, state)[0]))
            for _ in range(total_updates):
                state = update(lanes, state)
            found = jax.tree.map(
                np.asarray,
                jax.jit(jax.vmap(lambda own, state, first=first: end(study(first, own), state)))(lanes, state),
            )
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
    for preset in pola_figure1_presets.PRESETS:
        state = study_of(preset.settings).init(jax.random.key(0))
        before[preset.name] = study_of(preset.settings).evaluate(jax.random.key(0), state)["cooperation"].mean(0)
        after[preset.name] = final_state(preset.settings)[1]["cooperation"].mean(0)
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
