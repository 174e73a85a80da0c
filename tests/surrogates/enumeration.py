"""All trajectories of a tiny MDP and of a short iterated game: expectations are sums, with no sampling error."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lookax.games.tabular_mdp import TabularMDP, random_mdp

HORIZON = 3
DISCOUNT = 0.9


class Enumeration(NamedTuple):
    """Every trajectory: `states` [n, T+1], `actions` [n, T]."""

    states: np.ndarray
    actions: np.ndarray


def tiny_mdp(seed: int = 0) -> TabularMDP:
    """3 states, 2 actions, everything random, a random start."""
    mdp = random_mdp(jax.random.key(seed), 3, 2, 1.0)
    return TabularMDP(mdp.transitions, mdp.rewards, jnp.array([0.5, 0.2, 0.3]))


def all_trajectories(mdp: TabularMDP) -> Enumeration:
    states = np.array(list(itertools.product(range(mdp.num_states), repeat=HORIZON + 1)))
    actions = np.array(list(itertools.product(range(mdp.num_actions), repeat=HORIZON)))
    pairs = list(itertools.product(range(len(states)), range(len(actions))))
    return Enumeration(states[[i for i, _ in pairs]], actions[[j for _, j in pairs]])


def probabilities(mdp: TabularMDP, every: Enumeration, log_probs: jax.Array) -> jax.Array:
    """Of every trajectory, if a policy with these log-probabilities plays."""
    states, actions = every
    policy = jnp.exp(log_probs)[states[:, :-1], actions].prod(axis=1)
    moves = mdp.transitions[states[:, :-1], actions, states[:, 1:]].prod(axis=1)
    return mdp.start[states[:, 0]] * policy * moves


def derivatives(function, point: jax.Array, orders: int) -> list[np.ndarray]:
    """The derivatives of orders 1 to `orders` of a scalar function of a vector, by one program."""
    return value_and_derivatives(function, point, orders)[1:]


def value_and_derivatives(function, point: jax.Array, orders: int) -> list[np.ndarray]:
    """Those of orders 0 to `orders`."""
    nested = [function, jax.grad(function)]
    for _ in range(orders - 1):
        nested.append(jax.jacfwd(nested[-1]))
    return [np.asarray(each) for each in jax.jit(lambda point: [derivative(point) for derivative in nested])(point)]
