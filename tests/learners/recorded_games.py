"""Games and networks that another code has recorded, for learners that replay them."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lookax.games.coin_game import OneCoinGame, OneCoinState
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.policies.mlp import Dense
from lookax.policies.network import Network
from lookax.policies.recurrent import GRU, DenseLayers, Encoder
from lookax.rollouts.games import Games, observed_by
from lookax.rollouts.microbatches import Play

DATA = Path(__file__).parents[1] / "data"


def recorded(name) -> dict[str, Any]:
    return json.loads((DATA / f"pola_dice_original_{name}.json").read_text())


def game_of(name):
    return OneCoinGame() if name == "coin" else MatrixGame(contribution_payoffs(1.33, 2))


class Batches(NamedTuple):
    """Batch after batch of games: `states` `[batch, T+1, …, B]`, `actions` and `rewards` `[batch, T, 2, B]`."""

    states: Any
    actions: jax.Array
    rewards: jax.Array


def sequences(game, batches) -> Batches:
    """Recorded games, with their states as lookax has them."""
    actions = jnp.asarray([own["actions"] for own in batches])
    rewards = jnp.asarray([own["rewards"] for own in batches])
    if isinstance(game, OneCoinGame):
        [red, blue, coin, is_red] = (
            jnp.asarray([own["states"][name] for own in batches], jnp.int32)
            for name in ("red", "blue", "coin", "coin_is_red")
        )
        states = OneCoinState(jnp.stack([red, blue], axis=-2), coin, 1 - is_red)
    else:
        first = jnp.full_like(actions[:, :1, 0], game.histories.start)
        states = jnp.concatenate([first, 2 * actions[:, :, 0] + actions[:, :, 1]], axis=1)
    return Batches(states, actions, rewards)


class Asked(dict[bytes, list[np.ndarray]]):
    """What was asked for, told from others by which it is."""

    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]

    def __eq__(self, other):
        return self is other

    def number(self, batches, key, leaves):
        """Which of so many batches comes with a key."""
        self.setdefault(np.asarray(key).tobytes(), [np.asarray(leaf) for leaf in leaves])
        number = list(self).index(np.asarray(key).tobytes())
        assert number < batches, "more batches are asked for than were recorded"
        return np.int32(number)


class RecordedGames(Play):
    """Instead of games that are drawn, batch after batch of recorded ones, in the order in which they are asked for.

    Who asks twice with one key is given the same batch twice.

    **Attributes:**

    - `batches`: those that were recorded.
    - `asked`: of each key that has been used, in order, the arrays that actors were made of, in single precision.
    """

    batches: Batches
    asked: Asked = eqx.field(static=True, default_factory=Asked)

    def __call__(self, actors, key):
        # That actors are told too keeps the compiler from asking before they are what earlier games have made of them.
        leaves = jax.lax.stop_gradient(jax.tree.leaves(tuple(actors)))
        shape = jax.ShapeDtypeStruct((), jnp.int32)
        count = len(self.batches.actions)
        number = jax.pure_callback(self.asked.number, shape, count, jax.random.key_data(key), leaves)
        states, actions, rewards = jax.tree.map(lambda leaf: leaf[number], self.batches)
        games = Games(states, actions, rewards, (), (), jnp.full(self.batch_size, 1 / self.batch_size))
        hidden_states, outputs = zip(*(observed_by(actor, games) for actor in actors), strict=True)
        games = dataclasses.replace(games, hidden_states=hidden_states, outputs=outputs)
        return jax.lax.stop_gradient(jax.tree.map(lambda leaf: leaf[None, None], games))


def replay(game, batches) -> RecordedGames:
    games = sequences(game, batches)
    _, horizon, _, size = games.actions.shape
    return RecordedGames(game=game, horizon=horizon, batch_size=size, batches=games)


def network_of(arrays) -> Network:
    """A network of arrays by flax's names, or its gradient: kernels are `[in, out]`, and gates apart, there."""
    arrays = jax.tree.map(jnp.asarray, arrays, is_leaf=lambda leaf: isinstance(leaf, list))
    cell = arrays["GRUCell"]

    def dense(layer):
        return Dense(layer["kernel"].T, layer["bias"])

    gates = [dense(cell[name]) for name in ("ir", "iz", "in")]
    return Network(
        Encoder(
            DenseLayers(tuple(dense(arrays[name]) for name in ("linear1", "linear2") if name in arrays)),
            Dense(jnp.concatenate([own.weight for own in gates]), jnp.concatenate([own.bias for own in gates])),
        ),
        GRU(jnp.concatenate([cell[name]["kernel"].T for name in ("hr", "hz", "hn")]), cell["hn"]["bias"]),
        dense(arrays["linear_end"]),
    )
