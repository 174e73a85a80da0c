"""How the agents of a run fare against those of a file."""

from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from lookax.errors import check
from lookax.evaluation.against import read_opponents, scores_against_group
from lookax.experiments.studies.study import GameStudy, against_metric
from lookax.policies.strategies import strategy_names
from lookax.runs.programs.lanes import evaluation_key

GAMES = 500
"""How many games each agent plays with each of the file's."""

PUBLISHED = np.uint32(2**32 - 2)
"""What the keys of these games are folded in with, before the number of the group."""


def scores_against_file(path: Path, study: GameStudy, state: PyTree, seeds: range) -> dict[str, np.ndarray]:
    """Scores `[seeds, N]` of the agents in a state against every group of agents in a file, by the groups' names.

    **Arguments:** the file's `path`; the run's `study`; the `state`, arrays `[seeds, …]`; its random `seeds`.

    **Raises:** `ValueError` for a file that holds no agents, agents that do not fit the game, and a group with the name
    of a strategy.
    """
    found = {}
    with jax.enable_x64(study.precision == "float64"):
        game = study.game()
        groups = read_opponents(path, game)
        taken = [against_metric(name) for name in strategy_names(game)]
        policies = study.policies(state)
        keys = jax.vmap(lambda seed: jax.random.fold_in(evaluation_key(seed), PUBLISHED))(np.asarray(seeds))
        for number, (name, group) in enumerate(groups.items()):
            rule = "a group with a name of its own, which no strategy has"
            check(against_metric(name) not in (*taken, *map(against_metric, found)), "against", name, rule)

            @eqx.filter_jit
            def score(policies, keys, group=group):
                def one(own, key):
                    return scores_against_group(game, own, group, key, study.rules()["horizon"], GAMES)

                return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(policies, keys)

            own_keys = jax.vmap(lambda key, number=number: jax.random.fold_in(key, number))(keys)
            found[name] = np.asarray(score(policies, own_keys))
    return found
