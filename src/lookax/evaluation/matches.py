"""How agents fare: against each other, against fixed strategies, and in which coins they pick up."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from lookax.errors import check
from lookax.games.coin_game import CoinGame
from lookax.games.game import Game
from lookax.policies.actor import Actor, MixedActors, actor_of, actors_of
from lookax.policies.strategies import strategy
from lookax.rollouts.games import Games, actor_rollout


def match(game: Game, players: Sequence[Any], key: Key[Array, ""], horizon: int, batch_size: int) -> Games:
    """Plays B games at once with these policies.

    **Arguments:**

    - `game`: what is played.
    - `players`: one per player: a network, a table, a fixed strategy or its name, or a function of an observation.
    - `key`: where all draws come from.
    - `horizon`: T, the number of steps of a game.
    - `batch_size`: B, how many games.

    ```python
    games = lx.match(game, [policy, "tit-for-tat"], jax.random.key(0), horizon=20, batch_size=64)
    print(lx.scores(games))
    ```

    **Raises:** `ValueError` for another number of players than the game has, for a strategy that it does not have, and
    for a policy that has not as many outputs as its player has actions.
    """
    check(len(players) == game.num_players, "players", len(players), f"{game.num_players}, as many as the game has")
    seated = [strategy(own, game, i) if isinstance(own, str) else own for i, own in enumerate(players)]
    return actor_rollout(game, actors_of(game, seated), key, horizon=horizon, batch_size=batch_size)


def scores(games: Games) -> Float[Array, " N"]:
    """All players' mean reward per step, not discounted.

    ```python
    game = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    games = lx.match(game, ["tit-for-tat", "random"], jax.random.key(0), horizon=20, batch_size=64)
    print(lx.scores(games))  # one per player
    ```
    """
    return games.rewards.mean(axis=0) @ games.weights


def scores_against(
    names: Sequence[str], game: Game, players: Sequence[Any], key: Key[Array, ""], horizon: int, batch_size: int
) -> Float[Array, "names N"]:
    """Each player's score from its own seat, against each of these fixed strategies in all other ones.

    **Arguments:** `batch_size`: how many games are played against each.
    """
    if not names:
        return jnp.zeros((0, game.num_players))
    by_player = []
    for player, policy in enumerate(players):
        actors: list[Actor] = [_one_after_the_other(game, names, seat) for seat in range(game.num_players)]
        actors[player] = actor_of(game, policy, player)
        own_key = jax.random.fold_in(key, player)
        games = actor_rollout(game, actors, own_key, horizon=horizon, batch_size=batch_size * len(names))
        by_player.append(games.rewards[:, player].mean(axis=0).reshape(len(names), batch_size).mean(axis=1))
    return jnp.stack(by_player, axis=1)


def _one_after_the_other(game: Game, names: Sequence[str], player: int) -> MixedActors:
    """Strategies in as many parts of the games."""
    actors = tuple(actor_of(game, strategy(name, game, player), player) for name in names)
    return MixedActors(actors, (1 / len(names),) * len(names))


def coins(game: CoinGame, games: Games) -> Float[Array, "picker colour"]:
    """How many coins of each colour each player picks up in a game, mean over games."""
    before = jax.tree.map(lambda leaf: leaf[:-1], games.states)
    picked = jax.vmap(jax.vmap(game.picked, -1, -1))(before, games.actions)
    return picked.astype(games.weights.dtype).sum(axis=0) @ games.weights


def own_coin_share(coins: Float[Array, "picker colour"]) -> Float[Array, ""]:
    """The share of coins that were of their picker's colour; 1/2 where none was picked up."""
    total = coins.sum()
    return jnp.where(total > 0, jnp.trace(coins) / jnp.where(total > 0, total, 1), 0.5)
