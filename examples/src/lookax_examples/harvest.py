"""Harvest, a dilemma of many on a grid, with JaxMARL's interface as SocialJax has it; and agents that learn in it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxmarl.environments import MultiAgentEnv
from jaxmarl.environments.spaces import Discrete

import lookax as lx


class State(NamedTuple):
    players: jax.Array  # row and column of each
    apples: jax.Array  # a grid of 0 and 1
    time: jax.Array


class Harvest(MultiAgentEnv):
    """To eat an apple pays 1. Apples grow beside apples: what is eaten up does not come back."""

    def __init__(self, num_agents=2, size=5, steps=64, growth=0.1):
        super().__init__(num_agents)
        self.agents = list(range(num_agents))
        self.size, self.steps, self.growth = size, steps, growth

    def action_space(self, agent):
        return Discrete(5)  # stay, or one cell in one of four directions

    def reset(self, key):
        players = jax.random.randint(key, (self.num_agents, 2), 0, self.size)
        state = State(players, jnp.ones((self.size, self.size)), jnp.array(0))
        return self.get_obs(state), state

    def step_env(self, key, state, actions):
        moves = jnp.array([[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0]])
        players = (state.players + moves[actions]) % self.size
        here = self.planes(players)
        # Those who come to an apple together share it.
        rewards = (here * state.apples / jnp.maximum(here.sum(axis=0), 1)).sum(axis=(1, 2))
        left = state.apples * (here.sum(axis=0) == 0)
        around = sum(jnp.roll(left, shift, axis) for shift in (-1, 1) for axis in (0, 1))
        grown = jax.random.uniform(key, left.shape) < self.growth * around
        after = State(players, jnp.maximum(left, grown), state.time + 1)
        done = after.time >= self.steps
        return self.get_obs(after), after, rewards, {"__all__": done}, {}

    def get_obs(self, state):
        def of_player(player, plane, others):
            seen = jnp.stack([plane, others - plane, state.apples], axis=-1)
            return jnp.roll(seen, self.size // 2 - player, axis=(0, 1))  # I stand in the middle

        here = self.planes(state.players)
        return jax.vmap(of_player, (0, 0, None))(state.players, here, here.sum(axis=0))

    def planes(self, players):
        cells = players[:, 0] * self.size + players[:, 1]
        return jax.nn.one_hot(cells, self.size**2).reshape(-1, self.size, self.size)


game = lx.from_jaxmarl(Harvest())

if __name__ == "__main__":
    learner = lx.advantage_alignment(game, horizon=64, batch_size=32)
    state, history = jax.jit(lambda key: lx.train(learner, key, 200))(jax.random.key(0))
    print(lx.scores(lx.match(game, state.policies, jax.random.key(1), horizon=64, batch_size=64)))
