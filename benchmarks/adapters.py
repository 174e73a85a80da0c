"""Steps per second of environments of others through lookax' rollouts, beside the environments alone.

Both act at random and keep observations, actions and rewards. They take turns in one process; a pair is a turn of each.
Seconds are CPU time, as other programs on a machine make time by the clock longer. `python -m benchmarks.adapters`
writes `docs/results/data/adapters.json`, which `docs/how-to/environments-of-others.md` shows.
"""

import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

import lookax as lx
from lookax.games.adapters.jaxmarl_game import imported
from lookax.rollouts.environments import act, first_env_state

FILE = Path(__file__).parents[1] / "docs" / "results" / "data" / "adapters.json"

PAIRS, SECONDS = 7, 0.1

GAMES, HORIZON = 256, 64

FEW, SHORT = 16, 64

COLUMNS = ("case", "lookax", "alone", "ratio")

CASES = {
    "JaxMARL coin_game": "jaxmarl",
    "JaxMARL storm_2p": "jaxmarl",
    "JaxMARL overcooked": "jaxmarl",
    "Harvest of the examples": "jaxmarl",
    "gymnax CartPole-v1": "gymnax",
    "gymnax Breakout-MinAtar": "gymnax",
    "Gymnasium CartPole-v1": "gymnasium",
    "PettingZoo walkers": "pettingzoo",
    "to JaxMARL, one coin": "jaxmarl",
    "to PettingZoo, one coin": "pettingzoo",
}
"""What is measured, and the extra that it needs."""

Turn = Callable[[int], Any]
"""A turn of a seed, and what it has computed."""


def of_jaxmarl(environment: Any) -> tuple[Turn, Turn, int]:
    """Through a rollout, alone, and steps of a turn."""
    game, agents = lx.from_jaxmarl(environment), environment.agents

    @jax.jit
    def through(key):
        games = lx.match(game, ["random"] * len(agents), key, HORIZON, GAMES)
        return games.states.observations, games.actions, games.rewards

    @jax.jit
    def alone(key):
        def step(state, key):
            action_key, step_key = jax.random.split(key)
            actions = jax.random.randint(action_key, (len(agents), GAMES), 0, jnp.array(game.num_actions)[:, None])
            named = dict(zip(agents, actions, strict=True)) if isinstance(agents[0], str) else actions.T
            seen, state, rewards, _, _ = jax.vmap(environment.step)(jax.random.split(step_key, GAMES), state, named)
            return state, (seen, actions, rewards)

        first, state = jax.vmap(environment.reset)(jax.random.split(key, GAMES))
        return first, jax.lax.scan(step, state, jax.random.split(key, HORIZON))[1]

    return lambda seed: through(jax.random.key(seed)), lambda seed: alone(jax.random.key(seed)), GAMES * HORIZON


def of_gymnax(name: str) -> tuple[Turn, Turn, int]:
    """Through a rollout of an actor-critic's, alone, and steps of a turn."""
    import gymnax

    environment, (own, rules) = lx.from_gymnax(name), gymnax.make(name)

    def network(seen):
        return jnp.zeros((len(seen), environment.num_actions)), jnp.zeros(len(seen))

    @jax.jit
    def through(key):
        return act(environment, network, first_env_state(environment, key, GAMES), key, HORIZON)[1:]

    @jax.jit
    def alone(key):
        def step(state, key):
            action_key, step_key = jax.random.split(key)
            actions = jax.random.randint(action_key, (GAMES,), 0, environment.num_actions)
            keys = jax.random.split(step_key, GAMES)
            seen, state, rewards, over, cut, _ = jax.vmap(own.step, (0, 0, 0, None))(keys, state, actions, rules)
            return state, (seen, actions, rewards, over, cut)

        first, state = jax.vmap(own.reset, (0, None))(jax.random.split(key, GAMES), rules)
        return first, jax.lax.scan(step, state, jax.random.split(key, HORIZON))[1]

    return lambda seed: through(jax.random.key(seed)), lambda seed: alone(jax.random.key(seed)), GAMES * HORIZON


def of_gymnasium(name: str) -> tuple[Turn, Turn, int]:
    """Through a rollout of an actor-critic's, alone, and steps of a turn."""
    import gymnasium

    environment = lx.from_gymnasium(name)
    alone = gymnasium.make_vec(name, num_envs=FEW, vectorization_mode="sync")
    alone.reset(seed=0)

    def network(seen):
        return jnp.zeros((len(seen), environment.num_actions)), jnp.zeros(len(seen))

    first = first_env_state(environment, jax.random.key(0), FEW)
    states = [first]

    @jax.jit
    def steps(state, key):
        return act(environment, network, state, key, SHORT)

    def through(seed: int) -> Any:
        states[0], *told = steps(states[0], jax.random.key(seed))
        return told

    def by_itself(seed: int) -> Any:
        actions = np.random.default_rng(seed).integers(0, environment.num_actions, (SHORT, FEW))
        return [alone.step(own)[:2] for own in actions]

    return through, by_itself, FEW * SHORT


def of_pettingzoo() -> tuple[Turn, Turn, int]:
    """Through a rollout, alone, and steps of a turn."""
    from tests.games.parallel_environments import Walkers

    game, alone = lx.from_pettingzoo(Walkers, max_environments=FEW, steps=50), [Walkers(50) for _ in range(FEW)]

    @jax.jit
    def through(key):
        games = lx.match(game, ["random", "random"], key, SHORT - 1, FEW)  # and a step more, whose rewards none are
        return games.states.observations, games.actions, games.rewards

    def by_itself(seed: int) -> Any:
        actions, told = np.random.default_rng(seed).integers(0, 2, (SHORT, FEW, 2)), []
        for environment in alone:
            environment.reset(seed=seed)
        for own in actions:
            for environment, (slow, fast) in zip(alone, own, strict=True):
                told.append(environment.step({"slow": slow, "fast": fast - 1})[:2])
                if not environment.agents:
                    environment.reset(seed=seed)
        return told

    return lambda seed: through(jax.random.key(seed)), by_itself, FEW * SHORT


def to_jaxmarl() -> tuple[Turn, Turn, int]:
    """The one-coin game as an environment of JaxMARL, in its own step; the game alone; and steps of a turn."""
    game = lx.OneCoinGame()
    environment = lx.to_jaxmarl(game, horizon=HORIZON)
    _, alone, _ = of_jaxmarl(environment)

    @jax.jit
    def by_itself(key):
        def step(state, key):
            action_key, step_key = jax.random.split(key)
            actions = jax.random.randint(action_key, (GAMES, 2), 0, 4)
            state, rewards = jax.vmap(game.step)(jax.random.split(step_key, GAMES), state, actions)
            seen = [jax.vmap(lambda own, i=i: game.observe(own, i))(state) for i in range(2)]
            return state, (seen, actions, rewards)

        state = jax.vmap(game.reset)(jax.random.split(key, GAMES))
        return jax.lax.scan(step, state, jax.random.split(key, HORIZON))[1]

    return alone, lambda seed: by_itself(jax.random.key(seed)), GAMES * HORIZON


def to_pettingzoo() -> tuple[Turn, Turn, int]:
    """The one-coin game as a parallel environment; its compiled functions called by hand; and steps of a turn."""
    game = lx.OneCoinGame()
    environment = lx.to_pettingzoo(game, horizon=SHORT)
    reset, split = jax.jit(game.reset), jax.jit(jax.random.split)
    step, seen = jax.jit(game.step), jax.jit(lambda state: [game.observe(state, i) for i in range(2)])

    def through(seed: int) -> Any:
        environment.reset(seed=seed)
        actions = np.random.default_rng(seed).integers(0, 4, (SHORT, 2))
        return [environment.step(dict(zip(environment.agents, own, strict=True)))[:2] for own in actions]

    def by_itself(seed: int) -> Any:
        key, told = jax.random.key(seed), []
        state, actions = reset(key), np.random.default_rng(seed).integers(0, 4, (SHORT, 2))
        for own in actions:
            key, step_key = split(key)
            state, rewards = step(step_key, state, own)
            told.append((np.asarray(rewards), [np.asarray(each) for each in seen(state)]))
        return told

    return through, by_itself, SHORT


def cases() -> dict[str, Callable[[], tuple[Turn, Turn, int]]]:
    """What is measured, in the order of `CASES`."""
    jaxmarl = imported()

    def named(name: str, **settings: Any) -> Callable[[], tuple[Turn, Turn, int]]:
        return lambda: of_jaxmarl(jaxmarl.make(name, **settings))

    makers = (
        named("coin_game", num_inner_steps=HORIZON),
        named("storm_2p"),
        named("overcooked"),
        harvest,
        lambda: of_gymnax("CartPole-v1"),
        lambda: of_gymnax("Breakout-MinAtar"),
        lambda: of_gymnasium("CartPole-v1"),
        of_pettingzoo,
        to_jaxmarl,
        to_pettingzoo,
    )
    return dict(zip(CASES, makers, strict=True))


def harvest() -> tuple[Turn, Turn, int]:
    """The examples' own environment, with JaxMARL's interface."""
    from lookax_examples.harvest import Harvest

    return of_jaxmarl(Harvest())


def measured(through: Turn, alone: Turn, steps: int) -> dict[str, Any]:
    """Steps per CPU second of each, the median of all turns, and the ratios of pairs."""

    def speed(turn: Turn, seed: int) -> float:
        began, times = time.process_time(), 0
        while not times or time.process_time() - began < SECONDS:
            jax.block_until_ready(turn(seed + times))
            times += 1
        return times * steps / (time.process_time() - began)

    for turn in (through, alone):  # compiles
        jax.block_until_ready(turn(0))
    pairs = [(speed(through, pair), speed(alone, pair)) for pair in range(PAIRS)]
    ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratios = sorted(own / other for own, other in pairs)
    ratio = {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}
    return {"lookax": ours, "alone": theirs, "pairs": PAIRS, "ratio": ratio}


def cells(row: dict[str, Any]) -> list[str]:
    """A row of `COLUMNS`: two digits of each speed, and the ratio with its range in percent."""
    ratio = row["ratio"]
    shown = (f"{float(f'{row[own]:.1e}'):,.0f}".replace(",", " ") for own in ("lookax", "alone"))
    return [row["case"], *shown, f"{ratio['median']:.0%} ({ratio['least']:.0%}–{ratio['most']:.0%})"]


def main() -> None:
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case, make in cases().items():
            rows.append({"case": case} | measured(*make()))
            Console().print(*cells(rows[-1]), markup=False)
    FILE.write_text(json.dumps(rows, indent=1) + "\n")
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*cells(row))
    Console().print(table)


if __name__ == "__main__":
    main()
