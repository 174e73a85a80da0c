"""A parallel environment of PettingZoo to test with: random, of agents unlike each other, one of which leaves early."""

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete
from pettingzoo import ParallelEnv


class Walkers(ParallelEnv):
    """Two walk on a line from where chance puts them; one of them may leave, and all is over after some steps."""

    def __init__(self, steps=4, leaves_at=None, random_rewards=True):
        self.metadata = {"name": "walkers"}
        self.possible_agents = ["slow", "fast"]
        self.steps, self.leaves_at, self.random_rewards = steps, leaves_at, random_rewards
        self.agents = []

    def observation_space(self, agent):
        here = Box(-100, 100, (2,), np.float32)
        return here if agent == "slow" else Dict({"here": here, "time": Discrete(10)})

    def action_space(self, agent) -> Any:
        return Discrete(2) if agent == "slow" else Discrete(3, start=-1)

    def reset(self, seed=None, options=None):
        self.generator = np.random.default_rng(seed)
        self.agents, self.time = list(self.possible_agents), 0
        self.places = self.generator.normal(size=2)
        return self.seen(), {agent: {} for agent in self.agents}

    def seen(self):
        here = self.places.astype(np.float32)
        both = {"slow": here, "fast": {"here": here[::-1], "time": min(self.time, 9)}}
        return {agent: both[agent] for agent in self.agents}

    def step(self, actions):
        assert set(actions) == set(self.agents)
        self.time += 1
        noise = self.generator.normal(size=2) if self.random_rewards else np.zeros(2)
        moves = np.array([actions.get(agent, 0) for agent in self.possible_agents])
        self.places = self.places + moves
        rewards = dict(zip(self.possible_agents, self.places + noise, strict=True))
        gone = [agent for agent in self.agents if agent == "slow" and self.time == self.leaves_at]
        cut = self.time >= self.steps
        told = (
            self.seen(),
            {agent: rewards[agent] for agent in self.agents},
            {agent: agent in gone for agent in self.agents},
            dict.fromkeys(self.agents, cut),
            {agent: {} for agent in self.agents},
        )
        self.agents = [] if cut else [agent for agent in self.agents if agent not in gone]
        return told


parallel_env = Walkers
