"""Matrix games played by stochastic policies, with every expectation in closed form."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, ScalarLike

from lookax.errors import check
from lookax.games.matrix_game import MatrixGame

Policy = Callable[[Float[Array, " D"]], Float[Array, " A"]]
"""From one observation to action logits; also a pytree of its parameters."""

Policies = tuple[Any, ...]
"""One policy per player."""


def state_visitation(
    transitions: Float[Array, "S S"], start: int, discount: ScalarLike, horizon: int | None
) -> Float[Array, " S"]:
    """Discounted expected number of visits to every state of a Markov chain, d(s) = Σₜ γᵗ Pr(sₜ = s).

    Infinite horizon: the solution of (I − γPᵀ) d = e_start. Finite: the sum of its first `horizon` terms.

    **Arguments:**

    - `transitions`: P(s'|s), rows s.
    - `discount`: γ, below 1 where the horizon is infinite.
    - `horizon`: number of steps T, or `None` for infinitely many.
    """
    first = jnp.asarray(np.eye(transitions.shape[0])[start], transitions.dtype)
    if horizon is None:
        return jnp.linalg.solve(
            jnp.eye(transitions.shape[0], dtype=transitions.dtype) - discount * transitions.T, first
        )

    def advance(occupied, _):
        return discount * occupied @ transitions, occupied

    return jax.lax.scan(advance, first, length=horizon)[1].sum(0)


class ExactPlay(eqx.Module):
    """Play of a matrix game whose values, policies and divergences are computed, not sampled.

    Everything is differentiable to any order in the policies' parameters, the payoffs and the discount, and vmappable.

    **Attributes:**

    - `game`: what is played.
    - `observations`: per player, what it sees in each state, `[S, Dᵢ]`.
    - `discount`: γ; a reward after t steps counts γᵗ.
    - `horizon`: number of steps, or `None` for infinitely many (then γ < 1).

    **Raises:** `ValueError` for a discount out of range.
    """

    game: MatrixGame
    observations: tuple[Float[Array, "S _"], ...]
    discount: ScalarLike
    horizon: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if isinstance(self.discount, int | float):  # a traced number has no value to check
            allowed = 0 <= self.discount < 1 if self.horizon is None else 0 <= self.discount <= 1
            check(allowed, "discount", self.discount, "from 0 to 1, and less than 1 where the horizon is infinite")

    @property
    def num_players(self) -> int:
        """N."""
        return self.game.num_players

    def log_probs(self, player: int, policy: Policy) -> Float[Array, "S A"]:
        """Log π(a|s) of one player's policy in every state."""
        return jax.nn.log_softmax(jax.vmap(policy)(self.observations[player]))

    def joint_action_visitation(self, policies: Policies) -> Float[Array, " J"]:
        """Discounted expected number of times that each joint action is played, m(a) = Σₛ d(s) π(a|s)."""
        joint = self._joint(policies)
        return self._visitation(joint) @ joint

    def values(self, policies: Policies) -> Float[Array, " N"]:
        """Expected discounted return of every player, Vᵢ = Σₜ γᵗ E[rᵢ(aₜ)] = Σₐ m(a) rᵢ(a).

        For memory one, an infinite horizon and a separate start this is p₀ᵀ(I − γP)⁻¹rᵢ, with p₀ the joint action
        probabilities in the start state (Foerster et al. 2018, LOLA, appendix A.2).
        """
        return self.game.payoffs.reshape(self.num_players, -1) @ self.joint_action_visitation(policies)

    def visitation(self, policies: Policies) -> Float[Array, " S"]:
        """Discounted expected number of visits to each state, d(s) = Σₜ γᵗ Pr(sₜ = s)."""
        return self._visitation(self._joint(policies))

    def divergence(
        self, player: int, reference: Policy, policy: Policy, weights: Float[Array, " S"] | None = None
    ) -> Float[Array, ""]:
        """Σₛ w(s) KL(reference(·|s) ‖ policy(·|s)), with weights 1 unless given."""
        before, after = self.log_probs(player, reference), self.log_probs(player, policy)
        per_state = jnp.sum(jnp.exp(before) * (before - after), axis=-1)
        return per_state.sum() if weights is None else weights @ per_state

    def _joint(self, policies: Sequence[Policy]) -> Float[Array, "S J"]:
        return self.game.joint_action_probabilities([self.log_probs(i, policy) for i, policy in enumerate(policies)])

    def _visitation(self, joint: Float[Array, "S J"]) -> Float[Array, " S"]:
        transitions = self.game.transition_matrix(joint)
        return state_visitation(transitions, self.game.histories.start, self.discount, self.horizon)
