"""Actor-critics on Atari and MinAtar games: with numbers that are fixed (A2C), or tuned while they learn (MGRL)."""

import dataclasses
from typing import ClassVar

from lookax.choices import AdjointName, Console, PolicySurrogate
from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.settings.seeds import check_seeds


@dataclasses.dataclass(frozen=True)
class ActorCriticLearning:
    """An actor-critic that plays many games at once, a few steps between updates."""

    console: Console = "atari"
    """Where the game comes from: the Arcade Learning Environment or Gymnasium, on the host; MinAtar or gymnax."""
    game: str = "qbert"
    """Its name: pong (Atari); asterix, breakout, freeway, seaquest, space-invaders (MinAtar); NAME(setting=value)."""
    sticky_actions: bool = False
    """Atari: the last action is repeated with probability 0.25, whatever is done."""
    max_frames: int | None = None
    """Atari: how many frames a game may last; None: as published, 400 000, of space_invaders 300 000."""
    batch_size: int = 64
    """How many games are played at once."""
    steps: int = 5
    """How many steps T they go on for between updates."""

    meta: bool = True
    """Tune discount, λ and coefficients by meta-gradients (MGRL); without, they stay as they are (A2C)."""
    inner_steps: int = 3
    """MGRL: how many updates K a window has; one more rollout gives the outer objective. One window is an update."""
    surrogate: PolicySurrogate = "score-function"
    """MGRL: what updates are differentiated as; lvc has the better Hessian."""
    critic_discount_constant: bool = True
    """MGRL: the critic's discount input is constant to derivatives, as published."""
    meta_learning_rate: float = 0.001
    """MGRL: step size of the meta-parameters' optimiser, Adam on their logits."""
    outer_discount: float = 0.99
    """MGRL: discount of the outer objective."""
    outer_gae_lambda: float = 0.95
    """MGRL: λ of the outer objective."""
    outer_value_coefficient: float = 0.0
    """MGRL: weight of the critic's error in the outer objective."""
    outer_entropy_coefficient: float = 0.0
    """MGRL: weight of the entropy in the outer objective."""
    outer_kl_coefficient: float = 0.0
    """MGRL: weight of the KL divergence from the window's first policy in the outer objective."""
    bootstrap_step_size: float | None = None
    """MGRL: match a target so far up the outer gradient (BMG); None: maximise the outer objective itself."""
    adjoint: AdjointName = "forward-over-reverse"
    """MGRL: how updates are differentiated."""

    discount: float = 0.99
    """Discount factor γ per step; with MGRL the first one."""
    gae_lambda: float = 0.95
    """λ of generalised advantages; with MGRL the first one."""
    value_coefficient: float = 0.5
    """Weight of the critic's squared error; with MGRL the first one."""
    entropy_coefficient: float = 0.01
    """Weight of the policy's entropy; with MGRL the first one."""
    learning_rate: float = 0.0007
    """First step size of Adam."""
    linear_decay: bool = True
    """It falls linearly to zero at the last update."""
    max_gradient_norm: float | None = 0.5
    """Gradients are clipped to this norm; None not to."""

    metrics: tuple[str, ...] = ()
    """Metrics of one's own: package.module:function of study, key and state, each of which gives arrays by name."""
    total_updates: int = 41_666
    """How many updates to learn for: of A2C, or windows of MGRL."""
    seeds: int = 1
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    study: ClassVar[str] = "lookax.experiments.studies.actor_critics:ActorCriticStudy"

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        for name in ("batch_size", "steps", "inner_steps", "total_updates"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "meta_learning_rate"):
            check_positive(name, getattr(self, name))
        for name in ("discount", "gae_lambda", "value_coefficient", "entropy_coefficient"):
            value = getattr(self, name)
            if self.meta:
                check(0 < value < 1, name, value, "between 0 and 1, exclusive, to be tuned")
        for name in ("discount", "gae_lambda", "outer_discount", "outer_gae_lambda"):
            check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "between 0 and 1")
        for name in ("value_coefficient", "entropy_coefficient", "outer_value_coefficient",
                     "outer_entropy_coefficient", "outer_kl_coefficient"):  # fmt: skip
            check_at_least(name, getattr(self, name), 0)
        for name in ("max_gradient_norm", "bootstrap_step_size"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        check_seeds(self.seeds, self.first_seed)

    def frames_per_update(self) -> int:
        """How many frames of games an update takes."""
        rollouts = self.inner_steps if self.meta else 1
        return rollouts * self.steps * self.batch_size * (4 if self.console == "atari" else 1)
