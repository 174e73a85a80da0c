"""Agents that learn from sampled games: a policy, and what it expects of a game."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, ScalarLike

from lookax.errors import check
from lookax.games.game import Game
from lookax.policies.actor import Actor, Network, OneByOne
from lookax.policies.mlp import Dense
from lookax.rollouts.games import Games, replayed, watched
from lookax.rollouts.microbatches import in_pieces, mean_over_games
from lookax.surrogates.by_name import surrogate_by_name
from lookax.surrogates.returns import discounted_returns

Baseline = Literal["critic", "zero", "none"]


class Agent(eqx.Module):
    """A `policy` and a `critic`: a network of its own, or a head on the policy's memory; `None` for no critic."""

    policy: Any
    critic: Any

    @property
    def shares_memory(self) -> bool:
        """Whether the critic is a head on the policy's memory."""
        return isinstance(self.critic, Dense)

    def values(self) -> Network | None:
        """The network that tells values; that of the policy but for its head, where they share a memory."""
        if isinstance(self.critic, Dense):
            return Network(self.policy.encoder, self.policy.unit, self.critic)
        return self.critic


class Watched(NamedTuple):
    """Games in pieces, `[devices, P / devices, …]`, and what those who looked on remember and put out, by name."""

    games: Games
    memories: dict[str, PyTree]
    outputs: dict[str, Float[Array, "..."]]


def watch(games: Games, **actors: Actor | None) -> Watched:
    """Games as seen by further actors, by name; by those that are there."""
    there = {name: actor for name, actor in actors.items() if actor is not None}

    def piece(actors: dict[str, Actor], games: Games) -> Watched:
        looked = {name: watched(actor, games) for name, actor in actors.items()}
        memories = {name: own[0] for name, own in looked.items()}
        return Watched(games, memories, {name: own[1] for name, own in looked.items()})

    return in_pieces(piece, there, games) if there else Watched(games, {}, {})


@dataclasses.dataclass(frozen=True)
class SampledObjectives:
    """What agents climb, estimated from games in pieces.

    **Attributes:**

    - `discount`: γ; `gae_lambda`: λ.
    - `baseline`: Loaded DiCE with advantages by the agent's critic, or with values of zero; `"none"`: DiCE.
    - `reversed_divergence`: D(π, θ) is KL(θ ‖ π) instead of KL(π ‖ θ).

    **Raises:** `ValueError` for an unknown baseline.
    """

    discount: ScalarLike
    gae_lambda: ScalarLike = 1.0
    baseline: Baseline = "critic"
    reversed_divergence: bool = False

    def __post_init__(self):
        check(self.baseline in get_args(Baseline), "baseline", self.baseline, f"one of {', '.join(get_args(Baseline))}")

    def policy(
        self, actors: tuple[Actor, ...], player: int, watched: Watched, beta: ScalarLike | None = None
    ) -> Float[Array, ""]:
        """A surrogate of a player's return, less β D(reference, policy) if a `"reference"` has watched the games.

        The surrogate is of everybody's log-probabilities, with advantages of the `"critic"` that has watched. The
        divergence is a mean over the T states that were acted in, s₀ … s_{T−1}, and over games; that states depend on
        policies it ignores.
        Differentiable to every order in all actors, who must have played the games.

        **Raises:** `ValueError` if advantages should be a critic's, of a player that learns, and none has watched.
        """
        # A fixed strategy needs no critic: it has nothing to learn.
        if self.baseline == "critic" and "critic" not in watched.outputs:
            learns = jax.tree.leaves(eqx.filter(actors[player], eqx.is_inexact_array))
            check(not learns, "baseline", self.baseline, "zero or none for an agent without a critic")

        def of_piece(actors: tuple[Actor, ...], piece: Watched) -> Float[Array, ""]:
            games = piece.games
            log_probs = [
                jax.nn.log_softmax(replayed(actor, games.seen, *played), axis=1)
                for actor, *played in zip(actors, games.memories, games.outputs, strict=True)
            ]
            taken = _taken(log_probs[0][:-1], games.actions[:, 0]) + _taken(log_probs[1][:-1], games.actions[:, 1])
            objective = self._surrogate(taken, games.rewards[:, player], piece.outputs.get("critic")) @ games.weights
            if beta is None or "reference" not in piece.outputs:
                return objective
            reference = jax.nn.log_softmax(piece.outputs["reference"], axis=1)
            return objective - beta * self._divergence(reference[:-1], log_probs[player][:-1]) @ games.weights

        return mean_over_games(of_piece, actors, watched)

    def critic(self, critic: Actor, player: int, watched: Watched) -> Float[Array, ""]:
        """−Σₜ (Gₜ + γ^{T−t} ⊥V(s_T) − V(sₜ))², mean over games, G the discounted return of what is left.

        Differentiable in the critic, who must have watched the games.
        """

        def of_piece(critic: Actor, piece: Watched) -> Float[Array, ""]:
            values = replayed(critic, piece.games.seen, piece.memories["critic"], piece.outputs["critic"])[:-1, 0]
            bootstrap = piece.outputs["critic"][-1, 0]

            def targets(rewards: Float[Array, " T"], bootstrap: Float[Array, ""]) -> Float[Array, " T"]:
                return discounted_returns(rewards, self.discount, bootstrap)

            errors = jax.vmap(targets, (1, 0), 1)(piece.games.rewards[:, player], bootstrap) - values
            return -jnp.sum(errors**2, axis=0) @ piece.games.weights

        return mean_over_games(of_piece, critic, watched)

    def likelihood(self, actor: Actor, player: int, name: str, watched: Watched) -> Float[Array, ""]:
        """The mean over steps and games of log π(aₜ|history), of a player's actions, by an actor that has watched.

        Differentiable in the actor, who has watched under a `name`.
        """

        def of_piece(actor: Actor, piece: Watched) -> Float[Array, ""]:
            logits = replayed(actor, piece.games.seen, piece.memories[name], piece.outputs[name])
            log_probs = jax.nn.log_softmax(logits, axis=1)
            return _taken(log_probs[:-1], piece.games.actions[:, player]).mean(axis=0) @ piece.games.weights

        return mean_over_games(of_piece, actor, watched)

    def _surrogate(
        self, log_probs: Float[Array, "T B"], rewards: Float[Array, "T B"], values: Float[Array, "_ 1 B"] | None
    ) -> Float[Array, " B"]:
        name = "dice" if self.baseline == "none" else "loaded-dice"
        if self.baseline == "critic" and values is not None:
            baseline = values[:, 0]
        else:
            baseline = jnp.zeros((rewards.shape[0] + 1, rewards.shape[1]))

        def of_one(
            log_probs: Float[Array, " T"], rewards: Float[Array, " T"], values: Float[Array, " T+1"]
        ) -> Float[Array, ""]:
            return surrogate_by_name(name, log_probs, rewards, values, self.discount, self.gae_lambda)

        return jax.vmap(of_one, in_axes=1)(log_probs, rewards, baseline)

    def _divergence(self, reference: Float[Array, "T A B"], log_probs: Float[Array, "T A B"]) -> Float[Array, " B"]:
        p, q = (log_probs, reference) if self.reversed_divergence else (reference, log_probs)
        return jnp.mean(jnp.sum(jnp.exp(p) * (p - q), axis=1), axis=0)


def seated(game: Game, policy: Any, player: int) -> Actor:
    """A policy in a seat: a network as an actor there, a fixed strategy as it is."""
    return policy.seated(game, player) if isinstance(policy, Network) else OneByOne(policy)


def seats(game: Game, policies: Sequence[Any]) -> tuple[Actor, ...]:
    """Everybody in their seats."""
    return tuple(seated(game, policy, player) for player, policy in enumerate(policies))


def _taken(log_probs: Float[Array, "T A B"], actions: Int[Array, "T B"]) -> Float[Array, "T B"]:
    """Of the actions that were played; by a product, as derivatives of a gather are scattered one by one."""
    return jnp.sum(log_probs * jax.nn.one_hot(actions, log_probs.shape[1], axis=1, dtype=log_probs.dtype), axis=1)
