"""Tables and drawings of studies of meta-gradients."""

import dataclasses
import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from lookax.experiments.preset import Result, Table
from lookax.experiments.reports.exact import tidy
from lookax.experiments.settings.tabular_meta_gradients import LABELS

Group = TypeVar("Group", bound=Hashable)

STANDARD_ERRORS = 3.0
"""How many standard errors of the difference may lie between our mean and the original code's."""

FEW = 5
"""References from fewer MDPs than that are marked as few."""

ROUNDING = 1e-6
"""Of single precision, relative to a number."""

STYLES: dict[str, dict[str, str]] = {
    "score-function": {"label": LABELS["score-function"], "color": "#d55e00", "marker": "s"},
    "dice": {"label": LABELS["dice"], "color": "#7f7f7f", "marker": "^"},
    "dice-baseline": {"label": LABELS["dice-baseline"], "color": "#cc79a7", "marker": "v"},
    "loaded-dice": {"label": LABELS["loaded-dice"], "color": "#0072b2", "marker": "o"},
    "lvc": {"label": LABELS["lvc"], "color": "#009e73", "marker": "D"},
    "exact": {"label": LABELS["exact"], "color": "#000000", "marker": "x"},
}

QUANTITIES = {
    "correlation": "correlation",
    "variance": "Σ standard deviations",
    "bias": "MSE of the mean",
    "squared_bias": "… less its variance",
    "inner_error": "inner error",
}

ROWS = {metric: QUANTITIES[metric] for metric in ("correlation", "variance")}
"""The quantities that figures of sampling errors show."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the original code gave for a setting in the MDPs of our seeds 0, 1, …: by metric, one value per MDP."""

    values: Mapping[str, Sequence[float]]

    @property
    def mdps(self) -> int:
        """In how many MDPs it ran."""
        return min(map(len, self.values.values()))


def read_references(prefix: str) -> dict[str, Reference]:
    """References of all settings whose names start so, from `gmrl_tabular.json`, which says what was run."""
    path = Path(__file__).parents[1] / "figures" / "data" / "gmrl_tabular.json"
    settings = json.loads(path.read_text())["settings"]
    return {
        name: Reference({metric: setting[metric] for metric in QUANTITIES if metric in setting})
        for name, setting in settings.items()
        if name.startswith(prefix)
    }


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean over MDPs and its standard error."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Mean":
        """Of one value per MDP."""
        error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        return cls(float(values.mean()), error)

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.error:.2g}" if np.isfinite(self.error) else f"{self.mean:.4g}"


def over_mdps(result: Result, metric: str) -> np.ndarray:
    """A metric of every MDP; the inner error is averaged over steps, and so is its standard error."""
    values = result.history[metric][-1]
    return values.mean(axis=-1) if metric.startswith("inner_error") else values


def distance(result: Result, metric: str, theirs: Sequence[float]) -> float | None:
    """How far our mean is from theirs over the MDPs that both have, in standard errors of the difference.

    MDPs are the same, so that what is left is the scatter of the estimates in each of them: ours, and as much of
    theirs, who make as many. The error is no less than rounding; infinite where there is none and the means differ.
    `None` if there is no MDP that both have.

    **Arguments:** our `result`; the `metric`; `theirs`, one value per MDP of seeds 0, 1, ….
    """
    first = result.settings.first_seed
    both = slice(first, min(first + len(over_mdps(result, metric)), len(theirs)))
    reference = np.asarray(theirs)[both]
    if not len(reference):
        return None
    ours = over_mdps(result, metric)[: len(reference)]
    scatter = over_mdps(result, f"{metric}_standard_error")[: len(reference)]
    difference = abs(float((ours - reference).mean()))
    error = math.sqrt(2 * float((scatter**2).sum())) / len(reference)
    error = max(error, ROUNDING * abs(float(reference.mean())))
    if difference == 0:
        return 0.0
    return difference / error if error else math.inf


def quality_table(results: Sequence[Result], references: Mapping[str, Reference] | None = None) -> Table:
    """Per setting: means over MDPs with standard errors, beside the original code's where it was run."""
    references = references or {}
    rows, verdicts = [], []
    for result in results:
        reference = references.get(result.name)
        cells, distances = [], []
        for metric in QUANTITIES:
            ours = Mean.of(over_mdps(result, metric))
            theirs = None if reference is None else reference.values.get(metric)
            apart = None if theirs is None else distance(result, metric, theirs)
            if theirs is None or apart is None:
                cells.append(str(ours))
            else:
                cells.append(f"{ours} ({np.mean(theirs):.4g}: {apart:.1f})")
                distances.append(apart)
        if references:
            cells.append("–" if reference is None else f"{reference.mdps} MDPs{', few' * (reference.mdps < FEW)}")
        rows.append([result.name, *cells])
        verdicts.append(max(distances) <= STANDARD_ERRORS if distances else None)
    columns = ["setting", *QUANTITIES.values(), *(["reference"] if references else [])]
    notes = ["Means over MDPs ± standard errors; inner error: squared, mean over steps."]
    if any(verdict is not None for verdict in verdicts):
        notes.append(
            "In parentheses the original code's, in the same MDPs, and how many standard errors of the difference lie "
            "between the two over the MDPs that both have, by how estimates scatter in each MDP. "
            f"agrees: none is over {STANDARD_ERRORS:.0f}."
        )
    return Table(columns, rows, verdicts, notes)


def band(
    axes: Axes, places: Sequence[float | int], results: Sequence[Result], metric: str, root: bool, **style: Any
) -> None:
    """A metric's mean over MDPs by x, in a band of one standard error; its square root, if asked for.

    **Arguments:**

    - `axes`: to draw in.
    - `places`: x of each result.
    - `results`: in the order of `places`.
    - `metric`: its name.
    - `root`: draw the square root of the metric.
    - `style`: of the line, as `Axes.plot` takes it, with `color`.
    """
    values = np.array([over_mdps(result, metric) for result in results])
    values = np.sqrt(np.maximum(values, 0)) if root else values
    means = values.mean(axis=1)
    errors = values.std(axis=1, ddof=1) / values.shape[1] ** 0.5 if values.shape[1] > 1 else np.zeros_like(means)
    order = np.argsort(places)
    ordered, means, errors = np.asarray(places)[order], means[order], errors[order]
    axes.plot(ordered, means, markersize=4, linewidth=1.2, **style)
    axes.fill_between(ordered, means - errors, means + errors, color=style["color"], alpha=0.2, linewidth=0)
    tidy(axes)


def exponent(places: Sequence[float | int], results: Sequence[Result], metric: str) -> float:
    """The exponent b of √metric ∝ xᵇ, by least squares over means of √metric over MDPs.

    **Arguments:** `places`, x of each result; `results`; the name of the `metric`.
    """
    roots = [np.sqrt(np.maximum(over_mdps(result, metric), 0)).mean() for result in results]
    return float(np.polyfit(np.log(places), np.log(roots), 1)[0])


def draw_grid(
    results: Sequence[Result],
    columns: Mapping[Group, str],
    column_of: Callable[[Any], Group],
    estimator_of: Callable[[Any], str],
    trajectories_of: Callable[[Any], int],
    figsize: tuple[float, float],
    **title_style: Any,
) -> Drawing:
    """Correlation and variance by number of trajectories: a column per key of settings, a line per estimator.

    **Arguments:**

    - `results`: to be drawn.
    - `columns`: titles of the columns, by key.
    - `column_of`, `estimator_of`, `trajectories_of`: from a result's settings to its key, its estimator and its number
      of trajectories.
    - `figsize`: width and height in inches.
    - `title_style`: of the columns' titles, as `Axes.set_title` takes it.
    """
    drawing = Drawing(figsize=figsize, layout="constrained")
    panels = drawing.subplots(len(ROWS), len(columns), sharex=True, sharey="row")
    for column, (key, title) in enumerate(columns.items()):
        own = [result for result in results if column_of(result.settings) == key]
        for row, (metric, label) in enumerate(ROWS.items()):
            axes = panels[row][column]
            for estimator, group in by(own, lambda result: estimator_of(result.settings)).items():
                places = [trajectories_of(result.settings) for result in group]
                band(axes, places, group, metric, root=False, **STYLES[estimator])
            axes.set_xscale("log", base=2)
            axes.set_ylabel(label if column == 0 else "")
        panels[0][column].set_title(title, **title_style)
        panels[1][column].set(yscale="log", xlabel="trajectories")
    handles, labels = panels[0][0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=len(STYLES), frameon=False)
    return drawing


def draw_run(results: Sequence[Result]) -> Drawing:
    """Every metric of one setting, a point per MDP."""
    [result] = results
    drawing = Drawing(figsize=(11, 2.8), layout="constrained")
    for axes, (metric, label) in zip(drawing.subplots(1, len(QUANTITIES)), QUANTITIES.items(), strict=True):
        values = over_mdps(result, metric)
        axes.plot(result.settings.first_seed + np.arange(len(values)), values, "o", color="#0072b2", markersize=4)
        axes.axhline(values.mean(), color="#0072b2", linewidth=1)
        axes.set(title=label, xlabel="MDP (seed)")
        tidy(axes)
    drawing.suptitle(result.name)
    return drawing


def by(results: Sequence[Result], key: Callable[[Result], Group]) -> dict[Group, list[Result]]:
    """Results grouped by a key, in the order of their first ones."""
    groups: dict[Group, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return groups
