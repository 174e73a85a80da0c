"""Proximal steps: improve, but stay near where you started, whatever the parameters.

    prox(θ₀) = argmax_θ J(θ) − β D(θ₀, θ)

with a divergence D between the policies of θ₀ and of θ. Its solution does not depend on how policies are parameterised,
while a gradient step does (Zhao et al. 2022, POLA).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx
from jaxtyping import PyTree, ScalarLike

from lookax.lookahead.objectives import Objective, Objectives


class ProximalPoint(eqx.Module):
    """argmax_θ F(θ; φ), differentiable in whatever φ the objective closes over, by the implicit function theorem.

        dθ*/dφ = −(∂²F/∂θ²)⁺ ∂²F/∂θ∂φ

    The inverse is a pseudo-inverse by singular values, because ∂²F/∂θ² is singular whenever different parameters give
    the same policy (a network with more weights than states, say). Directions that change no policy get no tangent,
    which is right for all that depends on θ* through its policy.

    **Attributes:**

    - `tolerance`: of BFGS, absolute and relative, on θ and F. Single precision does not reach a small one: there the
      gradient of F may be left at 1e-3. Work in double precision where the solution's derivative matters.
    - `max_steps`: of BFGS. If it does not converge in as many, the run fails with an error.
    """

    tolerance: ScalarLike = 1e-8
    max_steps: int = eqx.field(static=True, default=1000)

    def maximise(self, objectives: Objectives, params: PyTree) -> PyTree:
        """θ*.

        **Arguments:**

        - `objectives`: F(θ) = J(θ) − β D(θ₀, θ), the proximal term included; or a tuple of Fₘ(θ₁, …, θ_M) for M
          learners, of whom each solves its own problem while the others stay where they start.
        - `params`: where the search starts, usually θ₀. The solution's derivative in its own start is zero.
        """
        if isinstance(objectives, tuple):

            def alone(m: int, objective: Objective) -> PyTree:
                return self.maximise(lambda mine: objective((*params[:m], mine, *params[m + 1 :])), params[m])

            return tuple(alone(m, objective) for m, objective in enumerate(objectives))

        params, fixed = eqx.partition(params, eqx.is_inexact_array)
        # Singular values below √ε of the largest are the noise of a solution that is itself only good to `tolerance`.
        tolerance: Any = self.tolerance  # a traced number will do where BFGS asks for a float
        cutoff = float(jnp.finfo(jnp.result_type(*jax.tree.leaves(params))).eps) ** 0.5
        solution = optx.minimise(
            lambda params, _: -objectives(eqx.combine(params, fixed)),
            optx.BFGS(rtol=tolerance, atol=tolerance),
            jax.lax.stop_gradient(params),
            max_steps=self.max_steps,
            adjoint=optx.ImplicitAdjoint(lx.SVD(rcond=cutoff)),
        )
        return eqx.combine(solution.value, fixed)
