"""Learning curves with exact and estimated derivatives of the inner steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from scipy.special import softmax

from lookax.experiments.preset import HeatMap, Result, Table
from lookax.experiments.reports.exact import tidy
from lookax.experiments.reports.gradients import STYLES, Mean


def returns(result: Result) -> np.ndarray:
    """The return after the learning steps by update and MDP, `[updates + 1, seeds]`."""
    return result.history["return_after"]


def table(results: Sequence[Result]) -> Table:
    """Mean return over all updates and at the end, and by how much both differ from the exact gradient's."""
    exact = next((result for result in results if result.settings.hessian_estimator == "exact"), None)
    rows = []
    for result in results:
        whole, last = returns(result)[1:].mean(axis=0), returns(result)[-1]
        cells = [str(Mean.of(whole)), str(Mean.of(last))]
        if exact is not None:
            cells += [str(Mean.of(whole - returns(exact)[1:].mean(axis=0))), str(Mean.of(last - returns(exact)[-1]))]
        rows.append([result.name, *cells, *([] if exact is not None else ["–", "–"])])
    columns = ("setting", "return, mean over updates", "return at the end", "… less exact's", "at the end less exact's")
    notes = ["Means over MDPs ± standard errors; differences are paired by MDP."]
    return Table(columns, rows, [None] * len(rows), notes)


def draw(results: Sequence[Result]) -> Drawing:
    """Returns by update, and their differences to those of the exact gradient, in bands of one standard error."""
    drawing = Drawing(figsize=(9.5, 3.4), layout="constrained")
    curves, differences = drawing.subplots(1, 2)
    exact = next((result for result in results if result.settings.hessian_estimator == "exact"), None)
    for result in results:
        style = STYLES[result.settings.hessian_estimator]
        _band(curves, returns(result), style, with_errors=False)
        if exact is not None and result is not exact:
            _band(differences, returns(result) - returns(exact), style, with_errors=True)
    curves.set(xlabel="outer update", ylabel="return after learning steps")
    differences.set(xlabel="outer update", ylabel="less that of the exact gradient")
    differences.axhline(0, color=STYLES["exact"]["color"], linewidth=0.8)
    curves.legend(frameon=False, fontsize=8, loc="lower right")
    return drawing


def _band(axes: Axes, values: np.ndarray, style: dict[str, str], *, with_errors: bool) -> None:
    updates, means = np.arange(len(values)), values.mean(axis=1)
    axes.plot(updates, means, color=style["color"], label=style["label"], linewidth=1.2)
    if with_errors and values.shape[1] > 1:
        errors = values.std(axis=1, ddof=1) / values.shape[1] ** 0.5
        axes.fill_between(updates, means - errors, means + errors, color=style["color"], alpha=0.2, linewidth=0)
    tidy(axes)


def policy_map(_result: Result, learned: Sequence[Mapping[str, Any]]) -> list[HeatMap]:
    """π(a|s) of the policy that was learned and the intrinsic reward, if any, means over MDPs; none before the end."""
    if not learned:
        return []
    maps = [("π(a|s)", np.mean([softmax(np.array(one["logits"]), axis=-1) for one in learned], axis=0))]
    if "intrinsic_reward" in learned[0]:
        maps.append(("intrinsic reward", np.mean([one["intrinsic_reward"] for one in learned], axis=0)))
    return [
        HeatMap(title, [f"s{s}" for s in range(len(values))], [f"a{a}" for a in range(values.shape[1])], values)
        for title, values in maps
    ]
