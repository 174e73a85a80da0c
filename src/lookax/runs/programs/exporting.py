"""Agents taken out of a run's checkpoint, into a folder for use anywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lookax.errors import BadInputError
from lookax.experiments.studies.repeated_game import RepeatedGameStudy
from lookax.experiments.studies.study import GameStudy, study_of
from lookax.games.game import Game
from lookax.games.matrix_game import own_view
from lookax.policies.network import Network
from lookax.policies.published.exported import write_exported
from lookax.policies.published.layout import arrays_of
from lookax.policies.published.seats import PolicyWithView, view_of
from lookax.policies.published.words import action_names, observation_layout
from lookax.policies.tabular import SoftmaxTabularPolicy
from lookax.runs.programs.saved import read_saved
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.run import Run


def export_agent(run: Run, seed: int | None, player: int, update: int | None, out: Callable[[], Path]) -> Path:
    """Writes the policy of one player into a folder, and returns that.

    What learns from exact values, or from samples of a matrix game's states, becomes a table over these states.

    **Arguments:**

    - `run`: whose agent it is.
    - `seed`: of the run's; its first one if `None`.
    - `player`: from 0.
    - `update`: whose checkpoint; the newest if `None`.
    - `out`: which makes the folder, and is called once all is checked.

    **Raises:** `ValueError` for a seed, player or update that there is not, and for what cannot be written as arrays.
    """
    study = study_of(run.settings)
    if not isinstance(study, RepeatedGameStudy | GameStudy):
        raise BadInputError(f"{str(run.folder.path)!r} is a run of {run.preset.name}, whose agents are not exported")
    with jax.enable_x64(study.precision == "float64"):
        saved = read_saved(run, update, jax.devices()[:1])
        seed = saved.seeds[0] if seed is None else seed
        policy: Any = saved.policy(seed, player)
        if isinstance(study, RepeatedGameStudy):
            game = study.matrix_game()
            rules = {"payoffs": game.payoffs.tolist()}
            observations = study.policy_maker().observations()[player]
            order = np.argsort(own_view(game, player))
            policy = SoftmaxTabularPolicy(jax.vmap(policy)(jnp.asarray(observations))[order])
        else:
            game, rules = study.game(), study.rules()
        agent = policy if isinstance(policy, PolicyWithView) else PolicyWithView(policy, _view(game, policy))
        arrays_of(agent.policy)
        folder = out()
        write_exported(
            folder,
            agent,
            {
                "name": f"{run.name}/{seed}",
                "observation": observation_layout(game, player, table=not isinstance(agent.policy, Network)),
                "actions": action_names(game, player),
                "game": {"name": type(game).__name__, "players": game.num_players} | rules,
                "provenance": {
                    "preset": run.preset.name,
                    "seed": seed,
                    "player": player,
                    "update": saved.update,
                    "settings": as_fields(run.settings),
                    "versions": (run.folder.provenance() or [{}])[-1].get("versions", {}),
                },
            },
        )
    return folder


def _view(game: Game, policy: Any) -> Any:
    return view_of(game) if isinstance(policy, Network) else None
