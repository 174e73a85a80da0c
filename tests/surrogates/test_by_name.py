"""Surrogates by their names, of one trajectory by hand."""

import jax
import numpy as np
import pytest

from lookax.surrogates.by_name import surrogate_by_name

LOG_PROBS, REWARDS, VALUES = np.log([0.5, 0.25]), np.array([1.0, 2.0]), np.array([3.0, 5.0, 7.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Of DiCE with a baseline, Σ γᵗ rₜ + γ² V(s_T): 1 + 0.9 · 2 + 0.81 · 7; the baseline's terms are zero.
        ("dice-baseline", 1 + 0.9 * 2 + 0.81 * 7),
        # DiCE has no use for values.
        ("dice", 1 + 0.9 * 2),
    ],
)
def test_what_comes_after_the_last_step_counts_where_there_are_values(name, expected):
    quick = jax.jit(surrogate_by_name, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0})
    np.testing.assert_allclose(quick(name, LOG_PROBS, REWARDS, VALUES, 0.9), expected, rtol=1e-12)
