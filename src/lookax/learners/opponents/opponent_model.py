"""Models of opponents: fit a policy of one's own making to what an opponent does, and shape the model."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, ScalarLike

from lookax.games.exact_play import ExactPlay, Policies, Policy
from lookax.learners.state import LearnerState, Metrics
from lookax.lookahead.ascent import Ascent, ascend

Models = tuple[Policies, ...]
"""Every player's policies of everybody; the one of itself is never used."""

Belief = tuple[ExactPlay, Policies]
"""What a player works with: the play with its opponents' seats as it sees them, and the policies in the seats."""


@dataclasses.dataclass(frozen=True)
class OpponentModel:
    """Fits a model to each opponent's policy, by gradient steps on Σₛ KL(policy(·|s) ‖ model(·|s)).

    The policy is read in every state, not from samples of play (POLA, appendix B.1.6). Models keep their parameters
    from one update to the next, and need not be of the same kind as the policies. A fit ends with the step that starts
    from a fitted model, as in POLA's code: it takes one step at least.

    **Attributes:**

    - `initial`: from a key to one player's first models of everybody.
    - `observations`: per player, what the model of it sees in each state, `[S, Dᵢ]`.
    - `optimiser`: of the fit.
    - `tolerance`: the divergence below which a model counts as fitted.
    - `max_steps`: of one fit.
    """

    initial: Callable[[Array], Policies]
    observations: tuple[Float[Array, "S _"], ...]
    optimiser: optax.GradientTransformation
    tolerance: ScalarLike = 1e-7
    max_steps: int = 10_000

    def init(self, key: Key[Array, ""], num_players: int) -> Models:
        """Fresh models for every player."""
        return tuple(self.initial(player_key) for player_key in jax.random.split(key, num_players))

    def fit(self, play: ExactPlay, j: int, opponent: Policy, model: Policy) -> Ascent:
        """Fits one model to player j's policy."""
        target = play.log_probs(j, opponent)

        def divergence(model: Policy) -> Float[Array, ""]:
            log_probs = jax.nn.log_softmax(jax.vmap(model)(self.observations[j]))
            return jnp.sum(jnp.exp(target) * (target - log_probs))

        return ascend(
            lambda model: -divergence(model),
            model,
            optimiser=self.optimiser,
            stop=lambda fitted, _: divergence(fitted) <= self.tolerance,
            max_steps=self.max_steps,
        )


def form_beliefs(
    opponent_model: OpponentModel | None, play: ExactPlay, state: LearnerState
) -> tuple[list[Belief], Models, Metrics]:
    """What every player works with in one update: everybody's policies, or its freshly fitted models of the others.

    **Returns:** a belief per player; the models, fitted; and metrics `model_steps` and `model_fitted`, `[N·(N−1)]`, the
    steps that each fit took and whether it reached its tolerance.
    """
    if opponent_model is None:
        return [(play, state.policies)] * play.num_players, (), {}
    beliefs, models, fits = [], [], []
    for player, mine in enumerate(state.policies):
        seats, seen = list(state.models[player]), list(opponent_model.observations)
        for j, opponent in enumerate(state.policies):
            if j != player:
                fits.append(opponent_model.fit(play, j, opponent, seats[j]))
                seats[j] = fits[-1].params
        models.append(tuple(seats))
        seats[player], seen[player] = mine, play.observations[player]
        beliefs.append((eqx.tree_at(lambda p: p.observations, play, tuple(seen)), tuple(seats)))
    metrics = {
        "model_steps": jnp.stack([fit.steps for fit in fits]),
        "model_fitted": jnp.stack([fit.stopped for fit in fits]),
    }
    return beliefs, tuple(models), metrics
