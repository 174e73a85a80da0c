"""Policies for the players of a matrix game: kinds that experiments choose by name, or one's own."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, ScalarLike

from lookax.choices import Activation, Initialiser, PolicyKind
from lookax.errors import BadInputError, check
from lookax.games.game import Policies, Policy
from lookax.games.matrix_game import MatrixGame, action_one_hot, state_one_hot
from lookax.imports import import_named
from lookax.policies.mlp import PreconditionedMLPPolicy, mlp_policy
from lookax.policies.tabular import PreconditionedTabularPolicy, TabularPolicy, normal_logits


def of_arrays(policy: Any) -> Any:
    """A policy of one's own, whose leaves are all arrays, as learners need.

    **Raises:** `ValueError` for one with other leaves, such as the activation of `equinox.nn.MLP`.
    """
    others = [leaf for leaf in jax.tree.leaves(policy) if not eqx.is_array(leaf)]
    if others:
        raise BadInputError(
            f"policy: a {type(policy).__name__} holds {others[0]!r}, which is no array; mark such a field "
            "`eqx.field(static=True)` in a module of your own (`equinox.nn.MLP` does not mark its activation)"
        )
    return policy


@dataclasses.dataclass(frozen=True)
class PolicyMaker:
    """Makes policies of one kind for every player of a game, and the observations that they take.

    **Attributes:**

    - `game`: who they are for.
    - `kind`: a name of [`PolicyKind`][lookax.choices.PolicyKind]; or a function `make(key, num_inputs, num_actions)`
      that gives a policy, which takes remembered actions as networks do; or where there is one,
      `"package.module:function"`.
    - `standard_deviation`: of a table's first entries.
    - `hidden_sizes`, `activation`, `initialiser`: of a network.

    ```python
    game = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    maker = lx.PolicyMaker(game, "mlp", hidden_sizes=(8,))
    first, second = maker.initial(jax.random.key(0))
    logits = first(maker.observations()[0][0])  # of the first player in state 0, [A]
    ```

    **Raises:** `ValueError` for a kind that there is not.
    """

    game: MatrixGame
    kind: PolicyKind | str | Callable[..., Any] = "tabular"
    standard_deviation: ScalarLike = 0.1
    hidden_sizes: Sequence[int] = (16,)
    activation: Activation = "tanh"
    initialiser: Initialiser = "pytorch"

    def __post_init__(self):
        if isinstance(self.kind, str) and ":" not in self.kind:
            rule = f"one of {', '.join(get_args(PolicyKind))}, or package.module:function"
            check(self.kind in get_args(PolicyKind), "policy", self.kind, rule)

    @property
    def is_tabular(self) -> bool:
        """Whether the policies are tables over states."""
        return self.kind in ("tabular", "preconditioned-tabular")

    def observations(self) -> tuple[Float[Array, "S _"], ...]:
        """Per player, what it sees in each state: a one-hot of the state, or of the remembered actions for networks."""
        encode = state_one_hot if self.is_tabular else action_one_hot
        return tuple(jnp.asarray(encode(self.game, player), float) for player in range(self.game.num_players))

    def initial(self, key: Key[Array, ""]) -> Policies:
        """A fresh policy for every player."""
        keys = jax.random.split(key, self.game.num_players)
        return tuple(self._initial(k, player) for player, k in enumerate(keys))

    def _initial(self, key: Key[Array, ""], player: int) -> Policy:
        num_actions = self.game.num_actions[player]
        if self.is_tabular:
            logits = normal_logits(key, self.game.num_states, num_actions, self.standard_deviation)
            return TabularPolicy(logits) if self.kind == "tabular" else PreconditionedTabularPolicy(logits)
        num_inputs = action_one_hot(self.game, player).shape[1]
        if self.kind not in get_args(PolicyKind):
            make = import_named("policy", self.kind) if isinstance(self.kind, str) else self.kind
            return of_arrays(make(key, num_inputs, num_actions))
        network = mlp_policy(key, num_inputs, num_actions, self.hidden_sizes, self.activation, self.initialiser)
        if self.kind == "mlp":
            return network
        categories = [actions + 1 for _ in range(self.game.memory_length) for actions in self.game.num_actions]
        return PreconditionedMLPPolicy(network, tuple(sum(categories[:i]) for i in range(len(categories))))
