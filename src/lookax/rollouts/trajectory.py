"""What happened in games of tabular policies."""

import equinox as eqx
from jaxtyping import Array, Float, Int


class Trajectory(eqx.Module):
    """What happened in B games of T steps.

    **Attributes:** (where several play, `…` is an axis of N players)

    - `states`: s₀ … s_T, `[T+1, B]`.
    - `actions`: a₀ … a_{T−1}, `[T, …, B]`.
    - `rewards`: r₀ … r_{T−1}, `[T, …, B]`; differentiable in the table of rewards.
    - `log_probs`: log π(aₜ|sₜ) of the policies that played, `[T, …, B]`; differentiable in them. What was drawn is
      not: [surrogates][lookax.surrogates] make up for it.
    - `values`: V(s₀) … V(s_T) by the values that were given, `[T+1, …, B]`; `None` if there were none.
    """

    states: Int[Array, "_ B"]
    actions: Int[Array, "T *N B"]
    rewards: Float[Array, "T *N B"]
    log_probs: Float[Array, "T *N B"]
    values: Float[Array, "_ *N B"] | None = None

    @property
    def num_games(self) -> int:
        """B."""
        return self.states.shape[-1]
