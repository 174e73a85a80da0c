"""What learning costs as players are added, and what three of them learn.

    python -m benchmarks.players OUT.json
    python -m benchmarks.players OUT.json --runs FOLDER

Recurrent agents play the contribution game, each with a network of its own; an update is one gradient step of each.
Settings are the same for every number of players N, so growth is that of the algorithm. Rounds go through all N in
turn; of each the median counts. With `--runs` nothing is measured: what three learned is read from the folder of
`lookax reproduce coin-three`.
"""

import argparse
import dataclasses
import functools
import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import lookax as lx
from lookax.experiments.presets import coin_league
from lookax.experiments.presets.pola_figure4 import LAPTOP_POLA
from lookax.experiments.studies.study import against_metric, study_of

NUMBERS = (2, 3, 4, 8)
STRATEGIES = ("always-defect", "always-cooperate", "tit-for-tat")
COUNTED = (2, 3, 4, 6)
ROUNDS = 5

POLA = dataclasses.replace(LAPTOP_POLA, outer_steps=1, batch_size=64, horizon=20)
FIRST_ORDER = dataclasses.replace(
    coin_league.IPD_LOQA,
    self_play=False,
    steps=1,
    batch_size=64,
    horizon=20,
    defector_fraction=None,
    tit_for_tat_fraction=None,
)
LEARNERS: dict[str, Any] = {
    "POLA-DiCE, K = 1": dataclasses.replace(POLA, inner_steps=1),
    "POLA-DiCE, K = 2": dataclasses.replace(POLA, inner_steps=2),
    "LOQA": FIRST_ORDER,
    "Advantage Alignment": dataclasses.replace(FIRST_ORDER, learner="advantage-alignment", weight=0.9),
}


def program(settings: Any, number: int) -> tuple[Callable[[], None], float]:
    """An update of all agents, compiled, and how many seconds compiling took."""
    study: Any = study_of(dataclasses.replace(settings, num_players=number, contribution_factor=0.66 * number))
    key = jax.random.key(0)
    state = jax.jit(study.init)(key)
    began = time.perf_counter()
    update = jax.jit(study.update).lower(key, state).compile()
    compiling = time.perf_counter() - began
    keys = itertools.count(1)
    return lambda: jax.block_until_ready(update(jax.random.key(next(keys)), state)[0]), compiling


def cpu_seconds(update: Callable[[], None], at_least: float = 0.3) -> float:
    """Of one update, from so many that they take a while."""
    began, times = time.process_time(), 0
    while times == 0 or time.process_time() - began < at_least:
        update()
        times += 1
    return (time.process_time() - began) / times


def products(settings: Any, number: int) -> int:
    """How many matrix products there are in one agent's program, which all agents run; before XLA optimises it."""
    study: Any = study_of(dataclasses.replace(settings, game="commons", num_players=number))
    key = jax.random.key(0)
    unoptimised: Any = {"xla_backend_optimization_level": 0}
    compiled = jax.jit(study.update).lower(key, jax.eval_shape(study.init, key)).compile(compiler_options=unoptimised)
    return str(compiled.as_text()).count(" dot(")


def exponent(seconds: dict[int, float]) -> float:
    """p of c·Nᵖ, by least squares of logarithms."""
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def measured(settings: Any) -> dict[str, Any]:
    """Of one learner: medians and ranges by the number of players, seconds of compiling, and how they grow."""
    programs = {number: program(settings, number) for number in NUMBERS}
    rounds: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for update, _ in programs.values():
        update()
    for _ in range(ROUNDS):
        for number, (update, _) in programs.items():
            rounds[number].append(cpu_seconds(update))
    medians = {number: statistics.median(own) for number, own in rounds.items()}
    rows = [
        {
            "players": number,
            "milliseconds": round(1000 * medians[number], 2),
            "range": [round(1000 * edge, 2) for edge in (min(own), max(own))],
            "compiling_seconds": round(programs[number][1], 1),
        }
        for number, own in rounds.items()
    ]
    counted = {number: products(settings, number) for number in COUNTED}
    return {"rows": rows, "exponent": round(exponent(medians), 2), "products": counted}


def learned(path: Path) -> dict[str, list[float]]:
    """Of a run of three players, per seed at the end: means over seats of its scores."""
    frame = lx.open_run(path).metrics
    last = frame[frame["update"] == frame["update"].max()].set_index("seed").sort_index()
    names = ("score", *map(against_metric, STRATEGIES))
    found = {name: last[[column for column in last if column.split("/")[0] == name]].mean(axis=1) for name in names}
    found["own_coin_share"] = last["own_coin_share"]
    return {name: [round(value, 4) for value in values] for name, values in found.items()}


def of_strategies() -> dict[str, float]:
    """What the first player earns per step, by who plays."""
    study: Any = study_of(coin_league.THREE_PRESETS[0].settings)
    game, found = study.game(), {}
    for mine, others in itertools.product(STRATEGIES[:2], repeat=2):
        play = functools.partial(lx.match, game, [mine, others, others], horizon=50, batch_size=2000)
        found[f"{mine} among {others}"] = round(float(lx.scores(jax.jit(play)(jax.random.key(0)))[0]), 3)
    return found


def main() -> None:
    """Measures all learners, and writes what is there after each; or reads what three have learned."""
    parser = argparse.ArgumentParser(description="What learning costs as players are added.")
    parser.add_argument("out", type=Path, help="a JSON file; learners that are in it already are left as they are")
    parser.add_argument("--runs", type=Path, help="the folder of `lookax reproduce coin-three`")
    options = parser.parse_args()
    out: Path = options.out
    found = json.loads(out.read_text()) if out.exists() else {"cost": {}}
    if options.runs is not None:
        names = [preset.name for preset in coin_league.THREE_PRESETS]
        found["learned"] = {name: learned(options.runs / name) for name in names}
        found["strategies"] = of_strategies()
        out.write_text(json.dumps(found, indent=1) + "\n")
        return
    for name, settings in LEARNERS.items():
        if name not in found["cost"]:
            found["cost"][name] = measured(settings)
            out.write_text(json.dumps(found, indent=1) + "\n")
        rows = found["cost"][name]["rows"]
        print(name, found["cost"][name]["exponent"], *(row["milliseconds"] for row in rows), flush=True)


if __name__ == "__main__":
    main()
