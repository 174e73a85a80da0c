"""LOLA-DiCE: opponent shaping from sampled games (Foerster et al. 2018, DiCE, section 5)."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from lookax.games.differentiable import DiscountedGame
from lookax.games.game import Policies, Policy
from lookax.learners.learner import Metrics
from lookax.learners.objectives.critic import TabularCritic
from lookax.learners.objectives.estimates import GameReturn
from lookax.learners.objectives.shaping import joined
from lookax.learners.simultaneous import Initial
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser, as_optimiser
from lookax.lookahead.step import ascent_step
from lookax.lookahead.total_derivative import Ahead, ahead, total_gradient
from lookax.rollouts.trajectory import Trajectory
from lookax.surrogates.advantages import discounts


class LOLADiCEState(eqx.Module):
    """What LOLA-DiCE carries from one update to the next.

    **Attributes:**

    - `policies`, `optimiser_states`: one per player.
    - `values`: V(s) of every player, `[N, S]`; `critic_state`: their optimiser's state.
    - `buffer`: a replay buffer, or nothing.
    """

    policies: Policies
    optimiser_states: tuple[PyTree, ...]
    values: Float[Array, "N S"]
    critic_state: PyTree
    buffer: PyTree = ()


class LOLADiCE(eqx.Module):
    """Every player maximises its return after K learning steps of its opponents, through those steps.

        θ₋ᵢ⁰ = θ₋ᵢ,    θ₋ᵢᵏ⁺¹ = θ₋ᵢᵏ + η (⊥∇Jⁱⁿⁿᵉʳ + ∇Jʰᵉˢˢⁱᵃⁿ − ⊥∇Jʰᵉˢˢⁱᵃⁿ)(θᵢ, θ₋ᵢᵏ),    ⊥: constant to derivatives,
        gᵢ = ∂Fᵢ/∂θᵢ + (∂θ₋ᵢᴷ/∂θᵢ)ᵀ ∂Fᵢ/∂θ₋ᵢ at (θᵢ, θ₋ᵢᴷ),    Fᵢ = Jᵢᵒᵘᵗᵉʳ,

    each opponent up its own return; then θᵢ takes an optimiser step along gᵢ, all players from the same policies. Every
    estimate of a return draws games of its own. With exact ones it is [`LOLA`][lookax.learners.lola.LOLA]; making one
    part exact at a time tells whose error is whose (Liu et al. 2022, section 5.2).

    **Attributes:**

    - `game`: what is played.
    - `initial`: the first policies of all players, from a random key.
    - `lookahead`: the K steps that opponents are expected to take, and how they are differentiated.
    - `inner`: where opponents' steps go.
    - `hessian`: what those steps are differentiated as; `None` for the same as `inner`, games included.
    - `outer`: the return after them.
    - `optimiser`: of the players' policies.
    - `critic`: learns baselines from the outer games; `None` leaves them at zero.
    - `first_buffer`: from first policies and a key to the replay buffer that `inner` and `hessian` share; `None` for
      none.
    """

    _: dataclasses.KW_ONLY
    game: DiscountedGame
    initial: Initial = eqx.field(static=True)
    lookahead: Lookahead
    inner: GameReturn
    hessian: GameReturn | None = None
    outer: GameReturn
    optimiser: Optimiser = eqx.field(converter=as_optimiser)
    critic: TabularCritic | None = None
    first_buffer: Callable[[Policies, Key[Array, ""]], PyTree] | None = eqx.field(static=True, default=None)

    def init(self, key: Key[Array, ""]) -> LOLADiCEState:
        """First policies, values of zero, and the replay buffer."""
        policies_key, buffer_key = jax.random.split(key)
        policies = self.initial(policies_key)
        shape = (self.game.num_players, self.game.num_states)
        values, critic_state = (jnp.zeros(shape), ()) if self.critic is None else self.critic.init(*shape)
        optimiser_states = tuple(map(self.optimiser.init, policies))
        buffer = () if self.first_buffer is None else self.first_buffer(policies, buffer_key)
        return LOLADiCEState(policies, optimiser_states, values, critic_state, buffer)

    def update(self, key: Key[Array, ""], state: LOLADiCEState) -> tuple[LOLADiCEState, Metrics]:
        """One step of every player.

        Metrics `returns`, discounted means over the games after the opponents' steps, and `gradient_norm`, `[N]`.
        """
        found, buffer = self.look_ahead(key, state)
        gradients, games = self.gradients(self.outer, found, key, state)
        return self.step(gradients, games, buffer, state)

    def look_ahead(self, key: Key[Array, ""], state: LOLADiCEState) -> tuple[tuple[Ahead, ...], PyTree]:
        """For every player, where its opponents' steps lead; and the buffer after all of them."""
        buffer, found = state.buffer, []
        for i, mine in enumerate(state.policies):
            keys = jax.random.split(jax.random.fold_in(key, 2 * i), self.lookahead.steps)

            def steps(mine: Policy, i: int = i, buffer: PyTree = buffer, keys: Key[Array, " K"] = keys):
                return self._opponents_steps(i, mine, state, buffer, keys)

            own, buffer = ahead(steps, mine)
            found.append(own)
        return tuple(found), buffer

    def gradients(
        self, outer: GameReturn, found: tuple[Ahead, ...], key: Key[Array, ""], state: LOLADiCEState
    ) -> tuple[tuple[PyTree, ...], tuple[Trajectory, ...]]:
        """For every player gᵢ, its return estimated by `outer`, and the games that were played for it.

        **Arguments:**

        - `outer`: estimates returns after the opponents' steps.
        - `found`: per player, where its opponents' steps lead, as `look_ahead` gives it.
        - `key`: that of the update.
        - `state`: before the update.
        """
        gradients, games = [], []
        for i, (mine, own) in enumerate(zip(state.policies, found, strict=True)):
            policies = joined(i, mine, own.params)
            played, _ = outer.prepare(self.game, policies, state.values, (), jax.random.fold_in(key, 2 * i + 1))

            def objective(mine: Policy, theirs: Policies, i: int = i, played: Trajectory = played):
                return outer(self.game, i, joined(i, mine, theirs), played)

            gradients.append(total_gradient(objective, mine, own))
            games.append(played)
        return tuple(gradients), tuple(games)

    def step(
        self, gradients: tuple[PyTree, ...], games: tuple[Trajectory, ...], buffer: PyTree, state: LOLADiCEState
    ) -> tuple[LOLADiCEState, Metrics]:
        """The players' optimiser steps, and the critic's.

        **Arguments:**

        - `gradients`: gᵢ of every player, pytrees like the policies.
        - `games`: per player, those that its gradient was estimated from.
        - `buffer`: the replay buffer after the opponents' steps, kept in the next state.
        - `state`: before the update.
        """
        stepped = [
            ascent_step(gradient, mine, optimiser_state, self.optimiser)
            for gradient, mine, optimiser_state in zip(gradients, state.policies, state.optimiser_states, strict=True)
        ]
        policies, optimiser_states = zip(*stepped, strict=True)
        values, critic_state = state.values, state.critic_state
        if self.critic is not None:
            values, critic_state = self.critic.update(values, critic_state, games, self.game.discount)
        returns = [
            (discounts(self.game.discount, len(own.rewards)) @ own.rewards[:, i]).mean() for i, own in enumerate(games)
        ]
        metrics = {
            "returns": jnp.stack(returns),
            "gradient_norm": jnp.stack([optax.tree.norm(gradient) for gradient in gradients]),
        }
        return LOLADiCEState(policies, optimiser_states, values, critic_state, buffer), metrics

    def _opponents_steps(
        self, i: int, mine: Policy, state: LOLADiCEState, buffer: PyTree, keys: Key[Array, " K"]
    ) -> tuple[Policies, PyTree]:
        opponents = [j for j in range(self.game.num_players) if j != i]

        def sample(theirs: Policies, buffer: PyTree, key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
            inner_key, hessian_key = jax.random.split(key)
            policies, further = joined(i, mine, theirs), ()
            games, buffer = self.inner.prepare(self.game, policies, state.values, buffer, inner_key)
            if self.hessian is not None:
                further, buffer = self.hessian.prepare(self.game, policies, state.values, buffer, hessian_key)
            return (games, further), buffer

        def returns(estimate: GameReturn, which: int):
            """Each opponent's, of its policy and the games."""
            return tuple(
                lambda theirs, games, j=j: estimate(self.game, j, joined(i, mine, theirs), games[which])
                for j in opponents
            )

        return self.lookahead.maximise_sampled(
            returns(self.inner, 0),
            tuple(state.policies[j] for j in opponents),
            sample,
            buffer,
            keys,
            curvature=None if self.hessian is None else returns(self.hessian, 1),
        )
