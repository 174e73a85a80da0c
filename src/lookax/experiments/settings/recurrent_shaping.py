"""Recurrent agents that shape each other: POLA-DiCE, LOLA-DiCE and naive learners in games that go on."""

import dataclasses
import math
from typing import ClassVar, get_args

from lookax.choices import (
    AdjointName,
    Baseline,
    CoinGameName,
    CoinView,
    Initialiser,
    MatrixGameName,
    OptimiserName,
    RecurrentUnit,
    Start,
)
from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.settings.games import Payoffs, check_game_name, check_payoffs
from lookax.experiments.settings.numbers import StaticFloat
from lookax.experiments.settings.seeds import check_seeds

ITSELF = "itself"
SIMPLER = ("naive", "lola-dice")
"""Learners that are this one with fewer steps, and no divergence."""
COIN_VIEWS: dict[str, tuple[CoinView, ...]] = {
    "coin": ("board", "own", "egocentric"),
    "two-coins": ("own", "egocentric"),
}
"""What can be seen of coin games."""


@dataclasses.dataclass(frozen=True)
class RecurrentShaping:
    """Two recurrent agents that learn from games with each other."""

    game: MatrixGameName | CoinGameName | str = "contribution"
    """What is played: a matrix game again and again, a coin game, or package.module:name of a game of one's own."""
    payoffs: Payoffs | None = None
    """Of a matrix game of one's own, instead: written out, or in a JSON or YAML file; None for those of the game."""
    contribution_factor: float = 1.33
    """What the contribution game multiplies contributions by, before they are shared equally."""
    start: Start = "separate"
    """What players of a matrix game see at the first step: a state of its own, or as if all had always cooperated."""
    grid_size: int = 3
    """Side of a coin game's grid."""
    own_coin_reward: float = 1.0
    """For a coin of one's own colour."""
    other_coin_reward: float = 1.0
    """For a coin of the other's colour."""
    other_coin_cost: float = -2.0
    """What the other gets for a coin of its colour."""
    shared_coins: bool = False
    """A coin that both pick up at once counts half for each."""
    view: CoinView | None = None
    """What players of a coin game see; None for what they do in published code: coin the board, two-coins their own."""
    discount: float = 0.96
    """Discount factor γ per step."""
    horizon: int = 50
    """Number of steps T of a game."""
    batch_size: int = 2000
    """How many games are played for every gradient."""
    games_at_once: int | None = None
    """How many of them are worked through at once, a divisor; None for what suits the kind of device."""

    outer_steps: int = 200
    """How many steps M an update takes."""
    inner_steps: int = 2
    """How many steps K of the opponent every one of them looks ahead; 0 for a naive learner."""
    learning_rate: float = 0.003
    """Step size of the policies' optimiser."""
    critic_learning_rate: float = 0.0005
    """Step size of the critics' optimiser."""
    optimiser: OptimiserName = "adam"
    """Optimiser of policies and critics, models' too; starts afresh at every update, unless kept."""
    keep_optimisers: bool = False
    """Optimisers go on from one update to the next."""
    inner_learning_rate: float = 0.005
    """Step size η of the opponent's steps (plain gradient steps)."""
    inner_critic_learning_rate: float = 0.0005
    """Step size of the opponent's critic in them (plain gradient steps)."""
    outer_beta: float | None = 100.0
    """Weight β of the KL divergence from the policy before the update; None for no such term."""
    inner_beta: float | None = 10.0
    """Weight β of the opponent's KL divergence from its policy before its steps; None for no such term."""
    reversed_divergence: bool = False
    """KL of the present policy to the former one, instead of the other way round."""
    baseline: Baseline = "critic"
    """Advantages by a critic, by values of zero, or plain DiCE of rewards without any baseline."""
    gae_lambda: float = 1.0
    """λ of generalised advantages."""
    critic_after_loop: bool = False
    """The critic learns after an update's steps, not along with them."""
    tremble_probability: float | None = None
    """With which learners' actions are random ones in the games that are learned from; None for never, as published."""
    defector_fraction: StaticFloat | None = None
    """Part of the games after the opponent's steps that is against a defector; None for none, as published."""
    adjoint: AdjointName = "forward-over-reverse"
    """How the opponent's steps are differentiated."""

    opponent: str = ITSELF
    """Who is in the second seat: itself, naive, lola-dice, a strategy, an agent in FILE.json or FILE.npz:NAME."""
    opponent_model: bool = False
    """Learn a model of the opponent from games with it, and shape that."""
    model_batches: int = 200
    """How many batches of games an update's models are fitted to."""
    model_steps: int = 1
    """How many steps are taken on each of them."""
    model_learning_rate: float = 0.003
    """Step size of the model's policy."""
    model_critic_learning_rate: float = 0.0005
    """Step size of the model's critic."""

    policy: str | None = None
    """Package.module:function that makes agents' policies; None for networks as follows."""
    recurrent_unit: RecurrentUnit = "gru"
    """What carries their hidden state from step to step; none for agents that see the last step alone."""
    hidden_size: int = 64
    """Size of their dense layers and hidden states."""
    num_layers: int = 1
    """How many dense layers come before the recurrent unit."""
    shared_encoder: bool = False
    """The critic is a head on the policy's hidden state, instead of a network of its own."""
    initialiser: Initialiser = "lecun"
    """Initialisation of all layers."""

    metrics: tuple[str, ...] = ()
    """Metrics of one's own: package.module:function of study, key and state, each of which gives arrays by name."""
    evaluation_games: int = 500
    """How many games are played for every score."""
    total_updates: int = 100
    """How many updates to learn for."""
    seeds: int = 10
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    study: ClassVar[str] = "lookax.experiments.studies.recurrent_shaping:RecurrentShapingStudy"

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        check_game_name(self.game, get_args(CoinGameName))
        if self.payoffs is not None:
            check_payoffs(self.payoffs)
        for name in ("contribution_factor", "learning_rate", "critic_learning_rate", "inner_learning_rate",
                     "inner_critic_learning_rate", "model_learning_rate", "model_critic_learning_rate"):  # fmt: skip
            check_positive(name, getattr(self, name))
        for name in ("horizon", "batch_size", "outer_steps", "model_batches", "model_steps", "hidden_size",
                     "evaluation_games", "total_updates"):  # fmt: skip
            check_at_least(name, getattr(self, name), 1)
        check_at_least("inner_steps", self.inner_steps, 0)
        check(3 <= self.grid_size <= 100, "grid_size", self.grid_size, "between 3 and 100")
        check(0 <= self.discount <= 1, "discount", self.discount, "between 0 and 1")
        check(0 <= self.gae_lambda <= 1, "gae_lambda", self.gae_lambda, "between 0 and 1")
        for name in ("own_coin_reward", "other_coin_reward", "other_coin_cost"):
            check(math.isfinite(getattr(self, name)), name, getattr(self, name), "finite")
        if self.view is not None:
            views = COIN_VIEWS.get(self.game, ()) if self.payoffs is None else ()
            check(self.view in views, "view", self.view, f"one of {', '.join(map(str, (None, *views)))} in this game")
        if self.games_at_once is not None:
            divides = self.games_at_once >= 1 and self.batch_size % self.games_at_once == 0
            rule = f"a divisor of the batch size, {self.batch_size}"
            check(divides, "games_at_once", self.games_at_once, rule)
        for name in ("outer_beta", "inner_beta"):
            if (beta := getattr(self, name)) is not None:
                check_at_least(name, beta, 0)
        if self.tremble_probability is not None:
            check(0 < self.tremble_probability < 1, "tremble_probability", self.tremble_probability, "between 0 and 1")
        check(self.num_layers in (0, 1, 2), "num_layers", self.num_layers, "0, 1 or 2")
        check_seeds(self.seeds, self.first_seed)
