"""Repeated matrix games: N players choose at once, a payoff tensor pays, and the last steps are remembered.

What a player sees is one row of features for every state. There are few, so a policy is applied to the table of all of
them at once, and play picks rows from the result.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, Key

from lookax.choices import Start
from lookax.errors import BadInputError
from lookax.games.histories import NOTHING_YET, Histories, histories, remembered_one_hot


def _as_payoffs(values: ArrayLike | Sequence[Any]) -> Array:
    # Of a copy: an array of NumPy that a program in single precision holds stays single in double, too (jax 0.10).
    try:
        payoffs = jnp.asarray(np.array(values) if isinstance(values, np.ndarray) else values)
    except (ValueError, TypeError):
        raise BadInputError(f"payoffs: {values!r} is not allowed; it must be an array, all rows as long") from None
    if not jnp.issubdtype(payoffs.dtype, jnp.floating):
        payoffs = payoffs.astype(float)
    if payoffs.ndim == 2 and payoffs.shape[0] == payoffs.shape[1]:
        return jnp.stack([payoffs, payoffs.T])
    return payoffs


class MatrixGame(eqx.Module):
    """A matrix game, played again and again by players who remember the last `memory_length` joint actions.

    Action 0 is to defect, action 1 to cooperate, where the words fit. Joint actions are numbered in binary order (DD,
    DC, CD, CC for two players), states as in [`lookax.games.histories`][].

    **Attributes:**

    - `payoffs`: `[N, A₁, …, A_N]`, what each player is paid for each joint action. A matrix `[A, A]` is what the row
      player is paid in a symmetric game of two, `[mine, theirs]`.
    - `memory_length`: how many steps are remembered.
    - `start`: what the players see at the first step: a state of its own (`"separate"`), or as if all had always
      cooperated or defected.
    - `own_view`: players observe their own actions first, and then those of the players after them; otherwise the first
      player's first, whoever looks.

    ```python
    game = lx.MatrixGame([[-2, 0], [-3, -1]])  # the prisoner's dilemma
    ```

    **Raises:** `ValueError` if the payoffs' shape is not one axis of N ≥ 2 players followed by N axes of at least two
    actions each, or as [`lookax.games.histories.histories`][] does.
    """

    payoffs: Float[Array, "..."] = eqx.field(converter=_as_payoffs)
    memory_length: int = eqx.field(static=True, default=1)
    start: Start = eqx.field(static=True, default="separate")
    own_view: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        shape = self.payoffs.shape
        if len(shape) < 3 or shape[0] != len(shape) - 1 or min(shape[1:]) < 2:
            raise BadInputError(
                f"payoffs: shape {shape} is not allowed; it must be (N, A₁, …, A_N) for N ≥ 2 players with at least 2 "
                "actions each, or (A, A) for a symmetric game of two"
            )
        _ = self.histories

    @property
    def num_players(self) -> int:
        """N."""
        return self.payoffs.shape[0]

    @property
    def num_actions(self) -> tuple[int, ...]:
        """A₁, …, A_N."""
        return self.payoffs.shape[1:]

    @property
    def num_joint_actions(self) -> int:
        """J = A₁ · … · A_N."""
        return math.prod(self.num_actions)

    @property
    def histories(self) -> Histories:
        """The states, as tables."""
        return histories(self.num_actions, self.memory_length, self.start)

    @property
    def num_states(self) -> int:
        """S."""
        return self.histories.num_states

    @property
    def state_names(self) -> list[str]:
        """The states' names in a player's own view (mine, theirs): DD, DC, CD, CC, start.

        Steps of a longer memory are joined by a dash, the earliest first; actions beyond the second are numbers.
        """
        letters = {NOTHING_YET: "", 0: "D", 1: "C"}

        def name(history: np.ndarray) -> str:
            steps = ["".join(letters.get(int(action), str(action)) for action in step) for step in history]
            return "-".join(step for step in steps if step) or "start"

        return [name(history) for history in self.histories.actions]

    def reset(self, key: Key[Array, ""]) -> Int[Array, ""]:
        """The state in which the game starts. The key is there for games whose start is random."""
        del key
        return jnp.asarray(self.histories.start, jnp.int32)

    def step(
        self, key: Key[Array, ""], state: Int[Array, ""], actions: Int[Array, " N"]
    ) -> tuple[Int[Array, ""], Float[Array, " N"]]:
        """Plays one joint action: the next state and each player's payoff.

        **Arguments:** the number of the `state` before; all players' `actions`, `[N]`. The `key` is not used.
        """
        del key
        joint = jnp.ravel_multi_index(tuple(actions), self.num_actions, mode="clip")
        rewards = self.payoffs.reshape(self.num_players, -1)[:, joint]
        return jnp.asarray(self.histories.successors)[state, joint], rewards

    def observe(self, state: Int[Array, ""], player: int) -> Float[Array, " D"]:
        """The state's row of [`action_one_hot`][lookax.games.matrix_game.action_one_hot], or the same in own view."""
        histories, num_actions = self.histories, self.num_actions
        if self.own_view:
            histories = dataclasses.replace(histories, actions=np.roll(histories.actions, -player, axis=2))
            num_actions = (*num_actions[player:], *num_actions[:player])
        return jnp.asarray(remembered_one_hot(num_actions, histories), float)[state]

    def joint_action_probabilities(self, log_probs: Sequence[Float[Array, "S _"]]) -> Float[Array, "S J"]:
        """π(a|s) = Πᵢ πᵢ(aᵢ|s) for every state and joint action, from each player's own log π `[S, Aᵢ]`."""
        return self._joint([jnp.exp(own) for own in log_probs], jnp.multiply)

    def joint_log_probs(self, log_probs: Sequence[Float[Array, "S _"]]) -> Float[Array, "S J"]:
        """Log π(a|s) = Σᵢ log πᵢ(aᵢ|s) for every state and joint action, from each player's own log π `[S, Aᵢ]`."""
        return self._joint(log_probs, jnp.add)

    def joint_action(self, actions: Int[Array, "... N B"]) -> Int[Array, "... B"]:
        """The number of the joint action of all players' actions."""
        return jnp.ravel_multi_index(tuple(jnp.moveaxis(actions, -2, 0)), self.num_actions, mode="clip")

    def _joint(
        self, tables: Sequence[Float[Array, "S _"]], combine: Callable[[Array, Array], Array]
    ) -> Float[Array, "S J"]:
        joint = tables[0]
        for other in tables[1:]:
            joint = combine(joint[:, :, None], other[:, None, :]).reshape(self.num_states, -1)
        return joint

    def transition_matrix(self, joint: Float[Array, "S J"]) -> Float[Array, "S S"]:
        """P(s'|s) = Σₐ π(a|s) [s' follows s under a], from `joint_action_probabilities`."""
        successor_one_hot = jnp.asarray(np.eye(self.num_states)[self.histories.successors], joint.dtype)
        return jnp.einsum("sj,sjt->st", joint, successor_one_hot)


def own_view(game: MatrixGame, player: int) -> np.ndarray:
    """The number that each state has for `player`, who counts itself first and the others in their order; `[S]`.

    With two players and memory one, the second player sees CD (the first cooperated, it defected) as DC: mine, theirs.
    """
    own_first = [player, *(other for other in range(game.num_players) if other != player)]
    seen = game.histories.actions[:, :, own_first].reshape(game.num_states, -1)
    # The game as this player counts it has its own list of states; look each seen history up there.
    own = histories(tuple(game.num_actions[p] for p in own_first), game.memory_length, game.start)
    number = {tuple(row): i for i, row in enumerate(own.actions.reshape(game.num_states, -1).tolist())}
    return np.array([number[tuple(row)] for row in seen.tolist()])


def state_one_hot(game: MatrixGame, player: int) -> np.ndarray:
    """One-hot of the state's number in the player's [`own_view`][lookax.games.matrix_game.own_view]; `[S, S]`."""
    return np.eye(game.num_states)[own_view(game, player)]


def action_one_hot(game: MatrixGame, player: int) -> np.ndarray:
    """One-hots of every remembered action, one more category standing for "nothing yet"; `[S, memory_length·Σᵢ(Aᵢ+1)]`.

    Oldest step first, and within a step the *first player first whoever looks*, as in POLA's code: two players with the
    same network do not act the same in mirrored states.
    """
    del player
    return remembered_one_hot(game.num_actions, game.histories)
