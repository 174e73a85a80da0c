"""On-policy surrogates by the names that settings give them, all from the same ingredients."""

from jaxtyping import Array, Float, ScalarLike

from lookax.choices import Surrogate
from lookax.surrogates.advantages import generalised_advantages
from lookax.surrogates.dice import dice, dice_with_baseline, loaded_dice
from lookax.surrogates.on_policy import lvc, score_function

ADVANTAGE_WEIGHTED = {"score-function": score_function, "lvc": lvc, "loaded-dice": loaded_dice}


def surrogate_by_name(
    name: Surrogate,
    log_probs: Float[Array, " T"],
    rewards: Float[Array, " T"],
    values: Float[Array, " T+1"],
    discount: ScalarLike,
    gae_lambda: ScalarLike = 1.0,
) -> Float[Array, ""]:
    """The named surrogate of one trajectory.

    Advantages are GAE's, or for DiCE rewards, with γV(s_T) in the last one if there is a baseline.

    **Arguments:**

    - `values`: V(s₀) … V(s_T), `[T+1]`, the last one for what comes after (0 where nothing does); without a baseline
      DiCE uses none of them.
    - `gae_lambda`: λ; DiCE, with or without baseline, has none.
    """
    if name == "dice":
        return dice(log_probs, rewards, discount)
    if name == "dice-baseline":
        return dice_with_baseline(log_probs, rewards.at[-1].add(discount * values[-1]), values[:-1], discount)
    advantages = generalised_advantages(rewards, values, discount, gae_lambda)
    return ADVANTAGE_WEIGHTED[name](log_probs, advantages, discount)
