"""A game of one's own, and recurrent agents that learn in it."""

import equinox as eqx
import jax
import jax.numpy as jnp

import lookax as lx


class Berries(eqx.Module):
    """Two players on a ring; to eat a berry pays 1, and costs the other 2 if it was the other's."""

    size: int = 5
    num_players = 2
    num_actions = (3, 3)  # left, stay, right

    def reset(self, key):
        return jax.random.randint(key, (2, 2), 0, self.size)  # where players are, and berries

    def step(self, key, state, actions):
        players = (state[0] + actions - 1) % self.size
        eaten = players[:, None] == state[1]
        grown = jnp.where(eaten.any(axis=0), jax.random.randint(key, (2,), 0, self.size), state[1])
        return jnp.stack([players, grown]), eaten.sum(axis=1) - 2.0 * jnp.diag(eaten[::-1])

    def observe(self, state, player):
        return jax.nn.one_hot(state[:, jnp.array([player, 1 - player])], self.size).ravel()


settings = lx.RecurrentShaping("lookax_examples.berries:Berries", horizon=12, batch_size=64, outer_steps=4)
lx.register(lx.Preset("berries", "POLA-DiCE in the game of berries", settings, lx.RECURRENT))

if __name__ == "__main__":
    learner = lx.pola_dice(Berries(), horizon=12, batch_size=64, outer_steps=4, hidden_size=8)
    state, history = jax.jit(lambda key: lx.train(learner, key, 20))(jax.random.key(0))
    print(lx.scores(lx.match(Berries(), state.policies, jax.random.key(1), horizon=12, batch_size=64)))
