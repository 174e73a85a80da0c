"""Values of states, learned from games."""

import dataclasses
from collections.abc import Sequence
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, ScalarLike

from lookax.choices import CriticTarget
from lookax.errors import check
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.rollouts.trajectory import Trajectory
from lookax.surrogates.advantages import discounted_returns


class TabularCritic(eqx.Module):
    """A table Vᵢ(s) for every player, `[N, S]`, that maximises −mean((targetₜ − Vᵢ(sₜ))²).

    **Attributes:**

    - `optimiser`: an optax optimiser.
    - `target`: the discounted return from t to the game's end, or (as LOLA-DiCE's published code) the reward rₜ alone.

    **Raises:** `ValueError` for an unknown target.
    """

    _: dataclasses.KW_ONLY
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    target: CriticTarget = eqx.field(static=True, default="returns")

    def __check_init__(self):
        rule = f"one of {', '.join(get_args(CriticTarget))}"
        check(self.target in get_args(CriticTarget), "target", self.target, rule)

    def init(self, num_players: int, num_states: int) -> tuple[Float[Array, "N S"], PyTree]:
        """Values of zero, and the optimiser's first state."""
        values = jnp.zeros((num_players, num_states))
        return values, self.optimiser.init(values)

    def update(
        self, values: Float[Array, "N S"], state: PyTree, games: Sequence[Trajectory], discount: ScalarLike
    ) -> tuple[Float[Array, "N S"], PyTree]:
        """One step: each player's values from the games that are its own to learn from.

        **Arguments:**

        - `values`: Vᵢ(s), `[N, S]`.
        - `state`: the optimiser's.
        - `games`: one batch per player, which that player's values are learned from.
        - `discount`: γ.
        """

        def objective(values):
            errors = [
                jnp.mean((self._targets(own.rewards[:, i], discount) - values[i][own.states[:-1]]) ** 2)
                for i, own in enumerate(games)
            ]
            return -sum(errors)

        return ascent_step(jax.grad(objective)(values), values, state, self.optimiser)

    def _targets(self, rewards: Float[Array, "T B"], discount: ScalarLike) -> Float[Array, "T B"]:
        if self.target == "rewards":
            return rewards
        return jax.vmap(lambda own: discounted_returns(own, discount), in_axes=1, out_axes=1)(rewards)
