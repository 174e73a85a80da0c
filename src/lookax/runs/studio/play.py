"""A game of a person with the agents of a run, in every other seat one."""

from concurrent.futures import Executor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from lookax.errors import BadInputError, check
from lookax.games.coin_game import CoinGame
from lookax.games.game import Seen
from lookax.games.matrix_game import MatrixGame, own_view
from lookax.games.rendering import cells_of
from lookax.policies.actor import actor_of
from lookax.policies.network import Network
from lookax.policies.published.words import action_names
from lookax.runs.studio.agents import Agents
from lookax.runs.studio.mind import Mind

SHOWN = 100
"""How many of the last steps of a matrix game are sent."""


class PersonsGame:
    """One game that a person plays.

    **Arguments:** the `agents` in the other seats; the person's `seat`, from 0; the `key` of what is drawn; the
    `worker` that computes lookaheads.

    **Raises:** `ValueError` for a seat that there is not.
    """

    def __init__(self, agents: Agents, seat: int, key: Key[Array, ""], worker: Executor):
        with agents.precision():
            game = agents.game
            check(0 <= seat < game.num_players, "seat", seat, f"one of 0 … {game.num_players - 1}")
            others = [player for player in range(game.num_players) if player != seat]
            self.agents, self.game, self.seat, self._key = agents, game, seat, key
            self.minds = {i: Mind(game, agents.policies[i], i, agents.critic(i)) for i in others}
            self._expected = {i: _Expected(i, self) for i in others}
            self._ahead = {i: agents.ahead(i, worker) for i in others}
            self.actions: list[list[int]] = []
            self.totals = np.zeros(game.num_players)
            self.rewards = np.zeros(game.num_players)
            reset_key, self._key = jax.random.split(key)
            state = _reset(game, reset_key)
            paid = jax.eval_shape(game.step, key, state, jnp.zeros(game.num_players, int))[1]
            nothing = jnp.zeros((game.num_players, 1), paid.dtype)
            self.seen = [_seen(state, jnp.full((game.num_players, 1), -1), nothing)]
            self._look()

    @property
    def over(self) -> bool:
        """Whether all steps have been played."""
        return len(self.actions) >= self.agents.horizon

    def move(self, action: int) -> None:
        """Plays a step, in which the person takes an action and the agents take theirs.

        **Raises:** `ValueError` for an action that there is not, and when the game is over.
        """
        number = self.game.num_actions[self.seat]
        check(0 <= action < number, "action", action, f"one of 0 … {number - 1}")
        if self.over:
            raise BadInputError(f"the game is over, after {len(self.actions)} steps; begin another one")
        with self.agents.precision():
            key = jax.random.fold_in(self._key, len(self.actions))
            logits = {i: mind.logits for i, mind in self.minds.items()}
            drawn = {i: int(_drawn(jax.random.fold_in(key, i), own)) for i, own in logits.items()}
            actions = [action if i == self.seat else drawn[i] for i in range(self.game.num_players)]
            state, rewards = _step(self.game, jax.random.fold_in(key, self.seat), self._state, jnp.asarray(actions))
            self.actions.append(actions)
            self.rewards = np.asarray(rewards, float)
            self.totals += self.rewards
            self.seen.append(_seen(state, jnp.asarray(actions)[:, None], rewards[:, None]))
            self._look()

    def view(self) -> dict[str, Any]:
        """All that the page shows, as JSON can hold it."""
        with self.agents.precision():
            return {
                "step": len(self.actions),
                "horizon": self.agents.horizon,
                "over": self.over,
                "seat": self.seat,
                "totals": self.totals.round(6).tolist(),
                "rewards": self.rewards.round(6).tolist(),
                "actions": action_names(self.game, self.seat),
                "last": self.actions[-1] if self.actions else None,
                **self._board(),
                "agents": [
                    {
                        "seat": i,
                        **mind.thoughts(),
                        "expected": self._expected[i].told(),
                        "names": action_names(self.game, i),
                    }
                    for i, mind in self.minds.items()
                ],
            }

    @property
    def _state(self) -> PyTree:
        return jax.tree.map(lambda leaf: leaf[..., 0], self.seen[-1].state)

    def _look(self) -> None:
        for mind in self.minds.values():
            mind.see(self.seen[-1])

    def _board(self) -> dict[str, Any]:
        if isinstance(self.game, CoinGame):
            players, coins = cells_of(self.game, jax.tree.map(lambda leaf: leaf[None], self._state))
            size = self.game.grid_size
            return {"kind": "coin", "size": size, "players": players[0].tolist(), "coins": coins[0].tolist()}
        two = self.game.num_players == 2
        payoffs = np.asarray(self.game.payoffs, float).round(6).tolist() if two else None
        return {"kind": "matrix", "history": self.actions[-SHOWN:], "payoffs": payoffs}


class _Expected:
    """How an agent expects the person to play: now, and once it has learned as the agent's lookahead says."""

    def __init__(self, agent: int, game: PersonsGame):
        self._agent, self._game = agent, game
        self._minds: tuple[Mind, Mind] | None = None
        self._read = 0

    def told(self) -> dict[str, Any]:
        """As JSON can hold it: whether it is known, and why not."""
        game, ahead = self._game, self._game._ahead[self._agent]
        if not ahead.done():
            return {"status": "computing"}
        if (mistake := ahead.exception()) is not None:
            known = isinstance(mistake, BadInputError)
            return {"status": "none", "why": str(mistake) if known else f"it failed ({type(mistake).__name__})"}
        seat = game.seat
        if self._minds is None:
            now, after = (Mind(game.game, policies[seat], seat) for policies in ahead.result())
            self._minds = now, after
        for seen in game.seen[self._read :]:
            for mind in self._minds:
                mind.see(seen)
        self._read = len(game.seen)
        now, after = (mind.probabilities for mind in self._minds)
        return {"status": "known", "now": now, "after": after, "states": self._states()}

    def _states(self) -> dict[str, Any] | None:
        """P(cooperate | state) in every state, as the person sees it, of policies that know no more than that."""
        game, seat = self._game.game, self._game.seat
        pair = tuple(policies[seat] for policies in self._game._ahead[self._agent].result())
        if not isinstance(game, MatrixGame) or game.num_actions[seat] != 2 or isinstance(pair[0], Network):
            return None
        order = np.argsort(own_view(game, seat))
        now, after = (np.asarray(_cooperation(game, policy, seat))[order].round(4).tolist() for policy in pair)
        return {"names": game.state_names, "now": now, "after": after}


def _seen(state: PyTree, actions: Int[Array, "N 1"], rewards: Array) -> Seen:
    return Seen(jax.tree.map(lambda leaf: jnp.asarray(leaf)[..., None], state), actions, rewards)


@eqx.filter_jit
def _cooperation(game: MatrixGame, policy: Any, seat: int) -> Float[Array, " S"]:
    actor, everywhere = actor_of(game, policy, seat), jnp.arange(game.num_states)
    shape = game.num_players, game.num_states
    hidden_state = actor.recurrence.initial_hidden_state(game.num_states)
    seen = Seen(everywhere, jnp.zeros(shape, int), jnp.zeros(shape))
    return jax.nn.softmax(actor.act(actor.recurrence.update_hidden_state(hidden_state, seen)), axis=0)[1]


@eqx.filter_jit
def _reset(game: Any, key: Key[Array, ""]) -> PyTree:
    return game.reset(key)


@eqx.filter_jit
def _step(game: Any, key: Key[Array, ""], state: PyTree, actions: Int[Array, " N"]) -> tuple[PyTree, Array]:
    return game.step(key, state, actions)


@eqx.filter_jit
def _drawn(key: Key[Array, ""], logits: Array) -> Int[Array, ""]:
    return jax.random.categorical(key, logits)
