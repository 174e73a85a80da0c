"""DiCE and its variants: surrogates that are right to every order of derivative."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from lookax.surrogates.advantages import discounts, running_sums
from lookax.surrogates.magic_box import magic_box


def dice(log_probs: Float[Array, " T"], rewards: Float[Array, " T"], discount: ScalarLike) -> Float[Array, ""]:
    """Σₜ γᵗ rₜ □(Σ_{k ≤ t} log π(a_k|s_k)). Its value is the return (Foerster et al. 2018, DiCE, eq. 4).

    Every order is unbiased: in expectation this is importance sampling from π itself, so ∇ⁿE_μ[Π π/μ · r] = ∇ⁿE_π[r].

    **Arguments:** `log_probs`, log π(aₜ|sₜ), `[T]`; `rewards`, `[T]`; the `discount` γ.
    """
    return jnp.sum(discounts(discount, log_probs.shape[0]) * rewards * magic_box(running_sums(log_probs)))


def dice_with_baseline(
    log_probs: Float[Array, " T"], rewards: Float[Array, " T"], values: Float[Array, " T"], discount: ScalarLike
) -> Float[Array, ""]:
    """DiCE + Σₜ γᵗ b(sₜ) (1 − □(log π(aₜ|sₜ))) (Foerster et al. 2018, DiCE, eq. 6).

    Every order is unbiased for any baseline: E[□(log π(aₜ|sₜ))|sₜ] = Σₐ π(a|sₜ) = 1 has no derivatives. The baseline
    lowers the variance of order 1; for higher orders [`loaded_dice`][lookax.surrogates.dice.loaded_dice] is better.

    **Arguments:** `values`: b(s₀) … b(s_{T−1}), `[T]`, constant to derivatives in θ.
    """
    weights = discounts(discount, log_probs.shape[0])
    return dice(log_probs, rewards, discount) + jnp.sum(weights * values * (1 - magic_box(log_probs)))


def loaded_dice(
    log_probs: Float[Array, " T"],
    advantages: Float[Array, " T"],
    discount: ScalarLike,
    decay: ScalarLike = 1.0,
) -> Float[Array, ""]:
    """Σₜ γᵗ Aₜ (□(wₜ) − □(vₜ)), with wₜ = λ wₜ₋₁ + log π(aₜ|sₜ) and vₜ = λ wₜ₋₁ (Farquhar et al. 2019, Loaded DiCE).

    With λ = 1 every order is unbiased for any baseline in Aₜ, because

        J(θ) − J(μ) = Σₜ γᵗ E_{a₀ … aₜ₋₁ ~ π_θ} [Σₐ (π_θ(a|sₜ) − μ(a|sₜ)) Qₜ^μ(sₜ, a)]

    for any two policies (the performance difference lemma), and baselines drop out of the inner sum. With λ < 1 order 1
    stays unbiased; higher orders forget the past at that rate, which trades bias for variance. λ = 0 is
    [`lvc`][lookax.surrogates.on_policy.lvc].

    **Arguments:**

    - `advantages`: returns less a baseline that does not depend on the action; constant to derivatives in θ.
    - `decay`: λ (τ in some papers), how much of past causal dependencies is kept per step.
    """

    def step(past, log_prob):
        before = decay * past
        return before + log_prob, (before + log_prob, before)

    _, (with_now, before) = jax.lax.scan(step, jnp.zeros_like(log_probs[0]), log_probs)
    weights = discounts(discount, log_probs.shape[0])
    return jnp.sum(weights * advantages * (magic_box(with_now) - magic_box(before)))
