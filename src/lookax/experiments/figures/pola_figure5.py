"""Figure 5 of POLA: scores of recurrent agents in the coin game, and the published ones."""

from collections.abc import Sequence

from lookax.experiments.preset import Result, Table
from lookax.experiments.presets.pola_figure5 import PREFIX
from lookax.experiments.reports.recurrent import Published, Reading, score_table

# Read off the plot in the original's README (updated 2023-07-03), with its bands, at 50 000 outer steps.
REFERENCES = {
    f"{PREFIX}-pola-dice": Published(Reading(0.263, 0.019), Reading(-0.027, 0.006), Reading(0.824, 0.036)),
    f"{PREFIX}-pola-om": Published(Reading(0.234, 0.016), Reading(-0.026, 0.006), Reading(0.771, 0.027)),
    f"{PREFIX}-lola-dice": Published(Reading(0.003, 0.004), Reading(-0.32, 0.147), Reading(0.502, 0.009)),
}


def table(results: Sequence[Result]) -> Table:
    """Scores at the end, beside the published ones."""
    return score_table(results, REFERENCES)
