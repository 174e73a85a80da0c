"""Matrix games played by stochastic policies, with every expectation in closed form."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, ScalarLike

from lookax.categorical import kl_divergence
from lookax.games.game import Policies, Policy, check_outputs
from lookax.games.markov_chain import check_discount, state_visitation
from lookax.games.matrix_game import MatrixGame, own_view


class ExactPlay(eqx.Module):
    """Play of a matrix game whose values, policies and divergences are computed, not sampled.

    Everything is differentiable to any order in the policies' parameters, the payoffs and the discount, and vmappable.

    **Attributes:**

    - `game`: what is played.
    - `observations`: per player, what it sees in each state, `[S, Dᵢ]`.
    - `discount`: γ; a reward after t steps counts γᵗ.
    - `horizon`: number of steps, or `None` for infinitely many (then γ < 1).

    ```python
    game = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    maker = lx.PolicyMaker(game, "tabular")
    play = lx.ExactPlay(game, maker.observations(), discount=0.96)
    policies = maker.initial(jax.random.key(0))
    print(play.values(policies))  # expected returns, one per player
    print(play.cooperation(policies))  # P(cooperate | state)
    ```

    **Raises:** `ValueError` for a discount out of range.
    """

    game: MatrixGame
    observations: tuple[Float[Array, "S _"], ...]
    discount: ScalarLike
    horizon: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_discount(self.discount, self.horizon)

    @property
    def num_players(self) -> int:
        """N."""
        return self.game.num_players

    @property
    def num_states(self) -> int:
        """S."""
        return self.game.num_states

    def cooperation(self, policies: Policies) -> Float[Array, "N S"]:
        """P(cooperate | state) of every player: of action 1.

        States are in each player's own view (mine, theirs) and in the order of `game.state_names`.
        """
        rows = []
        for player, policy in enumerate(policies):
            probabilities = jnp.exp(self.log_probs_in_game_order(player, policy)[:, 1])
            rows.append(probabilities[np.argsort(own_view(self.game, player))])
        return jnp.stack(rows)

    def log_probs_in_game_order(self, player: int, policy: Policy) -> Float[Array, "S A"]:
        """Log π(a|s) of one player's policy in every state of the game.

        Rows are in the game's own order of states, which is the first player's view; `cooperation` is in each player's.
        """
        logits = jax.vmap(policy)(self.observations[player])
        check_outputs(player, logits.shape[1:], self.game.num_actions[player])
        return jax.nn.log_softmax(logits)

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
        """Σₛ w(s) KL(reference(·|s) ‖ policy(·|s)), with weights 1 unless given.

        **Arguments:** the `player`, from 0; its `reference` policy and its `policy`; `weights` of states in the game's
        order, `[S]`.
        """
        before, after = self.log_probs_in_game_order(player, reference), self.log_probs_in_game_order(player, policy)
        per_state = kl_divergence(before, after)
        return per_state.sum() if weights is None else weights @ per_state

    def _joint(self, policies: Sequence[Policy]) -> Float[Array, "S J"]:
        return self.game.joint_action_probabilities(
            [self.log_probs_in_game_order(i, policy) for i, policy in enumerate(policies)]
        )

    def _visitation(self, joint: Float[Array, "S J"]) -> Float[Array, " S"]:
        transitions = self.game.transition_matrix(joint)
        start = jnp.asarray(np.eye(self.game.num_states)[self.game.histories.start], transitions.dtype)
        return state_visitation(transitions, start, self.discount, self.horizon)
