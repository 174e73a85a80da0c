"""Settings of a repeated matrix game and of the policies that play it, which all experiments in such games share."""

import dataclasses
from pathlib import Path
from typing import get_args

from lookax.choices import Activation, Initialiser, MatrixGameName, PolicyKind, Start
from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.settings.games import Payoffs, check_payoffs
from lookax.experiments.settings.seeds import check_seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class RepeatedGame:
    """A matrix game that is played again and again, and the policies that learn in it."""

    game: MatrixGameName = "contribution"
    """What is played at every step."""
    payoffs: Payoffs | None = None
    """Of a game of one's own, instead: written out, or in a JSON or YAML file; None for those of the game above."""
    num_players: int = 2
    """How many players; more than 2 in the contribution game only."""
    contribution_factor: float = 1.33
    """What the contribution game multiplies contributions by, before they are shared equally."""
    scaled: bool = False
    """Multiply the contribution factor by the number of players."""
    memory_length: int = 1
    """How many past steps players remember."""
    start: Start = "separate"
    """What players see at the first step: a state of its own, or as if all had always cooperated or defected."""
    discount: float = 0.96
    """Discount factor γ per step."""
    policy: PolicyKind | str = "tabular"
    """The kind of policy that players have, or package.module:function that makes one's own."""
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
    metrics: tuple[str, ...] = ()
    """Metrics of one's own: package.module:function of study, key and state, each of which gives arrays by name."""
    total_updates: int = 30
    """How many updates to learn for."""
    seeds: int = 20
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        check_at_least("num_players", self.num_players, 2)
        kinds = get_args(PolicyKind)
        rule = f"one of {', '.join(kinds)}, or package.module:function"
        check(self.policy in kinds or ":" in self.policy, "policy", self.policy, rule)
        if self.payoffs is not None:
            check_payoffs(self.payoffs)
        if self.game != "contribution":
            check(self.num_players == 2, "num_players", self.num_players, f"2 in {self.game}")
        check_positive("contribution_factor", self.contribution_factor)
        check(self.num_players <= 16, "num_players", self.num_players, "at most 16")
        check_at_least("memory_length", self.memory_length, 1)
        check(0 <= self.discount <= 1, "discount", self.discount, "between 0 and 1")
        check_at_least("standard_deviation", self.standard_deviation, 0)
        check(all(size >= 1 for size in self.hidden_sizes), "hidden_sizes", self.hidden_sizes, "sizes of at least 1")
        check_at_least("total_updates", self.total_updates, 1)
        check_seeds(self.seeds, self.first_seed)
