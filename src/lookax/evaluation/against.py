"""How agents fare against those that others have published."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from lookax.errors import BadInputError
from lookax.evaluation.matches import match, scores
from lookax.games.game import Game
from lookax.policies.published.agent_files import AgentGroup, read_groups


def read_opponents(path: Path, game: Game) -> dict[str, AgentGroup]:
    """The groups of agents in a file, all of which fit any seat of a game.

    **Raises:** `ValueError`, in one line, for a file that is none, and for agents that do not fit.
    """
    groups = read_groups(path)
    for name, group in groups.items():
        first = jax.tree.map(lambda leaf: leaf[0], group.policy)
        for player in range(game.num_players):
            check_seat(f"{str(path)!r}: {name}", game, first, player)
    return groups


def check_seat(what: str, game: Game, policy: Any, player: int) -> None:
    """Raises `ValueError` for a policy that cannot sit in a seat of a game. Nothing is computed.

    **Arguments:** `what` the policy is, for the message; the `game`; the `policy`; the `player` whose seat it is.
    """
    players: list[Any] = ["random"] * game.num_players
    players[player] = policy
    try:
        jax.eval_shape(lambda key: match(game, players, key, 1, 1), jax.random.key(0))
    except BadInputError as reason:
        raise BadInputError(f"{what}: {reason}") from None


def scores_against_group(
    game: Game, players: Sequence[Any], group: AgentGroup, key: Key[Array, ""], horizon: int, batch_size: int
) -> Float[Array, " N"]:
    """Each player's mean reward per step from its own seat, with agents of a group in all other ones.

    Every game is with one of them, and as many games are with each.

    **Arguments:**

    - `game`: what is played.
    - `players`: the policies, one per player.
    - `group`: the agents that they meet, one after the other.
    - `horizon`: T, the number of steps of a game.
    - `batch_size`: how many games are played with each agent.
    """
    keys = jax.random.split(key, (len(players), len(group.numbers)))

    def score(player: int) -> Float[Array, ""]:
        def one(agent: Any, key: Key[Array, ""]) -> Float[Array, ""]:
            seated = [agent] * game.num_players
            seated[player] = players[player]
            return scores(match(game, seated, key, horizon, batch_size))[player]

        return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(group.policy, keys[player]).mean()

    return jnp.stack([score(player) for player in range(len(players))])
