"""The return of a policy in a tabular MDP as an objective: exact, or a surrogate of sampled trajectories."""

import dataclasses
from collections.abc import Callable
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, ScalarLike

from lookax.choices import Surrogate
from lookax.concrete import known
from lookax.errors import check, check_at_least
from lookax.games.exact_mdp import expected_return, policy_log_probs, state_values
from lookax.games.game import Policy
from lookax.games.markov_chain import check_discount
from lookax.games.tabular_mdp import TabularMDP
from lookax.rollouts.tabular import rollout
from lookax.surrogates.by_name import surrogate_by_name


class ExactReturn(eqx.Module):
    """J(π) = Σₛ start(s) V(s), differentiable to any order. Draws nothing.

    **Attributes:**

    - `discount`: γ.
    - `horizon`: number of steps, or `None` for infinitely many.
    """

    _: dataclasses.KW_ONLY
    discount: ScalarLike
    horizon: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_discount(self.discount, self.horizon)

    def __call__(self, mdp: TabularMDP, policy: Policy, key: Key[Array, ""]) -> Float[Array, ""]:
        """J."""
        del key
        return expected_return(mdp, policy_log_probs(mdp, policy), self.discount, self.horizon)


class SampledReturn(eqx.Module):
    """The mean of a surrogate over trajectories that the policy plays.

    Advantages are GAE's, of trajectories cut after `horizon` steps, with the policy's exact values V (of an infinite
    horizon) as baseline and after the cut; with `value_noise` ν, V + ν ‖V‖/S · N(0, 1) in every state, drawn anew at
    each call, stands for a critic that is not exact. DiCE without baseline uses no values at all.

    The estimate is differentiable in the MDP's rewards too, values included unless they are stopped.

    **Attributes:**

    - `surrogate`: by name.
    - `num_trajectories`: how many trajectories are averaged. It may be traced, and then differ between settings that
      share a compiled program; the adjoints `ReverseAdjoint` and `CheckpointAdjoint` can then not be
      used. The first trajectories are the same whatever their number.
    - `discount`: γ.
    - `horizon`: number of steps T that are played.
    - `gae_lambda`: λ; DiCE, with or without baseline, has none.
    - `value_noise`: ν.
    - `stop_values`: values count as constants where the estimate is differentiated in rewards.
    - `chunk`: trajectories that are in memory at once, in derivatives too.

    **Raises:** `ValueError` for an unknown surrogate or numbers out of range.
    """

    _: dataclasses.KW_ONLY
    surrogate: Surrogate = eqx.field(static=True)
    num_trajectories: ScalarLike
    discount: ScalarLike
    horizon: int = eqx.field(static=True, default=20)
    gae_lambda: ScalarLike = 1.0
    value_noise: ScalarLike = 0.0
    stop_values: bool = eqx.field(static=True, default=False)
    chunk: int = eqx.field(static=True, default=32)

    def __check_init__(self):
        check(
            self.surrogate in get_args(Surrogate),
            "surrogate",
            self.surrogate,
            f"one of {', '.join(get_args(Surrogate))}",
        )
        if (number := known(self.num_trajectories)) is not None:
            check_at_least("num_trajectories", number, 1)
            check(number == int(number), "num_trajectories", number, "a whole number")
        if (gae_lambda := known(self.gae_lambda)) is not None:
            check(0 <= gae_lambda <= 1, "gae_lambda", gae_lambda, "between 0 and 1")
        if (value_noise := known(self.value_noise)) is not None:
            check_at_least("value_noise", value_noise, 0)
        check_at_least("chunk", self.chunk, 1)
        check_at_least("horizon", self.horizon, 1)
        check_discount(self.discount, None)

    def __call__(self, mdp: TabularMDP, policy: Policy, key: Key[Array, ""]) -> Float[Array, ""]:
        """The surrogate, whose value is no estimate of the return unless it is DiCE's."""
        noise_key, play_key = jax.random.split(key)
        log_probs = policy_log_probs(mdp, policy)
        values = self._values(mdp, log_probs, noise_key)
        numbers = (jnp.asarray(number, float) for number in (self.discount, self.gae_lambda))
        differentiable = (log_probs, mdp, values, *numbers)
        total = sum_of_chunks(self._of_chunk, differentiable, play_key, self.num_trajectories, self.chunk)
        return total / self.num_trajectories

    def _values(self, mdp: TabularMDP, log_probs: Float[Array, "S A"], key: Key[Array, ""]) -> Float[Array, " S"]:
        values = state_values(mdp, jax.lax.stop_gradient(log_probs), self.discount)
        scale = jnp.linalg.norm(jax.lax.stop_gradient(values)) / mdp.num_states
        values = values + self.value_noise * scale * jax.random.normal(key, values.shape)
        return jax.lax.stop_gradient(values) if self.stop_values else values

    def _of_chunk(self, differentiable: PyTree, key: Key[Array, ""], counted: Bool[Array, " B"]) -> Float[Array, ""]:
        log_probs, mdp, values, discount, gae_lambda = differentiable
        played = rollout(mdp, log_probs, key, horizon=self.horizon, batch_size=self.chunk, values=values)

        def of_one(log_probs, rewards, values):
            return surrogate_by_name(self.surrogate, log_probs, rewards, values, discount, gae_lambda)

        each = jax.vmap(of_one, in_axes=1)(played.log_probs, played.rewards, played.values)
        return jnp.sum(jnp.where(counted, each, 0))


def sum_of_chunks(
    of_chunk: Callable[[PyTree, Key[Array, ""], Bool[Array, " B"]], Float[Array, ""]],
    differentiable: PyTree,
    key: Key[Array, ""],
    number: ScalarLike,
    chunk: int,
) -> Float[Array, ""]:
    """Σᵢ of_chunk(differentiable, keyᵢ, countedᵢ) over as many chunks as `number` samples fill, the last one in part.

    Memory, that of derivatives included, is one chunk's whatever the number.

    **Arguments:**

    - `of_chunk`: the sum over those samples of a chunk that are counted. It must not close over arrays.
    - `differentiable`: a pytree of floating-point arrays.
    - `number`: where it is traced, differentiate by a reverse pass first, and not by a second one.
    """

    def summed(differentiable, key, number):
        def one(i):
            return of_chunk(differentiable, jax.random.fold_in(key, i), i * chunk + jnp.arange(chunk) < number)

        return _sum(jax.checkpoint(one, prevent_cse=False), jnp.zeros((), dtype), number, chunk)

    dtype = jnp.result_type(*jax.tree.leaves(differentiable))
    if isinstance(number, int):
        return summed(differentiable, key, number)

    # A loop of unknown length has no reverse pass of its own; that of a sum is the sum of reverse passes.
    def forward(*inputs):
        return summed(*inputs), inputs

    def backward(inputs, cotangent):
        differentiable, key, number = inputs

        def gradient(i):
            counted = i * chunk + jnp.arange(chunk) < number
            return jax.grad(of_chunk)(differentiable, jax.random.fold_in(key, i), counted)

        gradients = _sum(gradient, jax.tree.map(jnp.zeros_like, differentiable), number, chunk)
        return jax.tree.map(lambda leaf: cotangent * leaf, gradients), None, None

    of_unknown_length = jax.custom_vjp(summed)
    of_unknown_length.defvjp(forward, backward)
    return of_unknown_length(differentiable, key, number)


def _sum(term: Callable[[Int[Array, ""]], PyTree], zero: PyTree, number: ScalarLike, chunk: int) -> PyTree:
    count = -(-number // chunk) if isinstance(number, int) else jnp.ceil(number / chunk).astype(int)
    return jax.lax.fori_loop(0, count, lambda i, total: jax.tree.map(jnp.add, total, term(i)), zero)
