"""Lanes and batches on several devices of one process, each time a new one: devices are made before JAX starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

SPREAD = """
import dataclasses, json, sys
import jax
from lookax.experiments.registry import PRESETS
from lookax.runs.programs.lanes import Lanes

name, changes, updates = json.loads(sys.argv[1])
experiment = dataclasses.replace(PRESETS[name].settings, **changes)
told = {}
for number in (1, 2, 4):
    lanes = Lanes([experiment], jax.devices()[:number])
    state, metrics = lanes.start()
    for update in range(1, updates + 1):
        state, metrics = lanes.step(update, state)
    used = {device for leaf in jax.tree.leaves(state) for device in leaf.devices()}
    fetched = jax.tree.leaves((lanes.fetch(state), lanes.fetch(metrics)))
    told[number] = [len(used), [leaf.tolist() for leaf in fetched]]
print(json.dumps(told))
"""


def spread(name: str, updates: int, **changes):
    """By number of devices, how many are used, and arrays of state and metrics after some updates."""
    words = [sys.executable, "-c", SPREAD, json.dumps([name, changes, updates])]
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "4", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ipd-lola", {"seeds": 5}),
        pytest.param(
            "ipd-lola-dice",
            {"seeds": 4, "horizon": 10, "inner_batch_size": 8, "outer_batch_size": 8},
            marks=pytest.mark.slow,
        ),
        pytest.param("ipd-pola-implicit", {"seeds": 5}, marks=pytest.mark.slow),
        pytest.param(
            "gmrl-tabular-lirpg-learning-lvc", {"seeds": 6, "num_states": 3, "horizon": 4}, marks=pytest.mark.slow
        ),
    ],
)
def test_seeds_are_the_same_bit_for_bit_on_any_number_of_devices(name, changes):
    told = spread(name, 3, **changes)
    assert [used for used, _ in told.values()] == [1, 2, 4]
    for number in ("2", "4"):
        for one, several in zip(told["1"][1], told[number][1], strict=True):
            np.testing.assert_array_equal(one, several)


@pytest.mark.slow
def test_a_single_seeds_games_are_dealt_out_and_agree_within_rounding():
    told = spread("ipd-lola-dice", 2, seeds=1, horizon=50, inner_batch_size=128, outer_batch_size=128)
    assert [used for used, _ in told.values()] == [1, 2, 4]
    for number in ("2", "4"):
        for one, several in zip(told["1"][1], told[number][1], strict=True):
            # Sums over 128 games in another order: a few hundred units in the last place of single precision.
            np.testing.assert_allclose(one, several, rtol=1e-4, atol=1e-5)


def test_a_single_seed_without_games_stays_on_one_device():
    assert [used for used, _ in spread("ipd-lola", 1, seeds=1).values()] == [1, 1, 1]
