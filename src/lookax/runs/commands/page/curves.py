"""Curves as pages draw them: means over seeds and their intervals, thinned, as JSON can hold them."""

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

from lookax.experiments.reports.intervals import Count, ends


def thinned(name: str, values: np.ndarray, last: int, points: int) -> dict[str, list[Any]]:
    """A curve of at most so many points, picked evenly from its updates: `updates`, `means`, `lows` and `highs`.

    Intervals are of 95 %: Student's, and of what is true or false Clopper and Pearson's.

    **Arguments:**

    - `name`: of the number that is drawn.
    - `values`: `[updates, seeds]`.
    - `last`: the update that the last of them is of.
    - `points`: how many points it has at most.
    """
    chosen = np.unique(np.linspace(0, len(values) - 1, min(points, len(values))).round().astype(int))
    means = values[chosen].mean(axis=1)
    lows, highs = _shares(values[chosen]) if values.dtype == bool else ends(values[chosen], name)
    return {
        "updates": (last + 1 - len(values) + chosen).tolist(),
        "means": rounded(means),
        "lows": rounded(lows),
        "highs": rounded(highs),
    }


def rounded(numbers: Iterable[Any]) -> list[float | None]:
    """Six digits of each, as many as are seen; None for what is not finite."""
    return [float(f"{number:.6g}") if np.isfinite(number) else None for number in numbers]


def _shares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of Clopper and Pearson's intervals of the share of seeds, the last axis, that something is true of."""
    if values.shape[1] == 1:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    counts, places = np.unique(values.sum(axis=1), return_inverse=True)
    lows, highs = np.array([_interval(int(count), values.shape[1]) for count in counts]).T
    return lows[places], highs[places]


@functools.cache
def _interval(successes: int, total: int) -> tuple[float, float]:
    return Count(successes, total).interval()
