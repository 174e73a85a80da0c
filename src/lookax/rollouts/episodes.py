"""Whole episodes of games that one agent plays: what they returned, however they lie in rollouts."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

RECENT = 100
"""Episodes that a running score is the mean of."""


class Finished(eqx.Module):
    """Episodes that ended within a rollout: their returns, as the game counts them, where there are any.

    **Attributes:** `returns`, `[T, B]`; `ended`, `[T, B]`.
    """

    returns: Float[Array, "T B"]
    ended: Bool[Array, "T B"]


class Episodes(eqx.Module):
    """Episodes that have ended.

    **Attributes:**

    - `count`: how many.
    - `recent`: returns of the latest ones, in a circular buffer.
    - `ended`, `returns`: how many have ended since the latest update, and the sum of their returns.
    """

    count: Int[Array, ""]
    recent: Float[Array, " R"]
    ended: Int[Array, ""]
    returns: Float[Array, ""]

    def after_an_update(self) -> "Episodes":
        """The same, with nothing that has ended since an update."""
        return Episodes(self.count, self.recent, jnp.zeros_like(self.ended), jnp.zeros_like(self.returns))

    def with_more(self, finished: Finished) -> "Episodes":
        """These, and what ended in one more rollout."""
        ended, returns = finished.ended.reshape(-1), finished.returns.reshape(-1)
        nth, number = jnp.cumsum(ended), ended.sum()
        # One after the other into the buffer, of more than it holds the latest, so that no two have one index; what has
        # not ended gets an index outside, and is dropped.
        places = jnp.where(ended & (nth > number - RECENT), (self.count + nth - 1) % RECENT, RECENT)
        recent = self.recent.at[places].set(returns, mode="drop")
        return Episodes(self.count + number, recent, self.ended + number, self.returns + (ended * returns).sum())

    def score(self) -> Float[Array, ""]:
        """The mean return of the latest hundred; 0 before any has ended."""
        number = jnp.minimum(self.count, RECENT)
        return (self.recent * (jnp.arange(RECENT) < number)).sum() / jnp.maximum(number, 1)

    def metrics(self) -> dict[str, Array]:
        """The running score; how many episodes ended since the latest update, and the sum of their returns."""
        return {"score": self.score(), "episodes": self.ended, "returns": self.returns}


def no_episodes() -> Episodes:
    """None so far."""
    return Episodes(jnp.array(0), jnp.zeros(RECENT), jnp.array(0), jnp.array(0.0))
