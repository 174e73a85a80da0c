"""Surrogates that are right to first order: cheap, of little variance, biased where they are differentiated twice.

Both weigh every step's own action by its advantage and ignore that actions also change where the policy goes. With
d(s, t) = γᵗ Pr_π(sₜ = s), π(a|s) and Qₜ(s, a) the policy's own, what they leave out of the Hessian is given with each.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.surrogates.advantages import discounts
from lookax.surrogates.magic_box import magic_box


def score_function(
    log_probs: Float[Array, " T"], advantages: Float[Array, " T"], discount: ScalarLike
) -> Float[Array, ""]:
    """Σₜ γᵗ Aₜ log π(aₜ|sₜ), REINFORCE's surrogate; what MAML-RL's first implementations differentiated twice.

    Order 1 is unbiased for any baseline. Order 2 is not:

        ∇²J − E ∇²S = Σₜ Σₛ (∇d ∇vᵀ + ∇v ∇dᵀ) + Σₜ γᵗ E[Aₜ ∇log π ∇log πᵀ],

    with d = d(s, t) and ∇v = Σₐ ∇π(a|s) Qₜ(s, a). The last term depends on the baseline in Aₜ. With exact advantages
    and tabular softmax policies E ∇²S is zero, for ∇²log π(a|s) is then the same for all a.

    **Arguments:** `advantages`: returns less a baseline that does not depend on the action; constant to derivatives in
    θ. Source: Williams 1992; Finn et al. 2017; the analysis is that of Liu et al. 2022, section 4.
    """
    return jnp.sum(discounts(discount, log_probs.shape[0]) * advantages * log_probs)


def lvc(log_probs: Float[Array, " T"], advantages: Float[Array, " T"], discount: ScalarLike) -> Float[Array, ""]:
    """Σₜ γᵗ Aₜ (□(log π(aₜ|sₜ)) − 1), the low-variance curvature surrogate.

    Order 1 is unbiased for any baseline, and the score function's trajectory by trajectory. Order 2 lacks what the
    policy's influence on later states adds:

        ∇²J − E ∇²L = Σₜ Σₛ (∇d ∇vᵀ + ∇v ∇dᵀ),

    with d = d(s, t) and ∇v = Σₐ ∇π(a|s) Qₜ(s, a). Whether the baseline is good changes the variance alone.

    **Arguments:** `advantages`: returns less a baseline that does not depend on the action; constant to derivatives in
    θ. Source: Rothfuss et al. 2019 (ProMP), eq. 8.
    """
    # □ − 1 is zero: the surrogate has derivatives only.
    return jnp.sum(discounts(discount, log_probs.shape[0]) * advantages * (magic_box(log_probs) - 1))
