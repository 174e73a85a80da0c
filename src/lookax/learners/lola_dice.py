"""LOLA-DiCE: opponent shaping from sampled games (Foerster et al. 2018, DiCE, section 5)."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from lookax.errors import check_at_least
from lookax.games.exact_play import ExactPlay, Policies, Policy
from lookax.learners.objectives.critic import TabularCritic
from lookax.learners.objectives.game_returns import GameReturn, PlayedReturn
from lookax.learners.state import Initial, Metrics
from lookax.lookahead.ascent import ascent_step
from lookax.lookahead.unrolled import Adjoint, unrolled
from lookax.rollouts.trajectories import Trajectory


class LOLADiCEState(eqx.Module):
    """Everybody's policies and optimiser states; values `[N, S]` and their optimiser's state; a ring, or nothing."""

    policies: Policies
    optimiser_states: tuple[PyTree, ...]
    values: Float[Array, "N S"]
    critic_state: PyTree
    memory: PyTree = ()


class Ahead(NamedTuple):
    """Where a player's opponents will have learned to, `theirs`, and how that depends on the player.

    `pull_back(g)` is (∂theirs/∂mine)ᵀ g.
    """

    theirs: Policies
    pull_back: Callable[[Policies], tuple[Policy]]


@dataclasses.dataclass(frozen=True)
class LOLADiCE:
    """Every player climbs its return after K learning steps of its opponents, through those steps.

        θ₋ᵢ⁰ = θ₋ᵢ,    θ₋ᵢᵏ⁺¹ = θ₋ᵢᵏ + η (⊥∇Jⁱⁿⁿᵉʳ + ∇Jʰᵉˢˢⁱᵃⁿ − ⊥∇Jʰᵉˢˢⁱᵃⁿ)(θᵢ, θ₋ᵢᵏ),    ⊥: constant to derivatives,
        gᵢ = ∂Fᵢ/∂θᵢ + (∂θ₋ᵢᴷ/∂θᵢ)ᵀ ∂Fᵢ/∂θ₋ᵢ at (θᵢ, θ₋ᵢᴷ),    Fᵢ = Jᵢᵒᵘᵗᵉʳ,

    each opponent up its own return; then θᵢ takes an optimiser step along gᵢ, all players from the same policies. Every
    estimate of a return draws games of its own. With exact ones it is [`LOLA`][lookax.learners.lola.LOLA]; making one
    part exact at a time tells whose error is whose (Liu et al. 2022, section 5.2).

    **Attributes:**

    - `play`: what is played; `initial`: everybody's first policies.
    - `inner`: where opponents' steps go.
    - `hessian`: what those steps are differentiated as; `None` for the same as `inner`, games included.
    - `outer`: the return after them.
    - `optimiser`: of the players' policies.
    - `critic`: learns baselines from the outer games; `None` leaves them at zero.
    - `inner_optimiser`: of the opponents' steps. It starts afresh at each; plain gradient steps, `optax.sgd(η)`, is
      what the formula above has.
    - `inner_steps`: K.
    - `adjoint`: how a step is differentiated, as in [`lookax.lookahead.unrolled`][].
    - `remember`: from first policies and a key to what `inner` and `hessian` remember, both the same; `None` for
      nothing.
    """

    play: ExactPlay
    initial: Initial
    inner: GameReturn
    hessian: GameReturn | None
    outer: PlayedReturn
    optimiser: optax.GradientTransformation
    critic: TabularCritic | None
    inner_optimiser: optax.GradientTransformation
    inner_steps: int = 1
    adjoint: Adjoint = "forward-over-reverse"
    remember: Callable[[Policies, Key[Array, ""]], PyTree] | None = None

    def __post_init__(self):
        check_at_least("inner_steps", self.inner_steps, 0)

    def init(self, key: Key[Array, ""]) -> LOLADiCEState:
        """First policies, values of zero, and what estimates remember."""
        policies_key, memory_key = jax.random.split(key)
        policies = self.initial(policies_key)
        shape = (self.play.num_players, self.play.game.num_states)
        values, critic_state = (jnp.zeros(shape), ()) if self.critic is None else self.critic.init(*shape)
        optimiser_states = tuple(map(self.optimiser.init, policies))
        memory = () if self.remember is None else self.remember(policies, memory_key)
        return LOLADiCEState(policies, optimiser_states, values, critic_state, memory)

    def update(self, key: Key[Array, ""], state: LOLADiCEState) -> tuple[LOLADiCEState, Metrics]:
        """One step of everybody; no metrics."""
        ahead, memory = self.look_ahead(key, state)
        gradients, games = self.gradients(self.outer, ahead, key, state)
        return self.step(gradients, games, memory, state), {}

    def look_ahead(self, key: Key[Array, ""], state: LOLADiCEState) -> tuple[tuple[Ahead, ...], PyTree]:
        """For every player, where its opponents' steps lead; and what is remembered after all of them."""
        memory, everybody = state.memory, []
        for i, mine in enumerate(state.policies):
            keys = jax.random.split(jax.random.fold_in(key, 2 * i), self.inner_steps)

            def steps(mine, i=i, memory=memory, keys=keys):
                return self._opponents_steps(i, mine, state, memory, keys)

            theirs, pull_back, memory = jax.vjp(steps, mine, has_aux=True)
            everybody.append(Ahead(theirs, pull_back))
        return tuple(everybody), memory

    def gradients(
        self, outer: PlayedReturn, ahead: tuple[Ahead, ...], key: Key[Array, ""], state: LOLADiCEState
    ) -> tuple[tuple[PyTree, ...], tuple[Trajectory, ...]]:
        """For every player gᵢ, its return estimated by `outer`, and the games that were played for it."""
        gradients, games = [], []
        for i, (mine, (theirs, pull_back)) in enumerate(zip(state.policies, ahead, strict=True)):
            policies = _seated(i, mine, theirs)
            own, _ = outer.prepare(self.play, policies, state.values, (), jax.random.fold_in(key, 2 * i + 1))

            def objective(mine, theirs, i=i, own=own):
                return outer(self.play, i, _seated(i, mine, theirs), own)

            by_mine, by_theirs = jax.grad(objective, argnums=(0, 1))(mine, theirs)
            [through_theirs] = pull_back(by_theirs)
            gradients.append(jax.tree.map(jnp.add, by_mine, through_theirs))
            games.append(own)
        return tuple(gradients), tuple(games)

    def step(
        self, gradients: tuple[PyTree, ...], games: tuple[Trajectory, ...], memory: PyTree, state: LOLADiCEState
    ) -> LOLADiCEState:
        """Everybody's optimiser step, and the critic's."""
        stepped = [
            ascent_step(gradient, mine, optimiser_state, self.optimiser)
            for gradient, mine, optimiser_state in zip(gradients, state.policies, state.optimiser_states, strict=True)
        ]
        policies, optimiser_states = zip(*stepped, strict=True)
        values, critic_state = state.values, state.critic_state
        if self.critic is not None:
            values, critic_state = self.critic.update(values, critic_state, games, self.play.discount)
        return LOLADiCEState(policies, optimiser_states, values, critic_state, memory)

    def _opponents_steps(
        self, i: int, mine: Policy, state: LOLADiCEState, memory: PyTree, keys: Key[Array, " K"]
    ) -> tuple[Policies, PyTree]:
        opponents = [j for j in range(self.play.num_players) if j != i]

        def returns(estimate: GameReturn, games: Trajectory):
            """Each opponent's, of everybody's policies."""
            return tuple(lambda theirs, j=j: estimate(self.play, j, _seated(i, mine, theirs), games) for j in opponents)

        def step(carry, key):
            theirs, memory = carry
            inner_key, hessian_key = jax.random.split(key)
            policies = _seated(i, mine, theirs)
            games, memory = self.inner.prepare(self.play, policies, state.values, memory, inner_key)
            curvature = None
            if self.hessian is not None:
                further, memory = self.hessian.prepare(self.play, policies, state.values, memory, hessian_key)
                curvature = returns(self.hessian, further)
            theirs = unrolled(
                returns(self.inner, games),
                theirs,
                optimiser=self.inner_optimiser,
                steps=1,
                adjoint=self.adjoint,
                curvature=curvature,
            )
            return (theirs, memory), None

        start = tuple(state.policies[j] for j in opponents)
        return jax.lax.scan(step, (start, memory), keys)[0]


def _seated(i: int, mine: Policy, theirs: Policies) -> Policies:
    """Everybody's policies, with mine in seat i."""
    return (*theirs[:i], mine, *theirs[i:])
