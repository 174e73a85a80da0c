"""Agents that learn from sampled games: a policy, and what it expects of a game."""

import dataclasses
import functools
from typing import Any, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, ScalarLike

from lookax.categorical import kl_divergence
from lookax.choices import Baseline
from lookax.errors import check
from lookax.policies.actor import Actor, MixedActors
from lookax.policies.network import Network
from lookax.rollouts.games import Games, observed_by, replayed
from lookax.rollouts.microbatches import in_microbatches, mean_over_games
from lookax.surrogates.advantages import discounted_returns, generalised_advantages
from lookax.surrogates.baselines import linear_baseline, other_games_mean
from lookax.surrogates.dice import dice, loaded_dice


class Agent(eqx.Module):
    """A policy, and what it expects of a game.

    **Attributes:**

    - `policy`: a network, or a fixed strategy.
    - `critic`: a network of its own, or a head on the policy's hidden state; `None` for no critic.
    """

    policy: Any
    critic: Any

    @property
    def shares_encoder(self) -> bool:
        """Whether the critic is a head on the policy's hidden state."""
        return self.critic is not None and not isinstance(self.critic, Network)

    def values(self) -> Network | None:
        """The network of values: the policy's with the critic as its head, where they share an encoder."""
        if self.shares_encoder:
            return Network(self.policy.encoder, self.policy.unit, self.critic)
        return self.critic


class Observed(NamedTuple):
    """Games in microbatches, and what further actors make of them.

    **Attributes:**

    - `games`: `[devices, P / devices, …]`.
    - `hidden_states`, `outputs`: hidden states and outputs of the actors that observed them, by name.
    """

    games: Games
    hidden_states: dict[str, PyTree]
    outputs: dict[str, Float[Array, "..."]]


def observe(games: Games, **actors: Actor | None) -> Observed:
    """Games as seen by further actors, by name; by those that are there."""
    there = {name: actor for name, actor in actors.items() if actor is not None}

    def microbatch(actors: dict[str, Actor], games: Games) -> Observed:
        looked = {name: observed_by(actor, games) for name, actor in actors.items()}
        hidden_states = {name: own[0] for name, own in looked.items()}
        return Observed(games, hidden_states, {name: own[1] for name, own in looked.items()})

    return in_microbatches(microbatch, there, games) if there else Observed(games, {}, {})


class SampledObjectives(eqx.Module):
    """What agents maximise, estimated from games in microbatches.

    **Attributes:**

    - `discount`: γ.
    - `gae_lambda`: λ.
    - `dice_decay`: the decay of [`loaded_dice`][lookax.surrogates.dice.loaded_dice], which matters to what is
      differentiated twice: 1 keeps all of the past, 0 is [`lvc`][lookax.surrogates.on_policy.lvc].
    - `baseline`: of Loaded DiCE, by the agent's `"critic"`; `"zero"`; the `"mean"` of the
      [other games][lookax.surrogates.baselines.other_games_mean] of a microbatch; or
      [`"linear"`][lookax.surrogates.baselines.linear_baseline] in the player's hidden state, where that is of numbers.
      `"none"`: DiCE, with neither λ nor decay. A critic's value of the last state stands for what comes after it;
      without one that counts as nothing. Derivatives of every order are unbiased with λ = 1, no decay and a baseline
      that is not linear, but for errors of a critic's last value.
    - `reversed_divergence`: D(π, θ) is KL(θ ‖ π) instead of KL(π ‖ θ).

    **Raises:** `ValueError` for an unknown baseline.
    """

    _: dataclasses.KW_ONLY
    discount: ScalarLike
    gae_lambda: ScalarLike = 1.0
    dice_decay: ScalarLike = 1.0
    baseline: Baseline = eqx.field(static=True, default="critic")
    reversed_divergence: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check(self.baseline in get_args(Baseline), "baseline", self.baseline, f"one of {', '.join(get_args(Baseline))}")

    def policy(
        self, actors: tuple[Actor, ...], player: int, observed: Observed, beta: ScalarLike | None = None
    ) -> Float[Array, ""]:
        """A surrogate of a player's return, less β D(reference, policy) if a `"reference"` has observed the games.

        The surrogate is of all players' log-probabilities, with advantages of the `"critic"` that has observed. The
        divergence is a mean over the T states that were acted in, s₀ … s_{T−1}, and over games; that states depend on
        policies it ignores.
        Differentiable to every order in all actors, who must have played the games.

        **Arguments:**

        - `actors`: of all players.
        - `player`: whose return it is, from 0.
        - `observed`: the games, and what the `"critic"` and the `"reference"` put out in them.
        - `beta`: β; `None` for no divergence.

        **Raises:** `ValueError` if advantages should be a critic's, of a player that learns, and none has observed.
        """
        # A fixed strategy needs no critic: it has nothing to learn.
        if self.baseline == "critic" and "critic" not in observed.outputs:
            learns = jax.tree.leaves(eqx.filter(actors[player], eqx.is_inexact_array))
            check(not learns, "baseline", self.baseline, "another one for an agent without a critic")

        def of_microbatch(actors: tuple[Actor, ...], microbatch: Observed) -> Float[Array, ""]:
            games = microbatch.games
            log_probs = [
                jax.nn.log_softmax(replayed(actor, *_acted_on((games.seen, *played))), axis=1)
                for actor, *played in zip(actors, games.hidden_states, games.outputs, strict=True)
            ]
            taken = functools.reduce(
                jnp.add, (_taken(own, games.actions[:, seat]) for seat, own in enumerate(log_probs))
            )
            values = self._values(actors, player, microbatch)
            objective = self._surrogate(taken, games.rewards[:, player], values) @ games.weights
            if beta is None or "reference" not in microbatch.outputs:
                return objective
            reference = jax.nn.log_softmax(microbatch.outputs["reference"], axis=1)
            return objective - beta * self._divergence(reference[:-1], log_probs[player]) @ games.weights

        return mean_over_games(of_microbatch, actors, observed)

    def critic(self, critic: Actor, player: int, observed: Observed) -> Float[Array, ""]:
        """−Σₜ (Gₜ + γ^{T−t} ⊥V(s_T) − V(sₜ))², mean over games, G the discounted return of what is left.

        Differentiable in the critic, who must have observed the games.

        **Arguments:**

        - `critic`: an actor whose first output is the value.
        - `player`: whose rewards it predicts, from 0.
        - `observed`: the games, as the critic has observed them by the name of `"critic"`.
        """

        def of_microbatch(critic: Actor, microbatch: Observed) -> Float[Array, ""]:
            hidden_states, outputs = microbatch.hidden_states["critic"], microbatch.outputs["critic"]
            values = replayed(critic, *_acted_on((microbatch.games.seen, hidden_states, outputs)))[:, 0]
            bootstrap = outputs[-1, 0]

            def targets(rewards: Float[Array, " T"], bootstrap: Float[Array, ""]) -> Float[Array, " T"]:
                return discounted_returns(rewards, self.discount, bootstrap)

            errors = jax.vmap(targets, (1, 0), 1)(microbatch.games.rewards[:, player], bootstrap) - values
            return -jnp.sum(errors**2, axis=0) @ microbatch.games.weights

        return mean_over_games(of_microbatch, critic, observed)

    def likelihood(self, actor: Actor, player: int, name: str, observed: Observed) -> Float[Array, ""]:
        """The mean over steps and games of log π(aₜ|history), of a player's actions, by an actor that has observed.

        Differentiable in the actor, who has observed under a `name`.

        **Arguments:**

        - `actor`: whose log-probabilities they are.
        - `player`: whose actions they are of, from 0.
        - `name`: of the actor among those that observed.
        - `observed`: the games, and what the actor put out in them.
        """

        def of_microbatch(actor: Actor, microbatch: Observed) -> Float[Array, ""]:
            observed = microbatch.games.seen, microbatch.hidden_states[name], microbatch.outputs[name]
            log_probs = jax.nn.log_softmax(replayed(actor, *_acted_on(observed)), axis=1)
            return _taken(log_probs, microbatch.games.actions[:, player]).mean(axis=0) @ microbatch.games.weights

        return mean_over_games(of_microbatch, actor, observed)

    def _values(self, actors: tuple[Actor, ...], player: int, microbatch: Observed) -> Float[Array, "_ B"]:
        """V(s₀) … V(s_T), constant to derivatives."""
        games = microbatch.games
        horizon, number = games.rewards[:, player].shape
        if self.baseline == "critic" and "critic" in microbatch.outputs:
            return microbatch.outputs["critic"][:, 0]
        values = jnp.zeros((horizon + 1, number))
        if self.baseline not in ("mean", "linear"):
            return values
        rewards = games.rewards[:, player].astype(values.dtype)
        returns = jax.vmap(lambda own: discounted_returns(own, self.discount), 1, 1)(rewards)
        ends = _ends_of_kinds(actors, number)
        if self.baseline == "mean":
            own = other_games_mean(returns, ends)
        else:
            alone = not isinstance(actors[player], MixedActors)
            check(alone, "baseline", self.baseline, "another one for a player that is several actors")
            features = _features(games.hidden_states[player], horizon, number)
            own = linear_baseline(features, returns, self.discount, ends)
        return values.at[:-1].set(own)

    def _surrogate(
        self, log_probs: Float[Array, "T B"], rewards: Float[Array, "T B"], values: Float[Array, "_ B"]
    ) -> Float[Array, " B"]:
        def of_one(
            log_probs: Float[Array, " T"], rewards: Float[Array, " T"], values: Float[Array, " T+1"]
        ) -> Float[Array, ""]:
            if self.baseline == "none":
                return dice(log_probs, rewards, self.discount)
            advantages = generalised_advantages(rewards, values, self.discount, self.gae_lambda)
            return loaded_dice(log_probs, advantages, self.discount, self.dice_decay)

        return jax.vmap(of_one, in_axes=1)(log_probs, rewards, values)

    def _divergence(self, reference: Float[Array, "T A B"], log_probs: Float[Array, "T A B"]) -> Float[Array, " B"]:
        p, q = (log_probs, reference) if self.reversed_divergence else (reference, log_probs)
        return jnp.mean(kl_divergence(p, q, axis=1), axis=0)


def _ends_of_kinds(actors: tuple[Actor, ...], number: int) -> list[int]:
    """0, and where each kind of games ends: those with the same actor in every seat."""
    mixed = [actor.ends_of_parts(number) for actor in actors if isinstance(actor, MixedActors)]
    return sorted({0, number}.union(*mixed))


def _features(hidden_states: PyTree, horizon: int, number: int) -> Float[Array, "T F B"]:
    """What a player remembered at each of T steps, as far as that is floating-point numbers."""
    leaves = [leaf[:-1] for leaf in jax.tree.leaves(hidden_states) if eqx.is_inexact_array(leaf)]
    flat = [leaf.reshape(horizon, -1, number) for leaf in leaves]
    return jnp.concatenate([jnp.zeros((horizon, 0, number)), *flat], axis=1)


def _acted_on(tree: PyTree) -> PyTree:
    """Of arrays of T + 1 steps, those of the T that were acted on: no derivative comes from the last."""
    return jax.tree.map(lambda leaf: leaf[:-1], tree)


def _taken(log_probs: Float[Array, "T A B"], actions: Int[Array, "T B"]) -> Float[Array, "T B"]:
    """Of the actions that were played; by a product, as derivatives of a gather are scattered one by one."""
    return jnp.sum(log_probs * jax.nn.one_hot(actions, log_probs.shape[1], axis=1, dtype=log_probs.dtype), axis=1)
