"""Means over seeds, and how well seeds tell them: Student's intervals."""

import dataclasses

import numpy as np
from scipy import stats

from lookax.experiments.preset import CONFIDENCE


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over seeds, and Student's 95 % interval of it (none with one seed)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Interval":
        """Of one value per seed."""
        mean, half = float(values.mean()), float(half_width(values))
        return cls(mean, mean - half, mean + half)

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]" if np.isfinite(self.low) else f"{self.mean:.3f}"


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
