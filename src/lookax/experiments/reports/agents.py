"""Tables and drawings of agents: after which history they cooperate, and what they earn with whom."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.image import AxesImage

from lookax.evaluation.reciprocity import history_names
from lookax.experiments.preset import HeatMap, Table
from lookax.experiments.reports.intervals import Interval, half_width
from lookax.experiments.studies.study import against_metric

STEPS = ("DD", "DC", "CD", "CC")
"""What happened at a step: mine, theirs."""


def history_table(cooperation: np.ndarray) -> Table:
    """P(C | history) of both players, `[seeds, 2, histories]`: means over seeds with 95 % intervals."""
    rows = [
        [name, *(str(Interval.of(cooperation[:, player, i], "cooperation")) for player in range(2))]
        for i, name in enumerate(history_names())
    ]
    notes = ["P(C | history), history: mine, theirs at each step, earlier steps first."]
    return Table(("history", "player 1", "player 2"), rows, [None] * len(rows), notes)


def history_maps(cooperation: np.ndarray) -> list[HeatMap]:
    """The same as a map per player: the last step in columns, the one before it in rows, none in the first of them."""
    maps = []
    for player, (start, *others) in enumerate(cooperation.mean(axis=0)):
        values = np.concatenate([np.reshape(others[:4], (1, 4)), np.reshape(others[4:], (4, 4))])
        maps.append(HeatMap(f"player {player + 1}, at the start {start:.2f}", ("nothing", *STEPS), STEPS, values))
    return maps


def draw_histories(title: str, cooperation: np.ndarray) -> Drawing:
    """The maps side by side under a title."""
    drawing = Drawing(figsize=(7.2, 4.1), layout="constrained")
    panels = drawing.subplots(1, 2)
    for panel, heat_map in zip(panels, history_maps(cooperation), strict=True):
        draw_map(panel, heat_map, 0.0, 1.0)
        panel.set_xlabel("last step: mine, theirs")
    panels[0].set_ylabel("the step before")
    drawing.colorbar(panels[0].images[0], ax=panels, label="P(cooperate | history)", shrink=0.9)
    drawing.suptitle(title, fontsize=11)
    return drawing


def opponents_table(quantities: Mapping[str, np.ndarray], strategies: Sequence[str]) -> Table:
    """All players' scores `[seeds, N]` against each other and against strategies: means with 95 % intervals."""
    metrics = {"each other": "score"} | {name: against_metric(name) for name in strategies}
    rows = [[name, *(mean_and_half(scores) for scores in quantities[metric].T)] for name, metric in metrics.items()]
    notes = ["Mean reward per step of the agent in its own seat."]
    seats = [f"seat {player + 1}" for player in range(quantities["score"].shape[1])]
    return Table(("against", *seats), rows, [None] * len(rows), notes)


@dataclasses.dataclass(frozen=True)
class Cell:
    """Matches of those in the first seat, a row, with those in all other ones, a column.

    **Attributes:** `means` of all players' rewards per step, `[N]`, and half of the width of their 95 % intervals:
    `halves`.
    """

    means: np.ndarray
    halves: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray) -> "Cell":
        """Of scores `[seeds, N]`."""
        return cls(scores.mean(axis=0), half_width(scores.T))


def crossplay_table(
    names: Sequence[str], cells: Sequence[Sequence[Cell]], notes: Sequence[str], seat: str = "first seat"
) -> Table:
    """What those in the first seat are paid, in rows, by those in all other ones, in columns.

    **Arguments:** `names` of the sides; `cells`, by row and by column; `notes`, lines for below the table; what rows
    are: `seat`.
    """
    rows = [
        [name, *(_with_half(float(cell.means[0]), float(cell.halves[0])) for cell in row)]
        for name, row in zip(names, cells, strict=True)
    ]
    return Table((seat, *(f"… {name}" for name in names)), rows, [None] * len(rows), notes)


def draw_crossplay(
    title: str,
    names: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    seats: tuple[str, str] = ("first seat", "other seats"),
) -> Drawing:
    """The same as a heat map.

    **Arguments:** the `title`; `names` of the sides; `cells`, by row and by column; what rows and columns are: `seats`.
    """
    side = 2.4 + 0.75 * len(names)
    drawing = Drawing(figsize=(side + 1.6, side), layout="constrained")
    panel = drawing.subplots()
    values = np.array([[cell.means[0] for cell in row] for row in cells])
    image = draw_map(panel, HeatMap(title, names, names, values), float(values.min()), float(values.max()))
    panel.set(xlabel=seats[1], ylabel=seats[0])
    panel.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    drawing.colorbar(image, ax=panel, label=f"reward per step, {seats[0]}", shrink=0.75)
    return drawing


def draw_map(panel: Axes, heat_map: HeatMap, low: float, high: float) -> AxesImage:
    """A heat map with its numbers in it, in colours from `low` to `high`.

    **Arguments:** the `panel` to draw in; the `heat_map`; `low` and `high`, the values at both ends of the colours.
    """
    image = panel.imshow(heat_map.values, cmap="viridis", vmin=low, vmax=max(high, low + 1e-6))
    for (row, column), value in np.ndenumerate(heat_map.values):
        colour = "white" if np.asarray(image.norm(value)) < 0.6 else "black"
        panel.text(column, row, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=9, color=colour)
    panel.set_xticks(range(len(heat_map.columns)), heat_map.columns)
    panel.set_yticks(range(len(heat_map.rows)), heat_map.rows)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_title(heat_map.title, fontsize=10)
    return image


def mean_and_half(values: np.ndarray) -> str:
    """A mean over seeds, and half of the width of its 95 % interval where there are several."""
    return _with_half(float(values.mean()), float(half_width(values)))


def _with_half(mean: float, half: float) -> str:
    return f"{mean:.3f} ± {half:.3f}" if np.isfinite(half) else f"{mean:.3f}"
