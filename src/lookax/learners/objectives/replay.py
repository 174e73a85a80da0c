"""What was played before, kept for use off-policy."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from lookax.errors import BadInputError
from lookax.rollouts.trajectory import Trajectory


class ReplayBuffer(eqx.Module):
    """The last B games, of a fixed number: a pytree that works under `jax.jit`, `jax.vmap` and in checkpoints.

    **Attributes:**

    - `games`: a trajectory of B games.
    - `oldest`: the index of the one that is replaced next.
    """

    games: Trajectory
    oldest: Int[Array, ""]

    @property
    def size(self) -> int:
        """B."""
        return self.games.num_games

    def add(self, games: Trajectory) -> "ReplayBuffer":
        """The buffer with these games in the place of as many of its oldest.

        **Raises:** `ValueError` if the buffer's size is not a multiple of their number (so that none is ever cut), or
        if they are of another form (horizon, players, with or without values) than those that it holds.
        """
        number = games.num_games
        if number < 1 or self.size % number:
            complaint = f"games: {number} cannot be added to a replay buffer of {self.size}"
            raise BadInputError(f"{complaint}; its size must be a multiple of their number")
        if _form(games) != _form(self.games):
            raise BadInputError("games: they must have the horizon, players and fields of those in the replay buffer")
        kept = jax.tree.map(
            lambda old, new: jax.lax.dynamic_update_slice_in_dim(old, new, self.oldest, axis=-1), self.games, games
        )
        return ReplayBuffer(kept, (self.oldest + number) % self.size)


def replay_buffer(games: Trajectory) -> ReplayBuffer:
    """A buffer as large as the number of these games, full of them.

    **Raises:** `ValueError` for none.
    """
    if games.num_games < 1:
        raise BadInputError("games: there are none; a replay buffer must start full, with at least one")
    return ReplayBuffer(games, jnp.array(0))


def _form(games: Trajectory):
    return jax.tree.structure(games), [leaf.shape[:-1] for leaf in jax.tree.leaves(games)]
