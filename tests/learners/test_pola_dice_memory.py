"""Memory of an update does not grow with its outer steps."""

import dataclasses

import jax
import pytest

from lookax.experiments.registry import PRESETS


@pytest.mark.slow
def test_memory_does_not_grow_with_outer_steps():
    def temporary(outer_steps):
        experiment = dataclasses.replace(
            PRESETS["pola-figure4-laptop-pola-om-tremble-defectors"].settings,
            outer_steps=outer_steps,
            inner_steps=2,
            inner_beta=1.0,
            batch_size=64,
            horizon=5,
            hidden_size=8,
            model_batches=outer_steps,
        )
        state = jax.eval_shape(experiment.init, jax.random.key(0))
        program = jax.jit(lambda key, state: experiment.agents().update(key, state)).lower(jax.random.key(0), state)
        used = program.compile().memory_analysis()
        assert used is not None
        return used.temp_size_in_bytes

    # One key per step, 8 bytes, is all that grows.
    assert temporary(200) <= 1.05 * temporary(2)
