"""Learning with wrong meta-gradients: does their bias show in what is learned? Not in the paper.

Only the derivative of the learning steps is estimated, the rest is exact, so that curves differ by that alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from scipy.special import softmax

from lookax.experiments.preset import Figure, HeatMap, Preset, Report, Result, Table
from lookax.experiments.reports.exact import tidy
from lookax.experiments.reports.gradients import STYLES, Mean
from lookax.experiments.studies.meta_gradients import Estimator
from lookax.experiments.studies.meta_learning import LIRPGLearning, MAMLLearning

ESTIMATORS: tuple[Estimator, ...] = ("exact", "lvc", "loaded-dice", "dice", "score-function")

MAML, LIRPG = "gmrl-tabular-maml-learning", "gmrl-tabular-lirpg-learning"


def returns(result: Result) -> np.ndarray:
    """The return after the learning steps by update and MDP, `[updates + 1, seeds]`."""
    return result.history["return_after"]


def table(results: Sequence[Result]) -> Table:
    """Mean return over all updates and at the end, and by how much both differ from the exact gradient's."""
    exact = next((result for result in results if result.experiment.hessian_estimator == "exact"), None)
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
    exact = next((result for result in results if result.experiment.hessian_estimator == "exact"), None)
    for result in results:
        style = STYLES[result.experiment.hessian_estimator]
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


REPORT = Report(draw, table, ("return_after",), policy_map)

MAML_PRESETS = tuple(
    Preset(
        f"{MAML}-{estimator}",
        f"MAML-RL to the end with a Hessian by {STYLES[estimator]['label']}",
        MAMLLearning(hessian_estimator=estimator, inner_steps=3, total_updates=150, seeds=40),
        REPORT,
    )
    for estimator in ESTIMATORS
)

LIRPG_PRESETS = tuple(
    Preset(
        f"{LIRPG}-{estimator}",
        f"An intrinsic reward for 5 learning steps, learned with a Hessian by {STYLES[estimator]['label']}",
        LIRPGLearning(
            hessian_estimator=estimator,
            hessian_trajectories=128,
            inner_steps=5,
            outer_learning_rate=0.03,
            total_updates=60,
            restart=True,
            seeds=40,
        ),
        REPORT,
    )
    for estimator in ESTIMATORS
)

MAML_FIGURE = Figure(
    MAML,
    "MAML-RL: learning curves with exact, unbiased and biased derivatives of 3 inner steps",
    MAML_PRESETS,
    REPORT,
)

LIRPG_FIGURE = Figure(
    LIRPG,
    "LIRPG: learning curves with exact, unbiased and biased derivatives of 5 inner steps",
    LIRPG_PRESETS,
    REPORT,
)
