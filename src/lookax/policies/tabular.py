"""Policies that hold one row of logits per state."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, ScalarLike

from lookax.errors import BadInputError
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame, state_one_hot
from lookax.games.rotated_seats import RotatedSeats
from lookax.policies.actor import Actor, Memoryless, OneByOne


def with_reference_action(free_logits: Float[Array, "... F"]) -> Float[Array, "... A"]:
    """Action logits from A − 1 free ones: action 0's logit is fixed at 0.

    Softmax ignores a constant added to all logits; fixing one removes that direction, and with two actions makes
    P(cooperate) = σ(logit), the parameterisation of LOLA and POLA.
    """
    return jnp.concatenate([jnp.zeros_like(free_logits[..., :1]), free_logits], axis=-1)


class StatePolicy(eqx.Module):
    """A policy of observations that are one-hots of a matrix game's state, in the player's own view."""

    @abc.abstractmethod
    def __call__(self, observation: Float[Array, " S"]) -> Float[Array, " A"]:
        """Action logits of one observation."""

    def actor(self, game: Game, player: int) -> Actor:
        """The policy in a seat of a matrix game, whose seats may be rotated.

        **Raises:** `ValueError` for another game.
        """
        matrix_game = game.game if isinstance(game, RotatedSeats) else game
        if not isinstance(matrix_game, MatrixGame):
            raise BadInputError("policy: a table is of a matrix game's states; in other games networks can play")
        if isinstance(game, RotatedSeats):
            seats = range(game.num_players)
            rows = game.of_seat(player, [jnp.asarray(state_one_hot(matrix_game, seat), float) for seat in seats])
        else:
            rows = jnp.asarray(state_one_hot(matrix_game, player), float)
        return OneByOne(Memoryless(self, jax.tree_util.Partial(_row, rows), jnp.zeros_like(rows[0])))


class TabularPolicy(StatePolicy):
    """π(·|s) = softmax(0, θₛ), for observations that are one-hots of the state.

    **Attributes:** `logits` θ, `[S, F]`, F = A − 1.
    """

    logits: Float[Array, "S F"]

    def __call__(self, observation: Float[Array, " S"]) -> Float[Array, " A"]:
        """Action logits of one observation."""
        return with_reference_action(observation @ self.logits)


class SoftmaxTabularPolicy(StatePolicy):
    """π(·|s) = softmax(θₛ), with a logit for every action.

    The constant that softmax ignores is a direction in which nothing changes; gradients have no component along it.

    **Attributes:** `logits` θ, `[S, A]`.
    """

    logits: Float[Array, "S A"]

    def __call__(self, observation: Float[Array, " S"]) -> Float[Array, " A"]:
        """Action logits of one observation."""
        return observation @ self.logits


def preconditioner(num_states: int) -> np.ndarray:
    """A = I with −2 in the first column (no player cooperated) of every other row; `[S, S]` (POLA, appendix B.1.2).

    A gradient step on θ then moves all states' logits Aθ against the logit of mutual defection.
    """
    matrix = np.eye(num_states)
    matrix[1:, 0] = -2.0
    return matrix


class PreconditionedTabularPolicy(StatePolicy):
    """π(·|s) = softmax(0, (Aθ)ₛ), with A from [`preconditioner`][lookax.policies.tabular.preconditioner].

    It can express the same policies as [`TabularPolicy`][lookax.policies.tabular.TabularPolicy], but gradients act on
    other coordinates: what depends on the policy alone learns the same in both.

    **Attributes:** `parameters` θ, `[S, F]`, F = A − 1.
    """

    parameters: Float[Array, "S F"]

    def __call__(self, observation: Float[Array, " S"]) -> Float[Array, " A"]:
        """Action logits of one observation."""
        return with_reference_action(observation @ (preconditioner(self.parameters.shape[0]) @ self.parameters))


def normal_logits(
    key: Key[Array, ""], num_states: int, num_actions: int, standard_deviation: ScalarLike
) -> Float[Array, "S F"]:
    """Free logits drawn from N(0, σ²).

    **Arguments:** `num_states`, S; `num_actions`, A, of which one has no logit (F = A − 1); the `standard_deviation` σ.
    """
    return jax.random.normal(key, (num_states, num_actions - 1)) * standard_deviation


def _row(rows: Float[Array, "S S"], state: Int[Array, ""]) -> Float[Array, " S"]:
    return rows[state]
