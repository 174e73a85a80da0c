"""Figure 1 of POLA: policies after one update from two networks, and the numbers to match."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.pola_figure1 import ALGORITHMS, NETWORKS
from lookax.experiments.reports.exact import tidy
from lookax.experiments.studies.repeated_game import RepeatedGameStudy

TOLERANCE = 1e-4
"""Of a probability of cooperation, against the reference: nothing is random, and references have five digits."""


# P(C | DD, DC, CD, CC, start) after the update, mean over players, measured by running the original code in double
# precision. In single precision, as published, rounding ends POLA's proximal loop elsewhere, less than 0.01 away.
REFERENCES = {
    "pola-figure1-lola-network1": (0.39083, 0.51129, 0.43502, 0.46832, 0.44786),
    "pola-figure1-lola-network2": (0.43083, 0.44963, 0.42511, 0.44631, 0.4453),
    "pola-figure1-pola-network1": (0.21976, 0.54443, 0.34432, 0.5968, 0.48115),
    "pola-figure1-pola-network2": (0.22343, 0.52609, 0.32706, 0.61103, 0.48407),
}


def cooperation(result: Result) -> np.ndarray:
    """P(C | state) before and after the update, mean over players; `[2, S]`."""
    return result.history["cooperation"].mean(axis=(1, 2))


def table(results: Sequence[Result]) -> Table:
    """Policies after the update, the reference's, and how far the networks are apart."""
    rows, verdicts, notes = [], [], []
    for result in results:
        after = cooperation(result)[-1]
        reference = REFERENCES.get(result.name)
        error = None if reference is None else float(np.abs(after - reference).max())
        verdicts.append(None if error is None else error < TOLERANCE)
        rows.append([result.name, _row(after), _row(reference), "–" if error is None else f"{error:.1e}"])
    for name in ALGORITHMS:
        pair = [result for result in results if result.name.startswith(f"pola-figure1-{name}")]
        if len(pair) == len(NETWORKS):
            before, after = (np.abs(cooperation(pair[0])[i] - cooperation(pair[1])[i]).max() for i in (0, -1))
            notes.append(
                f"{name.upper()}: the networks differ by at most {before:.1e} before the update, {after:.3f} after."
            )
    notes.append(f"agrees: no probability is further than {TOLERANCE} from the original code's in double precision.")
    return Table(("setting", "P(C | DD, DC, CD, CC, start)", "reference", "largest difference"), rows, verdicts, notes)


def draw(results: Sequence[Result]) -> Drawing:
    """Bars of P(C | state) after the update, the two networks side by side, over lines at the policy before it."""
    drawing = Drawing(figsize=(8.5, 3.2), layout="constrained")
    panels = drawing.subplots(1, len(ALGORITHMS), sharey=True)
    width = 0.36
    for axes, name in zip(panels, ALGORITHMS, strict=True):
        for network, colour in zip(NETWORKS, ("#0072b2", "#e69f00"), strict=True):
            for result in results:
                if result.name == f"pola-figure1-{name}-network{network}":
                    places = np.arange(cooperation(result).shape[1]) + (network - 1.5) * width
                    before, after = cooperation(result)
                    axes.bar(places, after, width, color=colour, label=f"network {network}")
                    axes.hlines(before, places - width / 2, places + width / 2, color="black", linewidth=2)
                    axes.set_xticks(range(len(after)), RepeatedGameStudy(result.settings).matrix_game().state_names)
        axes.set(title=f"after one {name.upper()} update", xlabel="state: mine, theirs", ylim=(0, 0.8))
        tidy(axes)
    panels[0].set_ylabel("P(cooperate | state)")
    panels[0].plot([], [], color="black", linewidth=2, label="both, before")
    panels[0].legend(frameon=False, loc="upper left", ncols=3, fontsize=8)
    return drawing


def _row(values: Sequence[float] | np.ndarray | None) -> str:
    return "–" if values is None else " ".join(f"{value:.2f}" for value in values)
