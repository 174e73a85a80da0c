"""Recurrent agents that shape each other: POLA-DiCE, LOLA-DiCE and naive learners in games that go on."""

import dataclasses
from typing import ClassVar

from lookax.choices import (
    AdjointName,
    Baseline,
    Initialiser,
    OptimiserName,
    RecurrentUnit,
)
from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.settings.games import PlayedGame
from lookax.experiments.settings.numbers import StaticFloat
from lookax.experiments.settings.seeds import check_seeds

ITSELF = "itself"
SIMPLER = ("naive", "lola-dice")
"""Learners that are this one with fewer steps, and no divergence."""


@dataclasses.dataclass(frozen=True)
class RecurrentShaping(PlayedGame):
    """Recurrent agents that learn from games with each other."""

    outer_steps: int = 200
    """How many steps M an update takes."""
    inner_steps: int = 2
    """How many steps K of the opponents every one of them looks ahead; 0 for a naive learner."""
    learning_rate: float = 0.003
    """Step size of the policies' optimiser."""
    critic_learning_rate: float = 0.0005
    """Step size of the critics' optimiser."""
    optimiser: OptimiserName = "adam"
    """Optimiser of policies and critics, models' too; starts afresh at every update, unless kept."""
    keep_optimisers: bool = False
    """Optimisers go on from one update to the next."""
    linear_decay: bool = False
    """Step sizes of agents' policies and critics fall linearly to zero over all updates; those of models do not."""
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
    """A critic, zero, the mean of other games, or linear in hidden states; none: plain DiCE of rewards."""
    gae_lambda: float = 1.0
    """λ of generalised advantages."""
    dice_decay: float = 1.0
    """How much of the past Loaded DiCE keeps per step in what is differentiated twice; 1 for all, as published."""
    critic_after_loop: bool = False
    """The critic learns after an update's steps, not along with them."""
    tremble_probability: float | None = None
    """With which learners' actions are random ones in the games that are learned from; None for never, as published."""
    defector_fraction: StaticFloat | None = None
    """Part of the games after the opponent's steps that is against a defector; None for none, as published."""
    adjoint: AdjointName = "forward-over-reverse"
    """How the opponent's steps are differentiated."""

    opponent: str = ITSELF
    """Who is in the other seats: itself, naive, lola-dice, a strategy, an agent in FILE.json or FILE.npz:NAME."""
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
    evaluation_horizon: int | None = None
    """Number of steps of those games; None for as many as are learned from."""
    total_updates: int = 100
    """How many updates to learn for."""
    seeds: int = 10
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    study: ClassVar[str] = "lookax.experiments.studies.recurrent_shaping:RecurrentShapingStudy"

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        self.check_game()
        for name in ("learning_rate", "critic_learning_rate", "inner_learning_rate", "inner_critic_learning_rate",
                     "model_learning_rate", "model_critic_learning_rate"):  # fmt: skip
            check_positive(name, getattr(self, name))
        for name in ("outer_steps", "model_batches", "model_steps", "hidden_size", "evaluation_games",
                     "total_updates"):  # fmt: skip
            check_at_least(name, getattr(self, name), 1)
        check_at_least("inner_steps", self.inner_steps, 0)
        if self.evaluation_horizon is not None:
            check_at_least("evaluation_horizon", self.evaluation_horizon, 1)
        for name in ("gae_lambda", "dice_decay"):
            check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "between 0 and 1")
        for name in ("outer_beta", "inner_beta"):
            if (beta := getattr(self, name)) is not None:
                check_at_least(name, beta, 0)
        if self.tremble_probability is not None:
            check(0 < self.tremble_probability < 1, "tremble_probability", self.tremble_probability, "between 0 and 1")
        if self.baseline == "none" or not self.inner_steps:
            rule = "1 without a baseline or inner steps, where it would not be used"
            check(self.dice_decay == 1, "dice_decay", self.dice_decay, rule)
        check(self.num_layers in (0, 1, 2), "num_layers", self.num_layers, "0, 1 or 2")
        check_seeds(self.seeds, self.first_seed)
