"""Playing policies that are tables over the states of an MDP or of a matrix game."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from lookax.errors import BadInputError, check_at_least
from lookax.games.matrix_game import MatrixGame
from lookax.games.tabular_mdp import TabularMDP, check_log_probs, cumulative, draw
from lookax.rollouts.sharding import sharded
from lookax.rollouts.trajectory import Trajectory


def rollout(
    mdp: TabularMDP,
    log_probs: Float[Array, "_ _"],
    key: Key[Array, ""],
    *,
    horizon: int,
    batch_size: int,
    values: Float[Array, " S"] | None = None,
) -> Trajectory:
    """Plays `batch_size` games of `horizon` steps in an MDP, independently.

    **Arguments:**

    - `log_probs`: log π(a|s) in every state, `[S, A]`.
    - `values`: V(s), `[S]`, to be recorded.

    **Raises:** `ValueError` for a horizon or batch size below 1, or log-probabilities of another shape than the MDP's.
    """
    check_log_probs(mdp, log_probs)
    check_sizes(horizon, batch_size)
    transitions = cumulative(jax.lax.stop_gradient(mdp.transitions))
    uniforms = jax.random.uniform(key, (2 * horizon + 1, batch_size))
    first = draw(cumulative(jax.lax.stop_gradient(mdp.start)), uniforms[0])
    states, actions = _play(
        jnp.exp(jax.lax.stop_gradient(log_probs)),
        first,
        uniforms[1:].reshape(horizon, 2, batch_size),
        lambda states, actions, uniforms: draw(transitions[states, actions], uniforms[1]),
    )
    return Trajectory(
        states,
        actions,
        mdp.rewards[states[:-1], actions],
        log_probs[states[:-1], actions],
        None if values is None else values[states],
    )


def game_rollout(
    game: MatrixGame,
    log_probs: Sequence[Float[Array, "S _"]],
    key: Key[Array, ""],
    *,
    horizon: int,
    batch_size: int,
    values: Float[Array, "N S"] | None = None,
) -> Trajectory:
    """Plays `batch_size` matrix games of `horizon` steps, independently; every player acts by the game's state.

    **Arguments:**

    - `log_probs`: each player's log πᵢ(a|s) in every state, `[S, Aᵢ]`.
    - `values`: each player's Vᵢ(s), `[N, S]`, to be recorded.

    **Raises:** `ValueError` for a horizon or batch size below 1, or log-probabilities of another shape than the game's.
    """
    shapes = tuple((game.num_states, actions) for actions in game.num_actions)
    if (given := tuple(table.shape for table in log_probs)) != shapes:
        raise BadInputError(f"log_probs: shapes {given} are not allowed; they must be (S, Aᵢ), which is {shapes} here")
    check_sizes(horizon, batch_size)
    successors = jnp.asarray(game.histories.successors)
    states, joint = _play(
        jax.lax.stop_gradient(game.joint_action_probabilities(log_probs)),
        jnp.full(batch_size, game.histories.start, successors.dtype),
        jax.random.uniform(key, (horizon, 1, batch_size)),
        lambda states, joint, _: successors[states, joint],
    )
    actions = jnp.stack(jnp.unravel_index(joint, game.num_actions), axis=1)
    return Trajectory(
        states,
        actions,
        jnp.moveaxis(game.payoffs.reshape(game.num_players, -1)[:, joint], 0, 1),
        jnp.stack([look_up(own, states[:-1], actions[:, i]) for i, own in enumerate(log_probs)], axis=1),
        None if values is None else jnp.moveaxis(values[:, states], 0, 1),
    )


def look_up(table: Float[Array, "S A"], states: Int[Array, "*L"], actions: Int[Array, "*L"]) -> Float[Array, "*L"]:
    """The entries of a table at states and actions, which must be in range.

    As `table[states, actions]`, but by one number per entry, which takes half as long where tables are many.
    """
    return table.reshape(-1).at[states * table.shape[1] + actions].get(mode="promise_in_bounds")


def _play(
    policy: Float[Array, "S A"],
    first: Int[Array, " B"],
    uniforms: Float[Array, "T U B"],
    follow: Callable[..., Int[Array, " B"]],
) -> tuple[Int[Array, "_ B"], Int[Array, "T B"]]:
    """States and actions, given π(a|s) and the state that follows.

    One uniform number per draw, inverted through the distribution function: A − 1 fewer than a Gumbel trick takes.
    """
    distribution = cumulative(policy)
    uniforms = sharded(uniforms, 2)

    def step(states, uniforms):
        actions = draw(distribution[states], uniforms[0])
        return follow(states, actions, uniforms), (states, actions)

    last, (states, actions) = jax.lax.scan(step, first, uniforms)
    return jnp.concatenate([states, last[None]]), actions


def check_sizes(horizon: int, batch_size: int) -> None:
    """Raises `ValueError` unless both are at least 1."""
    check_at_least("horizon", horizon, 1)
    check_at_least("batch_size", batch_size, 1)
