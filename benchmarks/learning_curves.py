"""Learning curves of the documentation's pages on algorithms: runs short presets, and draws docs/images/curve-*.png.

`python -m benchmarks.learning_curves` takes about two minutes on two cores. Lines are means over seeds, bands 95 %
intervals (Student's).
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from lookax.cli import main as lookax
from lookax.runs.storage.metrics import read_history

IMAGES = Path(__file__).parents[1] / "docs" / "images"

DISCOUNT = 0.96
"""Of the exact presets, whose returns become rewards per step by a factor of 1 − γ."""

COLOURS = ("#0072b2", "#d55e00")

CONTRIBUTION = "always cooperating", 0.33
DILEMMA = "always cooperating", -1.0

CURVES = {
    "naive": ({"ipd-naive": "naive learners"}, "returns", CONTRIBUTION),
    "lola": (
        {"ipd-lola": "LOLA, through the step", "ipd-lola-taylor": "LOLA, first order"},
        "returns",
        CONTRIBUTION,
    ),
    "pola": (
        {"ipd-pola": "POLA, outer proximal", "ipd-pola-implicit": "POLA, inner proximal"},
        "returns",
        CONTRIBUTION,
    ),
    "lola-dice": ({"ipd-lola-dice": "LOLA-DiCE, self-normalised"}, "score", DILEMMA),
}
"""By the name of the page: presets and their labels, the metric, and the line to compare with."""


def curve(preset: str, metric: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rewards per step by update, their mean over seeds and half of a 95 % interval."""
    assert lookax(["run", preset, "--out", str(folder / preset)]) == 0
    rewards = np.asarray(read_history(folder / preset)[metric]).mean(axis=-1)
    if metric == "returns":
        rewards = rewards * (1 - DISCOUNT)
    seeds = rewards.shape[1]
    half = stats.t.ppf(0.975, seeds - 1) * rewards.std(axis=1, ddof=1) / np.sqrt(seeds)
    return rewards.mean(axis=1), half


def draw(name: str, folder: Path) -> None:
    """One figure, 640 × 400 pixels."""
    presets, metric, (label, level) = CURVES[name]
    figure, axes = plt.subplots(figsize=(6.4, 4.0), dpi=100, layout="constrained")
    axes.axhline(level, color="0.5", linestyle="--", linewidth=1.2, label=label)
    for colour, (preset, text) in zip(COLOURS, presets.items(), strict=False):
        mean, half = curve(preset, metric, folder)
        updates = np.arange(len(mean))
        axes.plot(updates, mean, color=colour, linewidth=2, label=text)
        axes.fill_between(updates, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)
    axes.set_xlabel("update", fontsize=13)
    axes.set_ylabel("reward per step", fontsize=13)
    axes.tick_params(labelsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=12, frameon=False)
    figure.savefig(IMAGES / f"curve-{name}.png")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CURVES), help="which to draw; all of them unless given")
    with tempfile.TemporaryDirectory() as folder:
        for name in parser.parse_args().names:
            draw(name, Path(folder))


if __name__ == "__main__":
    main()
