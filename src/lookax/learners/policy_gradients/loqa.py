"""LOQA, learning with opponent Q-learning awareness (Aghajohari et al., ICLR 2024)."""

import functools
from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, ScalarLike

from lookax.concrete import known
from lookax.errors import check, check_at_least, check_positive
from lookax.learners.policy_gradients.experience import Experience
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient
from lookax.surrogates.alignment import opponent_log_prob


class LOQA(PolicyGradient):
    """A policy gradient that takes opponents for players who follow their action values, which depend on my policy.

        Lₜ = Aᵢ(t) (log π_θ(aₜ) + β Σⱼ log π̂ⱼ(bₜ)),    π̂ⱼ = softmax of Qⱼ(oₜ, ·)/τ,

    where the value of what an opponent has done is its return, differentiable in θ: see
    [`opponent_log_prob`][lookax.surrogates.alignment.opponent_log_prob]. The gradient is that of

        Aᵢ(t) + (β/τ) (Gⱼ(t) − Vⱼ(t)) Σ_{k < t} (γλ)^{t−k} Aᵢ(k) (1 − π̂ⱼ(b_k))

    in place of Aᵢ(t), which is Advantage Alignment with other weights. In games with others who do not learn, β = 0.
    Returns G are bootstrapped where games are cut.

    **Attributes:** as of [`PolicyGradient`][lookax.learners.policy_gradients.policy_gradient.PolicyGradient], and

    - `weight`: β; 1 in the paper.
    - `decay`: λ, by which later steps count less for the opponent's return; 0.9 in its code.
    - `temperature`: τ; 1 in the paper.
    - `stop_normaliser`: the normaliser of π̂ is a constant.
    - `present_reward`: what I do at t matters to the opponent's reward at t, too.

    Critics must put out 1 + A numbers: V, and Q of every action.

    **Raises:** `ValueError` for numbers out of range, and, in the first update, for other critics.
    """

    shapes_others: ClassVar[bool] = True
    needs_action_values: ClassVar[bool] = True

    weight: ScalarLike = 1.0
    decay: ScalarLike = 0.9
    temperature: ScalarLike = 1.0
    stop_normaliser: bool = eqx.field(static=True, default=False)
    present_reward: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check(self.epochs == 1, "epochs", self.epochs, "1, as LOQA learns from games of the present policy")
        if (weight := known(self.weight)) is not None:
            check_at_least("weight", weight, 0)
        if (temperature := known(self.temperature)) is not None:
            check_positive("temperature", temperature)
        if (decay := known(self.decay)) is not None:
            check(0 <= decay <= 1, "decay", decay, "between 0 and 1")

    def objective(self, log_probs: Float[Array, "T B"], experience: Experience) -> Float[Array, "T B"]:
        """My advantages times both log-probabilities.

        **Arguments:** `log_probs`, `[T, B′]`; the `experience`.
        """
        mine = experience.advantages(self.discount, self.gae_lambda)[:, 0]
        values = experience.values[:-1, 1:] / self.temperature
        returns = experience.advantages(self.discount, 1.0)[:, 1:] / self.temperature + values
        action_values = experience.action_values[:, :, 1:] / self.temperature
        actions = jax.nn.one_hot(experience.actions[:, 1:], action_values.shape[1], axis=1, dtype=values.dtype)

        of_opponent = functools.partial(
            opponent_log_prob,
            discount=self.discount,
            decay=self.decay,
            stop_normaliser=self.stop_normaliser,
            present_reward=self.present_reward,
        )
        of_opponents = jax.vmap(of_opponent, (None, 1, 1, 2, 2), 1)
        of_all = jax.vmap(of_opponents, (1, 2, 2, 3, 3), 2)
        theirs = experience.others_learn * of_all(log_probs, returns, values, action_values, actions)
        return mine * (log_probs + self.weight * theirs.sum(axis=1))
