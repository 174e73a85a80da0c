"""Models of opponents: fit a policy of one's own making to what an opponent does, and shape the model."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, ScalarLike

from lookax.categorical import kl_divergence
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies, Policy
from lookax.learners.learner import Metrics
from lookax.learners.simultaneous import Belief, PlayersState
from lookax.lookahead.ascent import Ascent, ascend
from lookax.lookahead.optimiser import Optimiser, as_optimiser

Models = tuple[Policies, ...]
"""Each player's policies of all players; the one of itself is never used."""


class OpponentModel(eqx.Module):
    """Fits a model to each opponent's policy, by gradient steps on Σₛ KL(policy(·|s) ‖ model(·|s)).

    The policy is read in every state, not from samples of play (POLA, appendix B.1.6). Models keep their parameters
    from one update to the next, and need not be of the same kind as the policies. A fit ends with the step that starts
    from a fitted model, as in POLA's code: it takes one step at least.

    **Attributes:**

    - `initial`: from a key to one player's first models of all players.
    - `observations`: per player, what the model of it sees in each state, `[S, Dᵢ]`.
    - `optimiser`: of the fit.
    - `tolerance`: the divergence below which a model counts as fitted.
    - `max_steps`: of one fit.
    """

    _: dataclasses.KW_ONLY
    initial: Callable[[Key[Array, ""]], Policies] = eqx.field(static=True)
    observations: tuple[Float[Array, "S _"], ...]
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    tolerance: ScalarLike = 1e-7
    max_steps: int = eqx.field(static=True, default=10_000)

    def init(self, key: Key[Array, ""], num_players: int) -> Models:
        """Fresh models for every player."""
        return tuple(self.initial(player_key) for player_key in jax.random.split(key, num_players))

    def fit(self, play: ExactPlay, j: int, opponent: Policy, model: Policy) -> Ascent:
        """Fits one model to player j's policy.

        **Arguments:**

        - `play`: the game, in which policies are read state by state.
        - `j`: the player that is modelled, from 0.
        - `opponent`: its policy.
        - `model`: where the fit starts.
        """
        target = play.log_probs_in_game_order(j, opponent)

        def divergence(model: Policy) -> Float[Array, ""]:
            log_probs = jax.nn.log_softmax(jax.vmap(model)(self.observations[j]))
            return kl_divergence(target, log_probs).sum()

        return ascend(
            lambda model: -divergence(model),
            model,
            optimiser=self.optimiser,
            stop=lambda fitted, _: divergence(fitted) <= self.tolerance,
            max_steps=self.max_steps,
        )

    def beliefs(self, game: ExactPlay, state: PlayersState) -> tuple[list[Belief], Models, Metrics]:
        """Each player's own policy beside its freshly fitted models of the others.

        **Returns:** a belief per player; the models; metrics `model_steps` and `model_fitted`, `[N·(N−1)]`, the steps
        that each fit took and whether it reached its tolerance.
        """
        found, models, fits = [], [], []
        for player, mine in enumerate(state.policies):
            policies, seen = list(state.models[player]), list(self.observations)
            for j, opponent in enumerate(state.policies):
                if j != player:
                    fits.append(self.fit(game, j, opponent, policies[j]))
                    policies[j] = fits[-1].params
            models.append(tuple(policies))
            policies[player], seen[player] = mine, game.observations[player]
            found.append((eqx.tree_at(lambda own: own.observations, game, tuple(seen)), tuple(policies)))
        metrics = {
            "model_steps": jnp.stack([fit.steps for fit in fits]),
            "model_fitted": jnp.stack([fit.stopped for fit in fits]),
        }
        return found, tuple(models), metrics
