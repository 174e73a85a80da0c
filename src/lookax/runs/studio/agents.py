"""The agents in a run's checkpoint, in the game that they play."""

import dataclasses
from concurrent.futures import Executor, Future
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from lookax.errors import BadInputError, check
from lookax.experiments.studies.repeated_game import RepeatedGameStudy
from lookax.experiments.studies.study import EnvironmentStudy, GameStudy, LookingAheadStudy, study_of
from lookax.games.coin_game import CoinGame
from lookax.games.game import Policies, Seen
from lookax.games.matrix_game import MatrixGame
from lookax.learners.lola_dice import LOLADiCEState
from lookax.policies.actor import Actor, actor_of
from lookax.runs.programs.saved import read_saved
from lookax.runs.storage.run import Run

ROUNDS = 50
"""Of a game that goes on for ever, so many are played."""

Ahead = Future[tuple[Policies, Policies]]
"""All players' policies now, and after the steps that one of them looks ahead through, as soon as they are known."""


@dataclasses.dataclass(frozen=True, eq=False)
class Agents:
    """The agents of one random seed in a checkpoint of a run.

    **Attributes:**

    - `study`: what the run's settings compute.
    - `state`: that of the seed's learner.
    - `update`: of the checkpoint.
    - `seed`: the random seed.
    - `found`: what has been computed of them: players' lookaheads, by seat.
    """

    study: Any
    state: PyTree
    update: int
    seed: int
    found: dict[int, Ahead] = dataclasses.field(default_factory=dict)

    @property
    def game(self) -> Any:
        """What they play; see `game_of`."""
        return game_of(self.study)

    @property
    def horizon(self) -> int:
        """The number of steps of a game."""
        if isinstance(self.study, GameStudy):
            return self.study.rules()["horizon"]
        return self.study.settings.horizon or ROUNDS

    def precision(self) -> Any:
        """Within, everything is computed as in the run."""
        return jax.enable_x64(self.study.precision == "float64")

    @property
    def policies(self) -> Policies:
        """One per seat."""
        return self.study.policies(self.state) if isinstance(self.study, GameStudy) else self.state.policies

    def critic(self, seat: int) -> Actor | None:
        """What an agent expects of the game, as an actor whose first output that is; `None` for one without a critic.

        Of LOQA's critics that is the value of the state.
        """
        if isinstance(self.state, LOLADiCEState):
            return None if self.study.learner().critic is None else _Table(self.state.values[seat])
        agents = getattr(self.state, "agents", None)
        values = agents[seat].values() if agents else None
        return None if values is None else actor_of(self.game, values, seat)

    def ahead(self, seat: int, worker: Executor) -> Ahead:
        """What a player expects of its opponents, computed by the worker unless it is known."""
        if seat not in self.found:
            self.found[seat] = worker.submit(self._looked_ahead, seat)
        return self.found[seat]

    def _looked_ahead(self, seat: int) -> tuple[Policies, Policies]:
        if not isinstance(self.study, LookingAheadStudy):
            learner = getattr(self.study.settings, "learner", "its learner")
            raise BadInputError(f"{learner} looks ahead through no learning step of its opponents")
        with self.precision():
            key = jax.random.fold_in(jax.random.key(self.seed), self.update)
            return eqx.filter_jit(self.study.opponents_ahead)(key, self.state, seat)


def game_of(study: Any) -> Any:
    """The game that a study's agents play, as the page can show it.

    **Raises:** `ValueError`, in one line, where there is none.
    """
    if isinstance(study, GameStudy):
        game = study.game()
    elif isinstance(study, RepeatedGameStudy):
        game = study.matrix_game()
    else:
        raise BadInputError("the agents of this run play no game that a person can join or look at")
    if not isinstance(game, CoinGame | MatrixGame):
        raise BadInputError(f"a {type(game).__name__} cannot be shown; coin games, matrix games and environments can")
    return game


def choices(run: Run, updates: list[int]) -> dict[str, Any]:
    """What can be chosen to play with the agents of a run, or to look at them.

    **Arguments:** the `run`; the `updates` that have checkpoints.

    **Raises:** `ValueError`, in one line, where they can be neither played with nor observed.
    """
    if not updates:
        raise BadInputError("this run has no checkpoint yet; the first comes with its first update that is saved")
    study, settings = study_of(run.settings), run.settings
    seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
    common = {"updates": updates, "seeds": list(seeds), "preset": run.preset.name}
    if isinstance(study, EnvironmentStudy):
        return {**common, "kind": "watch", "seats": [], "title": str(settings.game)}
    with jax.enable_x64(study.precision == "float64"):
        game = game_of(study)
        kind = "coin" if isinstance(game, CoinGame) else "matrix"
        return {**common, "kind": kind, "seats": list(range(len(game.num_actions))), "title": str(settings.game)}


def read_agents(run: Run, update: int, seed: int) -> Agents:
    """The agents of a random seed in a run's checkpoint.

    **Arguments:** the `run`; the `update` whose checkpoint it is; the random `seed`.

    **Raises:** `ValueError`, in one line, if there is no such checkpoint or seed, or it is not sound.
    """
    study = study_of(run.settings)
    saved = read_saved(run, update, jax.devices()[:1])
    check(seed in saved.seeds, "seed", seed, f"one of {saved.seeds[0]} … {saved.seeds[-1]}")
    place = saved.seeds.index(seed)
    with jax.enable_x64(study.precision == "float64"):
        state = jax.tree.map(lambda leaf: jnp.asarray(leaf[place]), saved.state)
    return Agents(study, state, saved.update, seed)


class _Table(eqx.Module):
    """Values of a matrix game's states, as an actor."""

    values: Float[Array, " S"]

    @property
    def recurrence(self) -> "_Table":
        return self

    def initial_hidden_state(self, batch_size: int) -> Int[Array, " B"]:
        return jnp.zeros(batch_size, int)

    def update_hidden_state(self, hidden_state: Int[Array, " B"], seen: Seen) -> Int[Array, " B"]:
        del hidden_state
        return seen.state

    def act(self, hidden_state: Int[Array, " B"]) -> Float[Array, "1 B"]:
        return self.values[hidden_state][None]
