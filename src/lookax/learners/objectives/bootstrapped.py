"""Bootstrapped meta-gradients (Flennerhag et al. 2022): another outer objective of MGRL."""

import jax
from jaxtyping import Array, Float, ScalarLike

from lookax.learners.mgrl import OuterObjective
from lookax.rollouts.environments import ActorCritic, Rollout


class BootstrappedObjective(OuterObjective):
    """Bootstrapped meta-gradients (BMG, Flennerhag et al. 2022): J_out is how near a window comes to a target.

        −Ê[KL(⊥π(θ̃) ‖ π(θ_K))],    θ̃ = θ_K + α ∇J(θ_K; τ)

    The target is one step further up J, the objective of `OuterObjective`; its policy is constant to derivatives.

    **Attributes:**

    - those of `OuterObjective`, for J.
    - `step_size`: α.
    """

    step_size: ScalarLike = 0.1

    def objective(self, network: ActorCritic, first: ActorCritic, rollout: Rollout) -> Float[Array, ""]:
        """The negative divergence.

        **Arguments:** the `network` θ_K; the `first` network θ₀; the `rollout` τ of θ_K.
        """
        gradient = jax.grad(super().objective)(network, first, rollout)
        target = jax.tree.map(lambda leaf, up: leaf + self.step_size * up, network, gradient)
        return -self.divergence(jax.lax.stop_gradient(target), network, rollout)
