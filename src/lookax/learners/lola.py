"""LOLA: learning with opponent-learning awareness (Foerster et al. 2018)."""

import dataclasses

import jax
import optax
from jaxtyping import Array, Key

from lookax.games.exact_play import ExactPlay
from lookax.learners.objectives.shaping import Shaping
from lookax.learners.opponents.opponent_model import OpponentModel, form_beliefs
from lookax.learners.state import Initial, LearnerState, Metrics, simultaneous_step


@dataclasses.dataclass(frozen=True)
class LOLA:
    """Every player climbs its return after its opponents' next learning step, through that step.

        θᵢ ← θᵢ + α ∇ᵢFᵢ(θᵢ),    Fᵢ(φ) = Vᵢ(φ, lookahead of the others against φ),

    all from the same policies. With [`Shaping.taylor`][lookax.learners.objectives.shaping.Shaping] it is the LOLA
    paper's update (eq. 4.1); without, the "actual update" of LOLA-DiCE (Foerster et al. 2018, DiCE, section 5) that
    POLA's experiments call LOLA.

    **Attributes:** the `play`; everybody's `initial` policies; the `optimiser`; the `shaping`; the `opponent_model`, or
    `None` where opponents' policies are known.
    """

    play: ExactPlay
    initial: Initial
    optimiser: optax.GradientTransformation
    shaping: Shaping
    opponent_model: OpponentModel | None = None

    def init(self, key: Key[Array, ""]) -> LearnerState:
        """Everybody's first policies, optimiser states and models."""
        policies_key, models_key = jax.random.split(key)
        policies = self.initial(policies_key)
        models = () if self.opponent_model is None else self.opponent_model.init(models_key, len(policies))
        return LearnerState(policies, tuple(map(self.optimiser.init, policies)), models)

    def update(self, key: Key[Array, ""], state: LearnerState) -> tuple[LearnerState, Metrics]:
        """One step of everybody; metrics are those of the models."""
        del key
        beliefs, models, metrics = form_beliefs(self.opponent_model, self.play, state)
        objectives = [self.shaping.objective(play, i, start) for i, (play, start) in enumerate(beliefs)]
        state = LearnerState(state.policies, state.optimiser_states, models)
        return simultaneous_step(objectives, state, self.optimiser), metrics
