"""CPU-seconds until pairs of agents are reciprocal in the iterated prisoner's dilemma, and stay so to the end.

    python -m benchmarks.time_to_reciprocity OUT.json [--first-seed 200] [--seeds 8] [--updates 100] [--cases CASE …]
    python -m benchmarks.time_to_reciprocity OUT.json --draw FILE.png

Agents are scored after every update. CPU-seconds are those of learning, of all seeds together, without compiling and
scoring. All cases learn for the same number of updates; where step sizes fall, fewer of them are another run. A JSON
file that is there already gets more.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.experiments.presets.pola_figure4 import LAPTOP_FEW_GAMES, LAPTOP_POLA, TREMBLING
from lookax.experiments.reports.intervals import ends
from lookax.runs.programs import jax_setup
from lookax.runs.programs.lanes import Lanes

PUBLISHED, CHEAP = "published estimator", "few games"

CASES = {
    PUBLISHED: dataclasses.replace(LAPTOP_POLA, **TREMBLING),
    CHEAP: dataclasses.replace(LAPTOP_FEW_GAMES, **TREMBLING),
    "published estimator, 32 games": dataclasses.replace(LAPTOP_POLA, batch_size=32, **TREMBLING),
    "published estimator, 32 games, falling step sizes": dataclasses.replace(
        LAPTOP_POLA, batch_size=32, linear_decay=True, **TREMBLING
    ),
    "few games, constant step sizes": dataclasses.replace(LAPTOP_FEW_GAMES, linear_decay=False, **TREMBLING),
    "published estimator, without both options": LAPTOP_POLA,
    "few games, without both options": LAPTOP_FEW_GAMES,
}
"""The two options are random actions now and then, and games against a defector."""

COLOURS = ("#d55e00", "#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#009e73", "#000000")
PANELS = {"score": "self-play", "against_always_defect": "against always-defect", "reciprocal": "reciprocal pairs"}


def curve(settings: Any) -> list[dict[str, Any]]:
    """What agents of all seeds earn after every update, means over seats, and the CPU-seconds until then."""
    lanes, scored = Lanes([dataclasses.replace(settings, evaluation_games=1)]), Lanes([settings])
    state, _ = lanes.start()
    began = time.process_time()
    lanes.fetch(lanes.step(1, state)[0])  # Compiles.
    compiled = time.process_time() - began
    learned, found = 0.0, []
    for update in range(settings.total_updates + 1):
        if update:
            began = time.process_time()
            state, _ = lanes.step(update, state)
            lanes.fetch(state)
            learned += time.process_time() - began
        metrics = scored.fetch(scored.evaluate(state))
        row: dict[str, Any] = {"update": update, "cpu_seconds": round(learned, 2)}
        for name in PANELS:
            values = np.asarray(metrics[name], float)
            row[name] = np.round(values if values.ndim == 1 else values.mean(axis=1), 4).tolist()
        found.append(row)
    print(f"{compiled:.0f} CPU-seconds to compile, {learned:.0f} to learn", flush=True)
    return found


def reached(rows: Sequence[Mapping[str, Any]], share: float = 0.75) -> float | None:
    """CPU-seconds after which that share of pairs is reciprocal, then and at all later updates; `None` for never."""
    holds = [np.mean(row["reciprocal"]) >= share for row in rows]
    if not holds[-1]:
        return None
    first = len(holds) - next((number for number, held in enumerate(reversed(holds)) if not held), len(holds))
    return rows[first]["cpu_seconds"]


def draw(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Drawing:
    """Means over seeds over CPU-seconds; of the two learners that are compared, in bands of their 95 % intervals."""
    drawing = Drawing(figsize=(4 * len(PANELS), 4), layout="constrained")
    [panels] = drawing.subplots(1, len(PANELS), squeeze=False)
    for panel, (metric, title) in zip(panels, PANELS.items(), strict=True):
        for colour, name in zip(COLOURS, CASES, strict=True):
            if name not in curves:
                continue
            rows = curves[name]
            taken = [row["cpu_seconds"] for row in rows[1:]]
            values = np.array([row[metric] for row in rows[1:]])
            panel.plot(
                taken, values.mean(axis=1), color=colour, label=name, linewidth=2 if name in (PUBLISHED, CHEAP) else 1
            )
            if name in (PUBLISHED, CHEAP):
                panel.fill_between(taken, *ends(values, metric), color=colour, alpha=0.18, linewidth=0)
        panel.set_xscale("log")
        panel.set(title=title, xlabel="CPU-seconds of all eight seeds")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("reward per step")
    panels[-1].set_ylabel("share of pairs")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return drawing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), metavar="CASE")
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--updates", type=int, default=LAPTOP_POLA.total_updates)
    parser.add_argument("--draw", type=Path)
    given = parser.parse_args()
    curves = json.loads(given.file.read_text()) if given.file.exists() else {}
    if given.draw:
        draw(curves).savefig(given.draw, dpi=130)
        return
    jax_setup.start()
    for name in given.cases:
        changes = {"seeds": given.seeds, "first_seed": given.first_seed, "total_updates": given.updates}
        curves[name] = curve(dataclasses.replace(CASES[name], **changes))
        print(f"{name}: at least three in four reciprocal to the end after {reached(curves[name])} CPU-seconds")
        given.file.write_text(json.dumps(curves) + "\n")


if __name__ == "__main__":
    main()
