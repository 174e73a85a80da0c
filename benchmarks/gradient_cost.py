"""How well POLA-DiCE's outer gradient is estimated, and at what cost, by every estimator and number of games.

    python -m benchmarks.gradient_cost OUT.json [--draw FILE.png]

At three pairs of agents of the laptop preset, before any learning, on the way, and reciprocal, estimates are compared
with a mean over 2²⁰ games, those of the inner steps included. With a critic the return goes on after the last step, by
its value there, so estimates with a critic have a reference of their own, by Loaded DiCE with it. At the start of an
update the divergence has no gradient: LOLA-DiCE's and POLA-DiCE's are the same. CPU-seconds are those of an estimate
where eight are computed at once, as eight seeds learn. What is measured already is read from the JSON file.
"""

import argparse
import dataclasses
import itertools
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Key
from matplotlib.figure import Figure as Drawing

from lookax.evaluation.gradient_quality import gradient_quality
from lookax.experiments.presets.pola_figure4 import LAPTOP_POLA, TREMBLING
from lookax.experiments.studies.recurrent_shaping import RecurrentShapingStudy
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.runs.programs import jax_setup

SEED = 500
UPDATES = {"fresh": 0, "mid-way": 20, "reciprocal": 60}
"""After how many updates agents are compared."""

SETTINGS = dataclasses.replace(LAPTOP_POLA, **TREMBLING)

ESTIMATORS: dict[str, dict[str, Any]] = {
    "Loaded DiCE, critic (published)": {},
    "DiCE": {"baseline": "none"},
    "Loaded DiCE, mean of other games": {"baseline": "mean"},
    "Loaded DiCE, linear": {"baseline": "linear"},
    "LVC in the inner step, linear": {"baseline": "linear", "dice_decay": 0.0},
    "decay 0.8, λ 0.9, critic": {"dice_decay": 0.8, "gae_lambda": 0.9},
    "decay 0.8, λ 0.9, linear": {"baseline": "linear", "dice_decay": 0.8, "gae_lambda": 0.9},
}
PUBLISHED, *_, BEST = ESTIMATORS

BATCHES = (32, 128, 512, 2048)
ESTIMATES = {32: 128, 128: 128, 512: 64, 2048: 32}
"""How many estimates from so many games; a multiple of those that are computed at once."""

AT_ONCE = 8
INNER_STEPS = {1: tuple(ESTIMATORS), 2: (PUBLISHED, BEST), 4: (PUBLISHED, BEST)}
"""K, and the estimators that are compared there."""

REFERENCE_GAMES, REFERENCE_BATCH = 2**20, 8192


def gradient_of(settings: Any) -> Callable[[Agent, Agent, Key[Array, ""]], Any]:
    """The first player's outer gradient, by its agent, its opponent, and a random key."""
    learner = RecurrentShapingStudy(settings).learner()

    def gradient(agent: Agent, opponent: Agent, key: Key[Array, ""]) -> Any:
        return eqx.filter(learner.gradient(key, 0, agent, (opponent,), agent.policy)[0], eqx.is_inexact_array)

    return gradient


def pairs() -> dict[str, tuple[Agent, Agent]]:
    """Agents after so many updates of one seed."""
    study = RecurrentShapingStudy(dataclasses.replace(SETTINGS, seeds=1, first_seed=SEED))
    key, found = jax.random.key(SEED), {}
    state, update, evaluate = study.init(key), jax.jit(study.update), jax.jit(study.evaluate)
    for number in range(max(UPDATES.values()) + 1):
        if number:
            state, _ = update(jax.random.fold_in(key, number), state)
        for name, wanted in UPDATES.items():
            if wanted == number:
                scores = {
                    name: np.round(np.asarray(value, float), 3).tolist() for name, value in evaluate(key, state).items()
                }
                print(name, scores, flush=True)
                found[name] = state.agents
    return found


def has_critic(estimator: str) -> bool:
    """Whether a critic gives its advantages."""
    return "baseline" not in ESTIMATORS[estimator]


def reference_of(steps: int, critic: bool, agents: tuple[Agent, Agent]) -> Any:
    """The gradient, the mean over many large batches."""
    baseline = "critic" if critic else "mean"
    settings = dataclasses.replace(SETTINGS, inner_steps=steps, batch_size=REFERENCE_BATCH, baseline=baseline)
    gradient, total = jax.jit(gradient_of(settings)), None
    number = math.ceil(REFERENCE_GAMES / REFERENCE_BATCH / (steps + 1))
    for key in jax.random.split(jax.random.key(0), number):
        # In double precision: terms are of one size, the sum is not.
        own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), gradient(*agents, key))
        total = own if total is None else jax.tree.map(np.add, total, own)
    return jax.tree.map(lambda leaf: jax.numpy.asarray(leaf / number, "float32"), total)


def measured(steps: int, estimator: str, batch: int, agents: Mapping[str, Any], references: Any) -> list[dict]:
    """A row for each pair of agents, whose `references` are given by their names."""
    settings = dataclasses.replace(SETTINGS, inner_steps=steps, batch_size=batch, **ESTIMATORS[estimator])
    gradient, number = gradient_of(settings), ESTIMATES[batch]

    def quality(pair: tuple[Agent, Agent], exact: Any, key: Key[Array, ""]) -> Any:
        return gradient_quality(exact, lambda key: gradient(*pair, key), key, number, batch_size=AT_ONCE)

    first = next(iter(agents))
    program = jax.jit(quality).lower(agents[first], references[first], jax.random.key(1)).compile()
    rows = []
    for name, pair in agents.items():
        began = time.process_time()
        found = jax.block_until_ready(program(pair, references[name], jax.random.key(1)))
        row = {"agents": name, "steps": steps, "estimator": estimator, "games": batch}
        row["cpu_milliseconds"] = round(1000 * (time.process_time() - began) / number, 3)
        length = sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(references[name]))
        size = sum(leaf.size for leaf in jax.tree.leaves(references[name]))
        for measure in ("cosine", "correlation"):
            row[measure] = round(float(getattr(found, measure)), 4)
            row[f"{measure}_standard_error"] = round(float(getattr(found, f"{measure}_standard_error")), 4)
        row["relative_squared_bias"] = round(float(found.squared_bias) * size / length, 4)
        row["relative_squared_bias_standard_error"] = round(float(found.squared_bias_standard_error) * size / length, 4)
        print(row, flush=True)
        rows.append(row)
    return rows


def cost_at(rows: Sequence[Mapping[str, Any]], correlation: float) -> float:
    """CPU-milliseconds at which an estimator reaches a correlation, linear in the logarithm between two batches.

    Infinite beyond the largest batch, and that of the smallest below it.
    """
    rows = sorted(rows, key=lambda row: row["cpu_milliseconds"])
    if rows[0]["correlation"] >= correlation:
        return rows[0]["cpu_milliseconds"]
    for before, after in itertools.pairwise(rows):
        if before["correlation"] < correlation <= after["correlation"]:
            part = (correlation - before["correlation"]) / (after["correlation"] - before["correlation"])
            return before["cpu_milliseconds"] * (after["cpu_milliseconds"] / before["cpu_milliseconds"]) ** part
    return math.inf


def selected(rows: Sequence[Mapping[str, Any]], **wanted: Any) -> list[Mapping[str, Any]]:
    """Rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def draw(rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Correlation over CPU-milliseconds, a line per estimator; pairs of agents from left to right, K downwards."""
    measured_steps = [steps for steps in INNER_STEPS if selected(rows, steps=steps)]
    drawing = Drawing(figsize=(3.6 * len(UPDATES), 2.8 * len(measured_steps) + 0.9), layout="constrained")
    axes = drawing.subplots(len(measured_steps), len(UPDATES), sharey=True, squeeze=False)
    for panels, steps in zip(axes, measured_steps, strict=True):
        for panel, agents in zip(panels, UPDATES, strict=True):
            for number, estimator in enumerate(ESTIMATORS):
                own = selected(rows, agents=agents, steps=steps, estimator=estimator)
                if own:
                    panel.errorbar(
                        [row["cpu_milliseconds"] for row in own],
                        [row["correlation"] for row in own],
                        [1.96 * row["correlation_standard_error"] for row in own],
                        color="black" if estimator == PUBLISHED else f"C{number}",
                        marker="o", markersize=3, linewidth=2 if estimator in (PUBLISHED, BEST) else 1,
                        label=estimator,
                    )  # fmt: skip
            panel.set_xscale("log")
            panel.set_title(f"{agents}, K = {steps}", fontsize=10)
            panel.spines[["top", "right"]].set_visible(False)
    for panel in axes[-1]:
        panel.set_xlabel("CPU-milliseconds per gradient")
    for panel in axes[:, 0]:
        panel.set_ylabel("correlation")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return drawing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--draw", type=Path, help="draw what is in the file")
    given = parser.parse_args()
    rows = json.loads(given.file.read_text()) if given.file.exists() else []
    if given.draw:
        draw(rows).savefig(given.draw, dpi=130)
        return
    jax_setup.start()
    agents = pairs()
    for steps, estimators in INNER_STEPS.items():
        wanted = [(e, b) for e in estimators for b in BATCHES if not selected(rows, steps=steps, estimator=e, games=b)]
        if not wanted:
            continue
        for critic in (True, False):
            references = {name: reference_of(steps, critic, pair) for name, pair in agents.items()}
            for estimator, batch in wanted:
                if has_critic(estimator) == critic:
                    rows += measured(steps, estimator, batch, agents, references)
                    given.file.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
