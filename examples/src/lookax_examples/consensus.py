"""A learner of one's own, with everything that lookax' runs do: LOLA with consensus (Mescheder et al. 2017)."""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import optax

import lookax as lx


class Consensus(eqx.Module):
    """LOLA, and a step down the squared norm of all players' gradients, Σᵢ |∇ᵢVᵢ|²."""

    lola: lx.LOLA
    weight: float

    def init(self, key):
        return self.lola.init(key)

    def update(self, key, state):
        def gradient(i, policies):
            def value(mine):
                return self.lola.game.values((*policies[:i], mine, *policies[i + 1 :]))[i]

            return jax.grad(value)(policies[i])

        def size(policies):
            return sum(optax.tree.norm(gradient(i, policies), squared=True) for i in range(len(policies)))

        after, metrics = self.lola.update(key, state)
        step = jax.tree.map(lambda new, pull: new - self.weight * pull, after.policies, jax.grad(size)(state.policies))
        return dataclasses.replace(after, policies=step), metrics


@dataclasses.dataclass(frozen=True)
class ConsensusSettings:
    """LOLA with consensus."""

    learning_rate: float = 1.0
    """Step size of LOLA."""
    weight: float = 0.1
    """Step size down the squared norm of the gradients."""
    learner: ClassVar[str] = "lookax_examples.consensus:consensus"

    def validate(self):
        """Raises `ValueError` for a field that is out of range."""


def consensus(settings, play, maker, initial):
    """The learner of these settings."""
    lola = lx.lola(play.game, learning_rate=settings.learning_rate)
    return Consensus(dataclasses.replace(lola, game=play, initial=initial), settings.weight)


settings = lx.ExactShaping(ConsensusSettings(), total_updates=100)
lx.register(lx.Preset("lola-consensus", "LOLA with consensus", settings, lx.EXACT))
