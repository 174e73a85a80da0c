"""Games of players, hidden states and all: played, and gone through once more to be differentiated."""

import functools
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from lookax.games.game import Game, Seen, check_outputs
from lookax.policies.actor import Actor, MixedActors


class Games(eqx.Module):
    """What happened in B games of T steps, as constants.

    Players are not all of one kind, so what they remember is a tuple over them.

    **Attributes:**

    - `states`: s₀ … s_T, a pytree of `[T+1, B]`.
    - `actions`: a₀ … a_{T−1}, `[T, N, B]`.
    - `rewards`: r₀ … r_{T−1}, `[T, N, B]`.
    - `hidden_states`: per player, after it has seen s₀ … s_T, `[T+1, …, B]`; `outputs`, what it put out
      on that, `[T+1, A, B]`.
    - `weights`: of each game in means over them, `[B]`.
    """

    states: PyTree
    actions: Int[Array, "T N B"]
    rewards: Float[Array, "T N B"]
    hidden_states: tuple[PyTree, ...]
    outputs: tuple[Float[Array, "_ _ B"], ...]
    weights: Float[Array, " B"]

    @property
    def seen(self) -> Seen:
        """What players were shown at every step, `[T+1, …, B]`."""
        actions, rewards = (
            jnp.concatenate([jnp.full_like(leaf[:1], before), leaf])
            for leaf, before in ((self.actions, -1), (self.rewards, 0))
        )
        return Seen(self.states, actions, rewards)


def actor_rollout(game: Game, actors: Sequence[Actor], key: Key[Array, ""], *, horizon: int, batch_size: int) -> Games:
    """Plays `batch_size` games of `horizon` steps, independently.

    Actions are drawn by one uniform number each, inverted through the distribution function.

    **Arguments:**

    - `game`: what is played.
    - `actors`: one per player.
    - `key`: where all draws come from.
    - `horizon`: T, the number of steps of a game.
    - `batch_size`: B, the number of games.

    **Raises:** `ValueError` for an actor that has not as many outputs as its player has actions.
    """
    reset_key, action_key, step_key = jax.random.split(key, 3)
    states = jax.vmap(game.reset, out_axes=-1)(jax.random.split(reset_key, batch_size))
    uniforms = jax.random.uniform(action_key, (horizon + 1, len(actors), batch_size))
    shape = (len(actors), batch_size)
    actions = jnp.full(shape, -1)
    one_state = jax.tree.map(lambda leaf: leaf[..., 0], states)
    rewards = jax.eval_shape(game.step, step_key, one_state, actions[:, 0])[1]
    first = Seen(states, actions, jnp.zeros(shape, rewards.dtype))
    recurrences = [actor.recurrence for actor in actors]
    hidden_states = tuple(own.initial_hidden_state(batch_size) for own in recurrences)

    def step(carry, now):
        (seen, hidden_states), (uniforms, key) = carry, now
        hidden_states = tuple(
            own.update_hidden_state(past, seen) for own, past in zip(recurrences, hidden_states, strict=True)
        )
        outputs = tuple(actor.act(own) for actor, own in zip(actors, hidden_states, strict=True))
        for player, (logits, number) in enumerate(zip(outputs, game.num_actions, strict=True)):
            check_outputs(player, logits.shape[:-1], number)
        actions = jnp.stack([_drawn(own, uniform) for own, uniform in zip(outputs, uniforms, strict=True)])
        keys = jax.random.split(key, batch_size)
        states, rewards = jax.vmap(game.step, (0, -1, -1), -1)(keys, seen.state, actions)
        return (Seen(states, actions, rewards), hidden_states), (seen.state, actions, rewards, hidden_states, outputs)

    # One step more than is played: what is remembered of the last state is wanted, and no second copy of the step.
    inputs = uniforms, jax.random.split(step_key, horizon + 1)
    states, actions, rewards, hidden_states, outputs = jax.lax.scan(step, (first, hidden_states), inputs)[1]
    weights = jnp.full(batch_size, 1 / batch_size)
    return jax.lax.stop_gradient(Games(states, actions[:-1], rewards[:-1], hidden_states, outputs, weights))


def observed_by(actor: Actor, games: Games) -> tuple[PyTree, Float[Array, "_ A B"]]:
    """What an actor that looks on at games remembers, `[T+1, …, B]`, and puts out, `[T+1, A, B]`."""

    def step(hidden_states, seen):
        hidden_states = actor.recurrence.update_hidden_state(hidden_states, seen)
        return hidden_states, (hidden_states, actor.act(hidden_states))

    return jax.lax.scan(step, actor.recurrence.initial_hidden_state(games.weights.shape[0]), games.seen)[1]


def replayed(actor: Actor, seen: Seen, hidden_states: PyTree, outputs: Float[Array, "_ A B"]) -> Float[Array, "_ A B"]:
    """What an actor puts out on what it has seen, given that it is `outputs`, and what it remembers `hidden_states`.

    Differentiable in the actor. Going through games once more needs no pass forward: with mₜ = f(mₜ₋₁, oₜ; θ) and
    yₜ = g(mₜ; θ) known, only

        dmₜ = ∂f/∂m(mₜ₋₁, oₜ; θ) dmₜ₋₁ + ∂f/∂θ(mₜ₋₁, oₜ; θ) dθ,    dyₜ = ∂g/∂m(mₜ; θ) dmₜ + ∂g/∂θ(mₜ; θ) dθ

    is computed, and its transpose in reverse mode. Derivatives of every order are right. What was seen is a constant.

    **Arguments:**

    - `actor`: with the parameters that it had when it saw this.
    - `seen`: what it was shown at every step, `[T+1, …, B]`.
    - `hidden_states`: after each of these, `[T+1, …, B]`.
    - `outputs`: on those, `[T+1, A, B]`.
    """
    if isinstance(actor, MixedActors):
        parts = zip(actor.actors, actor.parts(seen), hidden_states, actor.parts(outputs), strict=True)
        return jnp.concatenate([replayed(own, *of_own) for own, *of_own in parts], axis=-1)
    arrays, static = eqx.partition(actor, eqx.is_array)
    moving, fixed = eqx.partition(arrays, eqx.is_inexact_array)
    if not jax.tree.leaves(moving):
        return outputs

    @jax.custom_jvp
    def known(moving, fixed, seen, hidden_states, outputs):
        del moving, fixed, seen
        return hidden_states, outputs

    @known.defjvp
    def _(primals, tangents):
        (moving, fixed, seen, *_), (d_moving, *_) = primals, tangents
        # By itself: what the derivative depends on has derivatives, too.
        hidden_states, outputs = known(*primals)

        def start(moving):
            actor = eqx.combine(moving, fixed, static)
            return actor.recurrence.initial_hidden_state(outputs.shape[-1])

        first, d_first = jax.jvp(start, (moving,), (d_moving,))
        before = jax.tree.map(lambda start, later: jnp.concatenate([start[None], later[:-1]]), first, hidden_states)

        # Recomputed on the way back: a step's intermediates are many times what it takes to compute them again.
        @functools.partial(jax.checkpoint, prevent_cse=False)
        def linearised(moving, d_moving, hidden_state, d_hidden_state, seen):
            def update(moving, hidden_state):
                actor = eqx.combine(moving, fixed, static)
                hidden_state = actor.recurrence.update_hidden_state(hidden_state, seen)
                return hidden_state, actor.act(hidden_state)

            return jax.jvp(update, (moving, hidden_state), (d_moving, d_hidden_state))[1]

        def step(d_hidden_state, now):
            d_hidden_state, d_output = linearised(moving, d_moving, now[0], d_hidden_state, now[1])
            return d_hidden_state, (d_hidden_state, d_output)

        return (hidden_states, outputs), jax.lax.scan(step, d_first, (before, seen))[1]

    return known(moving, fixed, seen, hidden_states, outputs)[1]


def _drawn(logits: Float[Array, "A B"], uniforms: Float[Array, " B"]) -> Int[Array, " B"]:
    # Added up one by one: there are few actions, and XLA's cumulative sum takes longer than all else here.
    below, actions = jnp.zeros_like(uniforms), jnp.zeros(uniforms.shape, int)
    for probability in jax.nn.softmax(logits, axis=0)[:-1]:
        below = below + probability
        actions = actions + (uniforms >= below)
    return actions
