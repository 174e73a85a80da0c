"""PPO and A2C for games with others, who are taken for a part of the environment: the naive learner."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.concrete import known
from lookax.errors import check_positive
from lookax.learners.policy_gradients.experience import Experience
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient


def clipped_surrogate(
    log_probs: Float[Array, "*T"], old: Float[Array, "*T"], advantages: Float[Array, "*T"], clip: ScalarLike | None
) -> Float[Array, "*T"]:
    """min(ρA, clip(ρ, 1 − ε, 1 + ε)A) with ρ = π_θ/π_old (Schulman et al. 2017, PPO, eq. 7); ρA without a clip.

    **Arguments:** `log_probs`, log π_θ of what was played; `old`, log π_old of it; `advantages` A; `clip`, ε.
    """
    ratio = jnp.exp(log_probs - old)
    if clip is None:
        return ratio * advantages
    return jnp.minimum(ratio * advantages, jnp.clip(ratio, 1 - clip, 1 + clip) * advantages)


class PPO(PolicyGradient):
    """Lₜ = min(ρₜAₜ, clip(ρₜ, 1 − ε, 1 + ε)Aₜ), or ρₜAₜ without ε: with one epoch A2C (Mnih et al. 2016).

    A is the generalised advantage over the batch's standard deviation, if `normalised`. Others are not shaped.

    **Attributes:** as of [`PolicyGradient`][lookax.learners.policy_gradients.policy_gradient.PolicyGradient], and

    - `clip`: ε; `None` for none.
    - `normalised`: advantages are centred and divided by their standard deviation.
    """

    clip: ScalarLike | None = 0.2
    normalised: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.clip is not None and (clip := known(self.clip)) is not None:
            check_positive("clip", clip)

    def objective(self, log_probs: Float[Array, "T B"], experience: Experience) -> Float[Array, "T B"]:
        """The clipped surrogate.

        **Arguments:** `log_probs`, `[T, B′]`; the `experience`.
        """
        advantages = experience.advantages(self.discount, self.gae_lambda)[:, 0]
        if self.normalised:
            advantages, _ = standardised(advantages, experience.weights)
        return clipped_surrogate(log_probs, experience.log_probs[:, 0], advantages, self.clip)


def standardised(
    advantages: Float[Array, "T B"], weights: Float[Array, " B"]
) -> tuple[Float[Array, "T B"], Float[Array, ""]]:
    """Advantages less their mean, over their standard deviation; and that.

    **Arguments:** `advantages`, `[T, B]`; `weights` of the games, `[B]`.
    """
    centred = advantages - (advantages @ weights).mean()
    deviation = jnp.sqrt((centred**2 @ weights).mean()) + 1e-8
    return centred / deviation, deviation
