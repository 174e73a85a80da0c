"""Advantage Alignment: shapes opponents by advantages alone (Duque et al., ICLR 2025)."""

from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, ScalarLike

from lookax.concrete import known
from lookax.errors import check_at_least, check_positive
from lookax.learners.policy_gradients.experience import Experience
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient
from lookax.learners.policy_gradients.ppo import clipped_surrogate, standardised
from lookax.surrogates.alignment import aligned_advantages


class AdvantageAlignment(PolicyGradient):
    """A policy gradient with aligned advantages in place of advantages.

        A*ₜ = Aᵢ(t) + βγ Σ_{k < t} γ^{t−k} Aᵢ(k) · Σⱼ Aⱼ(t),    Lₜ = min(ρₜA*ₜ, clip(ρₜ, 1 − ε, 1 + ε)A*ₜ),

    or ρₜA*ₜ without ε, with ρ = π_θ/π_old. The sum is over all others. In games with others who do not learn, β = 0.

    **Attributes:** as of [`PolicyGradient`][lookax.learners.policy_gradients.policy_gradient.PolicyGradient], and

    - `weight`: β.
    - `clip`: ε; `None` for none.
    - `normalised`: all advantages are divided by the standard deviation of mine, which are centred too.
    """

    shapes_others: ClassVar[bool] = True

    weight: ScalarLike = 1.0
    clip: ScalarLike | None = None
    normalised: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.clip is not None and (clip := known(self.clip)) is not None:
            check_positive("clip", clip)
        if (weight := known(self.weight)) is not None:
            check_at_least("weight", weight, 0)

    def objective(self, log_probs: Float[Array, "T B"], experience: Experience) -> Float[Array, "T B"]:
        """The clipped surrogate of aligned advantages.

        **Arguments:** `log_probs`, `[T, B′]`; the `experience`.
        """
        advantages = experience.advantages(self.discount, self.gae_lambda)
        mine, others = advantages[:, 0], advantages[:, 1:]
        if self.normalised:
            mine, deviation = standardised(mine, experience.weights)
            others = others / deviation

        def aligned(mine: Float[Array, " T"], others: Float[Array, "T J"]) -> Float[Array, " T"]:
            return aligned_advantages(mine, others, self.discount, self.weight)

        aligned_of_all = jax.vmap(aligned, (1, 2), 1)(mine, experience.others_learn * others)
        return clipped_surrogate(log_probs, experience.log_probs[:, 0], aligned_of_all, self.clip)
