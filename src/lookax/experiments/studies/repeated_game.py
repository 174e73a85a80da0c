"""Settings of a repeated matrix game and of the policies that play it, which all experiments in such games share."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import jax
from jaxtyping import Array, Key

from lookax.errors import check, check_at_least, check_positive
from lookax.evaluation.policies import cooperation_probabilities
from lookax.evaluation.tit_for_tat import is_tit_for_tat
from lookax.experiments.settings import check_seeds, settings
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.games.histories import Start, histories
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.learners.learner import Metrics
from lookax.policies.explicit import read_policies, write_policies
from lookax.policies.factory import PolicyKind, PolicyMaker
from lookax.policies.mlp import Activation, Initialiser

GameName = Literal[
    "contribution", "prisoners-dilemma", "stag-hunt", "chicken", "matching-pennies", "battle-of-the-sexes"
]


@settings
@dataclasses.dataclass(frozen=True, kw_only=True)
class RepeatedGame:
    """A matrix game that is played again and again, and the policies that learn in it."""

    game: GameName = "contribution"
    """What is played at every step."""
    num_players: int = 2
    """How many players; more than 2 in the contribution game only."""
    contribution_factor: float = 1.33
    """What the contribution game multiplies contributions by, before they are shared equally."""
    scaled: bool = False
    """Multiply the contribution factor by the number of players."""
    memory: int = 1
    """How many past steps players remember."""
    start: Start = "separate"
    """What players see at the first step: a state of its own, or as if all had always cooperated or defected."""
    discount: float = 0.96
    """Discount factor γ per step."""
    policy: PolicyKind = "tabular"
    """The kind of policy that players have."""
    standard_deviation: float = 0.1
    """Of a tabular policy's first logits, drawn from a normal distribution."""
    hidden_sizes: tuple[int, ...] = (16,)
    """Sizes of a network's hidden layers."""
    activation: Activation = "tanh"
    """Activation between a network's layers."""
    initialiser: Initialiser = "pytorch"
    """Initialisation of a network's layers."""
    initial_policies: Path | None = None
    """JSON file with all players' first policies, for all seeds; None for random ones; lookax:NAME is one of lookax."""
    total_updates: int = 30
    """How many updates to learn for."""
    seeds: int = 20
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        check_at_least("num_players", self.num_players, 2)
        if self.game != "contribution":
            check(self.num_players == 2, "num_players", self.num_players, f"2 in {self.game}")
        check_positive("contribution_factor", self.contribution_factor)
        check(self.num_players <= 16, "num_players", self.num_players, "at most 16")
        check_at_least("memory", self.memory, 1)
        histories((2,) * self.num_players, self.memory, self.start)
        check(0 <= self.discount <= 1, "discount", self.discount, "between 0 and 1")
        check_at_least("standard_deviation", self.standard_deviation, 0)
        check(all(size >= 1 for size in self.hidden_sizes), "hidden_sizes", self.hidden_sizes, "sizes of at least 1")
        check_at_least("total_updates", self.total_updates, 1)
        check_seeds(self.seeds, self.first_seed)
        if self.initial_policies is not None:
            self.draw_policies(jax.random.key(0))

    def matrix_game(self) -> MatrixGame:
        """The game."""
        if self.game == "contribution":
            payoffs = contribution_payoffs(self.contribution_factor, self.num_players, scaled=self.scaled)
        else:
            payoffs = TWO_PLAYER_GAMES[self.game]
        return MatrixGame(payoffs, self.memory, self.start)

    def policy_maker(self) -> PolicyMaker:
        """What makes policies for it."""
        return PolicyMaker(
            self.matrix_game(),
            self.policy,
            self.standard_deviation,
            self.hidden_sizes,
            self.activation,
            self.initialiser,
        )

    def exact_play(self, horizon: int | None) -> ExactPlay:
        """The game, with its observations and discount."""
        return ExactPlay(self.matrix_game(), self.policy_maker().observations(), self.discount, horizon)

    def draw_policies(self, key: Key[Array, ""]) -> Policies:
        """All players' first policies."""
        if self.initial_policies is not None:
            return read_policies(_located(self.initial_policies), self.policy_maker())
        return self.policy_maker().initial(key)

    def describe(self, state: Any) -> dict[str, Any]:
        """A state's policies, as `initial_policies` takes them."""
        return write_policies(state.policies)


def _located(path: Path) -> Path:
    """Where a file is: of lookax's own, settings hold the name alone, wherever lookax is installed."""
    name = str(path).removeprefix("lookax:")
    return path if name == str(path) else Path(__file__).parents[1] / "figures" / "data" / name


def quantities(play: ExactPlay, policies: Policies) -> Metrics:
    """All players' `returns` `[N]`, `cooperation` P(C | state) `[N, S]` in its own view, and `tit_for_tat`."""
    returns = play.values(policies)
    cooperation = cooperation_probabilities(play, policies)
    return {
        "returns": returns,
        "cooperation": cooperation,
        "tit_for_tat": is_tit_for_tat(play, returns, cooperation),
    }
