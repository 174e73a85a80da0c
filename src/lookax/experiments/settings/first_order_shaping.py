"""Agents that shape each other by policy gradients alone: LOQA, Advantage Alignment, and PPO, which does not."""

import dataclasses
from typing import ClassVar, get_args

from lookax.choices import CoinView, FirstOrderLearner, Initialiser, RecurrentUnit
from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.settings.games import PlayedGame
from lookax.experiments.settings.numbers import StaticFloat
from lookax.experiments.settings.seeds import check_seeds


@dataclasses.dataclass(frozen=True)
class FirstOrderShaping(PlayedGame):
    """Agents that learn by policy gradients from games with each other."""

    view: CoinView | None = "own"
    """What players see; with one network in all seats their own side, or egocentric in coin games."""

    learner: FirstOrderLearner = "loqa"
    """What takes others' learning into account: loqa, advantage-alignment, or ppo, which does not."""
    weight: float = 0.6
    """Weight β of what shapes others."""
    decay: float = 0.9
    """LOQA: λ of the opponent's return; what I do counts for its later rewards by λ to the power of steps."""
    temperature: float = 1.0
    """LOQA: that of the opponent's softmax of its action values."""
    stop_normaliser: bool = False
    """LOQA: the normaliser of the opponent's softmax is a constant to derivatives."""
    present_reward: bool = False
    """LOQA: what I do matters to the opponent's reward at the same step, too."""
    clip: float | None = None
    """Advantage Alignment, PPO: ε of clipped probability ratios; None for none."""
    normalised: bool = False
    """Advantage Alignment, PPO: advantages are divided by their standard deviation over the games at once."""

    self_play: bool = True
    """One network has all seats, and learns from all; otherwise each player's network learns separately."""
    earlier_selves: int = 0
    """How many earlier policies are kept as opponents; 0 for none."""
    earlier_every: int = 10
    """A policy is kept every so many gradient steps."""
    earlier_number: int = 4
    """How many of them play in a batch, with as many games each."""
    earlier_fraction: StaticFloat = 0.5
    """Part of the games, of those that are not against fixed strategies, that is against earlier policies."""
    defector_fraction: StaticFloat | None = None
    """Part of the games that is against a defector; None for none."""
    tit_for_tat_fraction: StaticFloat | None = None
    """Part of the games that is against tit-for-tat; None for none."""

    steps: int = 100
    """How many gradient steps an update takes, each with games of its own; scores are measured after an update."""
    epochs: int = 1
    """How many steps are taken with the same games."""
    learning_rate: float = 0.01
    """Step size of Adam, of policies and critics."""
    linear_decay: bool = True
    """The step size falls linearly to zero over all updates; resumed with more, a run takes larger steps again."""
    max_gradient_norm: float = 10.0
    """Longer gradients are shortened to this."""
    gae_lambda: float = 0.9
    """λ of generalised advantages."""
    critic_lambda: float = 0.95
    """λ of the returns that critics learn."""
    entropy_coefficient: float = 0.06
    """Weight of the policy's entropy."""
    value_coefficient: float = 0.02
    """Weight of the critic's squared error."""
    value_scale: StaticFloat = 10.0
    """Critics put out this many times what their last layer does; about the size of returns."""

    recurrent_unit: RecurrentUnit = "gru"
    """What carries their hidden state from step to step; none for agents that see the last step alone."""
    hidden_size: int = 32
    """Size of their dense layers and hidden states."""
    num_layers: int = 1
    """How many dense layers come before the recurrent unit."""
    shared_encoder: bool = True
    """The critic is a head on the policy's hidden state, instead of a network of its own."""
    initialiser: Initialiser = "lecun"
    """Initialisation of all layers."""

    metrics: tuple[str, ...] = ()
    """Metrics of one's own: package.module:function of study, key and state, each of which gives arrays by name."""
    evaluation_games: int = 500
    """How many games are played for every score."""
    evaluation_horizon: int = 50
    """Number of steps of those games."""
    total_updates: int = 20
    """How many updates to learn for."""
    seeds: int = 8
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    study: ClassVar[str] = "lookax.experiments.studies.first_order_shaping:FirstOrderShapingStudy"

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        self.check_game()
        rule = f"one of {', '.join(get_args(FirstOrderLearner))}"
        check(self.learner in get_args(FirstOrderLearner), "learner", self.learner, rule)
        for name in ("temperature", "learning_rate", "max_gradient_norm", "value_scale"):
            check_positive(name, getattr(self, name))
        for name in ("weight", "entropy_coefficient", "value_coefficient", "earlier_selves"):
            check_at_least(name, getattr(self, name), 0)
        for name in ("steps", "epochs", "hidden_size", "earlier_every", "earlier_number", "evaluation_games",
                     "evaluation_horizon", "total_updates"):  # fmt: skip
            check_at_least(name, getattr(self, name), 1)
        for name in ("decay", "gae_lambda", "critic_lambda"):
            check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "between 0 and 1")
        if self.clip is not None:
            check_positive("clip", self.clip)
        for name in ("earlier_fraction", "defector_fraction", "tit_for_tat_fraction"):
            if (part := getattr(self, name)) is not None:
                check(0 < part < 1, name, part, "between 0 and 1")
        check(self.num_layers in (0, 1, 2), "num_layers", self.num_layers, "0, 1 or 2")
        seen_alike = self.view in ("own", "egocentric") or ":" in self.game or self.game == "two-coins"
        both = "own or egocentric" if self.game == "coin" else "own"
        check(not self.self_play or seen_alike, "view", self.view, f"{both} where one network has all seats")
        parts = (self.defector_fraction or 0) + (self.tit_for_tat_fraction or 0)
        check(parts < 1, "defector_fraction", self.defector_fraction, "less than 1 together with tit_for_tat_fraction")
        check_seeds(self.seeds, self.first_seed)
