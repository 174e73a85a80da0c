"""Figure 4 of POLA: scores of recurrent agents in the iterated prisoner's dilemma, and the published ones."""

from collections.abc import Sequence

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.pola_figure4 import PREFIX
from lookax.experiments.reports.recurrent import Published, Reading, score_table

# Read off the plot in the original's README (updated 2023-07-03), with its bands, at 20 000 outer steps.
REFERENCES = {
    f"{PREFIX}-pola-dice": Published(Reading(0.313, 0.005), Reading(-0.036, 0.011)),
    f"{PREFIX}-pola-om": Published(Reading(0.316, 0.005), Reading(-0.035, 0.015)),
    f"{PREFIX}-lola-dice": Published(Reading(0.108, 0.098), Reading(-0.006, 0.007)),
}


def table(results: Sequence[Result]) -> Table:
    """Scores at the end, beside the published ones."""
    return score_table(results, REFERENCES)
