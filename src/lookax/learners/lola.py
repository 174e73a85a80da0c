"""LOLA: learning with opponent-learning awareness (Foerster et al. 2018)."""

import dataclasses

import equinox as eqx
from jaxtyping import Array, Key

from lookax.games.differentiable import DifferentiableGame
from lookax.learners.learner import Metrics
from lookax.learners.objectives.shaping import Shaping, check_shaping
from lookax.learners.simultaneous import Initial, OpponentModelling, PlayersState, beliefs, simultaneous_step
from lookax.lookahead.optimiser import Optimiser, as_optimiser


class LOLA(eqx.Module):
    """Every player maximises its return after its opponents' next learning step, through that step.

        θᵢ ← θᵢ + α ∇ᵢFᵢ(θᵢ),    Fᵢ(φ) = Vᵢ(φ, lookahead of the others against φ),

    all from the same policies. With [`Shaping.taylor`][lookax.learners.objectives.shaping.Shaping] it is the LOLA
    paper's update (eq. 4.1); without, the "actual update" of LOLA-DiCE (Foerster et al. 2018, DiCE, section 5) that
    POLA's experiments call LOLA.

    **Attributes:**

    - `game`: whose values are differentiated.
    - `initial`: the first policies of all players, from a random key.
    - `optimiser`: of every player's policy.
    - `shaping`: how a player looks ahead.
    - `opponent_model`: how players model their opponents; `None` where opponents' policies are known.

    **Raises:** `ValueError` for a lookahead that no `Shaping` is around.
    """

    _: dataclasses.KW_ONLY
    game: DifferentiableGame
    initial: Initial = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    shaping: Shaping
    opponent_model: OpponentModelling | None = None

    def __check_init__(self):
        check_shaping(self.shaping)

    def init(self, key: Key[Array, ""]) -> PlayersState:
        """First policies, optimiser states and models."""
        state = PlayersState.first(key, self.initial, self.opponent_model)
        return dataclasses.replace(state, optimiser_states=tuple(map(self.optimiser.init, state.policies)))

    def update(self, key: Key[Array, ""], state: PlayersState) -> tuple[PlayersState, Metrics]:
        """One step of every player; metrics `returns` and `gradient_norm`, `[N]`, and those of the models."""
        del key
        believed, models, metrics = beliefs(self.opponent_model, self.game, state)
        objectives = [self.shaping.objective(game, i, start) for i, (game, start) in enumerate(believed)]
        metrics["returns"] = self.game.values(state.policies)
        state, norms = simultaneous_step(objectives, dataclasses.replace(state, models=models), self.optimiser)
        return state, metrics | norms
