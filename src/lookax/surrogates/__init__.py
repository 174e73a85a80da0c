"""Scalars whose derivatives estimate the derivatives of the return.

A surrogate takes one trajectory, time its only axis, and `jax.vmap` takes many; those that are `[T, B]` take a batch.
`log_probs` are log π_θ of what was drawn at every step, differentiable in θ: one agent's, or the sum over several
agents' (and over any other stochastic node), in which case derivatives mixed between agents are estimated too. □ is the
magic box of Foerster et al. 2018 (DiCE): □(ℓ) = exp(ℓ − ⊥ℓ), with ⊥ for "constant to derivatives", is 1 and has the
derivatives of a likelihood ratio.

Which orders of derivative are unbiased, if θ played and advantages are returns less any baseline:

| surrogate | order 1 | order 2 and above |
|---|---|---|
| [`score_function`][lookax.surrogates.on_policy.score_function] | unbiased | biased, and the baseline matters |
| [`lvc`][lookax.surrogates.on_policy.lvc] | unbiased | biased; less variance than those below |
| [`dice`][lookax.surrogates.dice.dice] | unbiased | unbiased, with much variance |
| [`dice_with_baseline`][lookax.surrogates.dice.dice_with_baseline] | unbiased | unbiased |
| [`self_normalised_dice`][lookax.surrogates.off_policy.self_normalised_dice] | (1 − 1/B) of it | bias falls with 1/B |
| [`loaded_dice`][lookax.surrogates.dice.loaded_dice] | unbiased | unbiased without decay |
| [`importance_sampling`][lookax.surrogates.off_policy.importance_sampling] | unbiased | unbiased, whoever played |
| [`off_policy_dice`][lookax.surrogates.off_policy.off_policy_dice] | unbiased by default | the same, whoever played |
| [`doubly_robust`][lookax.surrogates.off_policy.doubly_robust] | unbiased | unbiased, whoever played |
| [`v_trace`][lookax.surrogates.off_policy.v_trace] | unbiased without truncation | the same, whoever played |
"""
