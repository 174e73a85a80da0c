"""The commons: players harvest a stock that grows again, and that is gone if all of them take much (Hardin 1968)."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, ScalarLike

from lookax.concrete import known
from lookax.errors import check


class CommonsState(NamedTuple):
    """The `stock`, a share of what the place can carry, and all players' last `actions`, `[N]`, −1 before the first."""

    stock: Float[Array, ""]
    actions: Int[Array, " N"]


class CommonsGame(eqx.Module):
    """N players harvest a common stock sₜ, which then grows logistically (Schaefer 1954).

        rᵢ = eᵢ sₜ,    s = (1 − c) sₜ with c = Σᵢ eᵢ / N,    sₜ₊₁ = s + g s (1 − s),

    where a player's effort eᵢ is the greater one if it defects (action 0) and the smaller one if it cooperates (action
    1). Rewards are N times what is harvested, so that they do not shrink with N. The stock starts at 1.

    Under constant efforts it tends to s* = (1 − c / (g (1 − c))) / (1 − c), or to 0 if c ≥ g / (1 + g). With the
    defaults, g = 1 and efforts of 1/2 and 1/3, the stock stays at 3/4 and pays 1/4 a step if all cooperate, the most
    that can be had for long; if all defect it dies out. Who takes more is paid more than the others
    at every step, and loses less by it the more players there are. Two players gain by it only for a while.

    **Attributes:**

    - `num_players`: N ≥ 2.
    - `efforts`: of who defects and of who cooperates.
    - `growth_rate`: g; above 1 the stock may swing.

    **Raises:** `ValueError` for fewer than two players, efforts that are not 1 ≥ greater > smaller ≥ 0, and rates
    outside of (0, 3].
    """

    num_players: int = eqx.field(static=True, default=2)
    efforts: tuple[float, float] = eqx.field(static=True, default=(1 / 2, 1 / 3))
    growth_rate: ScalarLike = 1.0

    def __check_init__(self):
        check(self.num_players >= 2, "num_players", self.num_players, "at least 2")
        greater, smaller = self.efforts
        check(1 >= greater > smaller >= 0, "efforts", self.efforts, "two, the greater first, between 0 and 1")
        if (rate := known(self.growth_rate)) is not None:
            check(0 < rate <= 3, "growth_rate", self.growth_rate, "above 0 and at most 3")

    @property
    def num_actions(self) -> tuple[int, ...]:
        """Two: take much, take little."""
        return (2,) * self.num_players

    def reset(self, key: Key[Array, ""]) -> CommonsState:
        """A full stock; the key is not used."""
        del key
        return CommonsState(jnp.ones(()), jnp.full(self.num_players, -1, jnp.int32))

    def step(
        self, key: Key[Array, ""], state: CommonsState, actions: Int[Array, " N"]
    ) -> tuple[CommonsState, Float[Array, " N"]]:
        """Harvests, and grows what is left: the next state, and all rewards.

        **Arguments:** the `state` before; all players' `actions`, `[N]`. The `key` is not used.
        """
        del key
        efforts = jnp.where(actions == 0, *map(jnp.asarray, self.efforts))
        left = (1 - efforts.mean()) * state.stock
        stock = left + self.growth_rate * left * (1 - left)
        return CommonsState(stock, actions.astype(jnp.int32)), efforts * state.stock

    def observe(self, state: CommonsState, player: int) -> Float[Array, " D"]:
        """The stock, and who defected and who cooperated at the last step, I first: `[1 + 2N]`."""
        actions = jnp.roll(state.actions, -player)
        took = jnp.stack([actions == 0, actions == 1]).astype(state.stock.dtype)
        return jnp.concatenate([state.stock[None], took.reshape(-1)])
