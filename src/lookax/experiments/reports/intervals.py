"""Means and counts over seeds, their intervals, and whether two counts agree."""

import dataclasses
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
"""Of intervals that are shown."""

AGREEMENT = 0.99
"""Of tests whether our numbers and published ones are of one kind: each says "no" by chance once in a hundred times."""


BOUNDS = {
    "correlation": (-1.0, 1.0),
    "inner_correlation": (-1.0, 1.0),
    "outer_correlation": (-1.0, 1.0),
    "cooperation": (0.0, 1.0),
    "own_coin_share": (0.0, 1.0),
    "tit_for_tat": (0.0, 1.0),
    "reciprocal": (0.0, 1.0),
    "cosine": (-1.0, 1.0),
    "relative_bias": (0.0, np.inf),
    "discount": (0.0, 1.0),
    "gae_lambda": (0.0, 1.0),
    "value_coefficient": (0.0, 1.0),
    "entropy_coefficient": (0.0, 1.0),
    "entropy": (0.0, np.inf),
    "gradient_norm": (0.0, np.inf),
    "meta_gradient_norm": (0.0, np.inf),
    "model_cross_entropy": (0.0, np.inf),
    "intrinsic_reward": (0.0, np.inf),
    "bias": (0.0, np.inf),
    "inner_error": (0.0, np.inf),
    "coins": (0.0, np.inf),
    "capped_weights": (0.0, np.inf),
    "variance": (0.0, np.inf),
    "effective_sample_size": (0.0, np.inf),
}
"""Between which numbers metrics lie that cannot be just any."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over seeds, and Student's 95 % interval of it (none with one seed), within the quantity's bounds."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray, metric: str = "") -> "Interval":
        """Of one value per seed of a metric."""
        low, high = ends(values, metric)
        return cls(float(values.mean()), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]" if np.isfinite(self.low) else f"{self.mean:.3f}"


def ends(values: np.ndarray, metric: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Both ends of Student's 95 % intervals of means over seeds, the last axis; NaN with one seed.

    What lies outside of what a bounded metric can be is cut off, which takes nothing from its confidence.
    """
    means, halves = values.mean(axis=-1), half_width(values)
    low, high = BOUNDS.get(metric.split("/")[0], (-np.inf, np.inf))
    return np.asarray(np.maximum(means - halves, low)), np.asarray(np.minimum(means + halves, high))


def half_width(values: np.ndarray) -> np.ndarray:
    """Half of the width of Student's 95 % interval of means over seeds, the last axis; NaN with one seed."""
    seeds = values.shape[-1]
    return np.asarray(quantile(CONFIDENCE, seeds) * deviation(values) / seeds**0.5)


def quantile(confidence: float, seeds: int) -> float:
    """How many standard errors of the mean an interval reaches to either side; NaN with one seed."""
    return float(stats.t.ppf((1 + confidence) / 2, seeds - 1)) if seeds > 1 else float("nan")


def deviation(values: np.ndarray) -> np.ndarray:
    """Standard deviation over seeds, the last axis; NaN with one seed."""
    return np.asarray(values.std(axis=-1, ddof=1) if values.shape[-1] > 1 else np.full(values.shape[:-1], np.nan))


@dataclasses.dataclass(frozen=True)
class Count:
    """How many of a number of runs did something."""

    successes: int
    total: int

    @classmethod
    def of(cls, outcomes: np.ndarray) -> "Count":
        """Counts the true ones."""
        return cls(int(np.sum(outcomes)), len(outcomes))

    @property
    def share(self) -> float:
        """The share of runs."""
        return self.successes / self.total

    def interval(self) -> tuple[float, float]:
        """The Clopper–Pearson interval of the probability, at 95 % confidence."""
        interval = stats.binomtest(self.successes, self.total).proportion_ci(CONFIDENCE, method="exact")
        return float(interval.low), float(interval.high)

    def agrees_with(self, other: "Count") -> bool:
        """Whether Fisher's exact test does not tell the two probabilities apart."""
        table = [[count.successes, count.total - count.successes] for count in (self, other)]
        test: Any = stats.fisher_exact(table)
        return bool(test.pvalue >= 1 - AGREEMENT)

    def __str__(self) -> str:
        return f"{self.successes}/{self.total}"
