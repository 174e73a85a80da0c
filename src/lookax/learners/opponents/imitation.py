"""Models of opponents learned from play: what they do is imitated, what they expect is learned from their rewards."""

import dataclasses

import jax
import optax
from jaxtyping import Array, Bool, Float, Key

from lookax.errors import check_at_least
from lookax.games.swapped_seats import Turned
from lookax.learners.objectives.agent import Agent, SampledObjectives, seats, watch
from lookax.lookahead.ascent import ascent_step
from lookax.rollouts.microbatches import Play


@dataclasses.dataclass(frozen=True)
class Imitation:
    """Fits a model of the opponent to games with it, batch after batch.

        θ̂ ← θ̂ + u(∇ mean log π_θ̂(aⱼ|history)),    the critic likewise up −Σ (return − V)² of the opponent's rewards,

    with a few steps on each batch. Actions and rewards are seen, parameters are not (Zhao et al. 2022, POLA-OM).

    **Attributes:** `play`, how games are played; `objectives`, whose critic's is used; `batches` of an update, and
    `steps` on each; `optimiser` and `critic_optimiser`, which start afresh at every update.

    **Raises:** `ValueError` for numbers below 1.
    """

    play: Play
    objectives: SampledObjectives
    optimiser: optax.GradientTransformation
    critic_optimiser: optax.GradientTransformation
    batches: int
    steps: int = 1

    def __post_init__(self):
        check_at_least("batches", self.batches, 1)
        check_at_least("steps", self.steps, 1)

    def turned(self, turned: Bool[Array, ""]) -> "Imitation":
        """The same in a [`Turned`][lookax.games.swapped_seats.Turned] game."""
        return dataclasses.replace(self, play=dataclasses.replace(self.play, game=Turned(self.play.game, turned)))

    def fit(
        self, key: Key[Array, ""], player: int, agents: tuple[Agent, Agent], model: Agent
    ) -> tuple[Agent, Float[Array, ""]]:
        """A player's model of the other, after games of both; and its cross-entropy on the last batch."""
        they, game = 1 - player, self.play.game

        def step(carry, games):
            model, states = carry
            policy = model.policy.seated(game, they)
            values = model.values()
            watched = watch(games, model=policy, critic=None if values is None else values.seated(game, they))

            def likelihood(policy):
                return self.objectives.likelihood(policy.seated(game, they), they, "model", watched)

            value, slope = jax.value_and_grad(likelihood)(model.policy)
            improved, policy_state = ascent_step(slope, model.policy, states[0], self.optimiser)
            if model.critic is None:
                return (Agent(improved, None), (policy_state, states[1])), -value

            def accuracy(critic):
                values = Agent(model.policy, critic).values()
                assert values is not None
                return self.objectives.critic(values.seated(game, they), they, watched)

            slope = jax.grad(accuracy)(model.critic)
            critic, critic_state = ascent_step(slope, model.critic, states[1], self.critic_optimiser)
            return (Agent(improved, critic), (policy_state, critic_state)), -value

        def batch(carry, key):
            games = self.play(seats(game, [agent.policy for agent in agents]), key)
            carry, losses = jax.lax.scan(lambda carry, _: step(carry, games), carry, length=self.steps)
            return carry, losses[-1]

        start = model, (self.optimiser.init(model.policy), self.critic_optimiser.init(model.critic))
        (model, _), losses = jax.lax.scan(batch, start, jax.random.split(key, self.batches))
        return model, losses[-1]
