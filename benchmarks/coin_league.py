"""What the learners of the coin game have reached, after how many environment steps and CPU-seconds.

    python -m benchmarks.coin_league OUT.json [--agents FILE.npz] [--first-seed 300] [--seeds 8] [PRESET …]

Agents play each other, agents of the next seed, a defector, and those of a file, if there is one: a seed meets one
agent of each group, in both seats. CPU-seconds are those of learning, of all seeds together, without compiling and
scoring. With several presets, or none for all of `coin-league`, they are learned one after the other; a JSON file that
is there already gets more. `python -m benchmarks.coin_league OUT.json --draw FILE.png` draws what is in it.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from matplotlib.figure import Figure as Drawing

from lookax.evaluation.matches import coins, match, own_coin_share, scores
from lookax.experiments.presets.coin_league import FIGURE
from lookax.experiments.settings.first_order_shaping import FirstOrderShaping
from lookax.experiments.studies.study import study_of
from lookax.policies.published.agent_files import AgentGroup, read_groups
from lookax.policies.published.seats import PolicyWithView, view_of
from lookax.policies.strategies import strategy
from lookax.runs.programs import jax_setup
from lookax.runs.programs.lanes import Lanes

HORIZON, GAMES = 50, 512
POINTS = 16
"""How often agents are scored."""

PANELS = {
    "self_play": "with itself",
    "own_coin_share": "own coins, with itself",
    "against_always_defect": "against always-defect",
    "with_other_seeds": "with other seeds",
    "with_published": "with published agents",
}
PUBLISHED = {
    "LOQA": {
        "self_play": 0.316, "own_coin_share": 0.95, "against_always_defect": -0.053, "with_other_seeds": 0.284,
    },
    "Advantage Alignment": {
        "self_play": 0.262, "own_coin_share": 0.871, "against_always_defect": -0.067, "with_other_seeds": 0.086,
    },
    "POLA": {"self_play": 0.262, "own_coin_share": 0.821, "against_always_defect": -0.028},
}  # fmt: skip
"""What agents that were published earn in this evaluation, means of ten seeds."""


@eqx.filter_jit
def played(game: Any, first: Any, second: Any, key: jax.Array) -> dict[str, jax.Array]:
    """Scores of all pairs, `[S, 2]`, and shares of own coins, `[S]`."""

    def one(first: Any, second: Any, key: jax.Array) -> dict[str, jax.Array]:
        games = match(game, (first, second), key, HORIZON, GAMES)
        return {"scores": scores(games), "own": own_coin_share(coins(game, games))}

    number = jax.tree.leaves(eqx.filter(first, eqx.is_array))[0].shape[0]
    keys = jax.random.split(key, number)
    return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), eqx.if_array(0), 0))(first, second, keys)


def evaluated(game: Any, policies: Sequence[Any], groups: Mapping[str, AgentGroup]) -> dict[str, list[float]]:
    """What agents of all seeds earn, by whom they play with, `[S]`."""
    first, second = (PolicyWithView(own, view_of(game)) for own in policies)
    number = jax.tree.leaves(first)[0].shape[0]
    key = jax.random.key(0)
    itself = played(game, first, second, key)
    rolled = jax.tree.map(lambda leaf: np.roll(leaf, -1, axis=0), second)
    others = played(game, first, rolled, jax.random.fold_in(key, 1))
    found = {
        "self_play": itself["scores"].mean(axis=1),
        "own_coin_share": itself["own"],
        "with_other_seeds": others["scores"].mean(axis=1),
        "own_coin_share_with_other_seeds": others["own"],
    }
    for i, name in enumerate(("always-defect", "always-cooperate")):
        # A strategy has no arrays: the same one in all lanes.
        games = played(game, first, strategy(name, game, 1), jax.random.fold_in(key, 2 + i))
        word = name.replace("-", "_")
        found |= {f"against_{word}": games["scores"][:, 0], f"{word}_gets": games["scores"][:, 1]}
    for i, (name, group) in enumerate(groups.items()):
        chosen = np.arange(number) % len(group.numbers)
        agents = jax.tree.map(lambda leaf, chosen=chosen: leaf[chosen], group.policy)
        as_first = played(game, first, agents, jax.random.fold_in(key, 10 + 2 * i))["scores"]
        as_second = played(game, agents, second, jax.random.fold_in(key, 11 + 2 * i))["scores"]
        found[f"with_{name}"] = (as_first[:, 0] + as_second[:, 1]) / 2
        found[f"{name}_gets"] = (as_first[:, 1] + as_second[:, 0]) / 2
    if groups:
        found["with_published"] = np.mean([found[f"with_{name}"] for name in groups], axis=0)
    return {name: np.round(np.asarray(values, float), 4).tolist() for name, values in found.items()}


def curve(settings: Any, groups: Mapping[str, AgentGroup]) -> list[dict[str, Any]]:
    """What agents earn along the way; learning is not interrupted by the study's own scores."""
    total = settings.total_updates
    if isinstance(settings, FirstOrderShaping):
        parts = 5  # Shorter updates, as many steps in all.
        settings = dataclasses.replace(settings, steps=settings.steps // parts, total_updates=total * parts)
    settings = dataclasses.replace(settings, evaluation_games=1)
    study: Any = study_of(settings)
    game, lanes = study.game(), Lanes([settings])
    state, _ = lanes.start()
    learned, began = 0.0, time.monotonic()
    points = np.unique(np.round(np.geomspace(1, settings.total_updates, POINTS)).astype(int))
    found = [{"update": 0, "environment_steps": 0, "cpu_seconds": 0.0}]
    found[0] |= evaluated(game, study.policies(lanes.fetch(state)), groups)
    lanes.fetch(lanes.step(1, state)[0])  # Compiles.
    compiled = time.monotonic() - began
    for update in range(1, settings.total_updates + 1):
        before = time.process_time()
        state, _ = lanes.step(update, state)
        fetched = lanes.fetch(state)
        learned += time.process_time() - before
        if update in points:
            row = {"update": update, "environment_steps": update * study.environment_steps}
            row |= {"cpu_seconds": round(learned, 2)} | evaluated(game, study.policies(fetched), groups)
            print({name: np.round(np.mean(value), 3) for name, value in row.items()}, flush=True)
            found.append(row)
    print(f"{compiled:.0f} s to compile, {learned:.0f} CPU-seconds of learning", flush=True)
    return found


def first_reciprocity(rows: Sequence[Mapping[str, Any]], share: float = 0.8) -> str:
    """When the mean share of own coins is that large for the first time."""
    for row in rows:
        if np.mean(row["own_coin_share"]) >= share:
            return f"{row['environment_steps'] / 1e6:.2f} million steps a seed, {row['cpu_seconds']:.0f} CPU-seconds"
    return "never"


def draw(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Drawing:
    """Every panel by environment steps of a seed, above, and by CPU-seconds of a seed, below."""
    panels = {name: title for name, title in PANELS.items() if any(name in rows[-1] for rows in curves.values())}
    drawing = Drawing(figsize=(2.9 * len(panels), 5.6), layout="constrained")
    axes = drawing.subplots(2, len(panels), sharey="col", squeeze=False)
    for column, (metric, title) in zip(axes.T, panels.items(), strict=True):
        for axis, measure, label in zip(
            column, ("environment_steps", "cpu_seconds"), ("environment steps", "CPU-seconds"), strict=True
        ):
            for number, (name, rows) in enumerate(curves.items()):
                shown = [row for row in rows[1:] if metric in row]
                values = np.array([row[metric] for row in shown])
                scale = values.shape[1] if measure == "cpu_seconds" else 1
                taken = np.array([row[measure] for row in shown]) / scale
                colour = f"C{number}"
                axis.plot(taken, values.mean(axis=1), color=colour, label=name.removeprefix("coin-"), linewidth=1.6)
                axis.fill_between(taken, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.13, linewidth=0)
            for reference, style in zip(PUBLISHED, ("--", ":", "-."), strict=True):
                if metric in PUBLISHED[reference]:
                    height = PUBLISHED[reference][metric]
                    axis.axhline(height, color="0.45", linestyle=style, linewidth=0.9, label=f"published {reference}")
            axis.set_xscale("log")
            axis.set_xlabel(f"{label} a seed")
            axis.spines[["top", "right"]].set_visible(False)
        column[0].set_title(title, fontsize=10)
    axes[0, 0].set_ylabel("reward per step")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return drawing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("presets", nargs="*", default=[preset.name for preset in FIGURE.presets])
    parser.add_argument("--agents", type=Path)
    parser.add_argument("--first-seed", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--times", type=int, default=1, help="how many times as long as the preset says")
    parser.add_argument("--draw", type=Path)
    given = parser.parse_args()
    curves = json.loads(given.file.read_text()) if given.file.exists() else {}
    if given.draw:
        draw({name: rows for name, rows in curves.items() if " " not in name}).savefig(given.draw, dpi=130)
        return
    jax_setup.start()
    groups = {} if given.agents is None else read_groups(given.agents)
    by_name = {preset.name: preset for preset in FIGURE.presets}
    for name in given.presets:
        settings = by_name[name].settings
        total = given.times * settings.total_updates
        settings = dataclasses.replace(settings, seeds=given.seeds, first_seed=given.first_seed, total_updates=total)
        settings.validate()
        label = name if given.times == 1 else f"{name} {given.times} times as long"
        curves[label] = curve(settings, groups)
        print(f"{label}: own coins 0.8 first after {first_reciprocity(curves[label])}", flush=True)
        given.file.write_text(json.dumps(curves, indent=1) + "\n")


if __name__ == "__main__":
    main()
