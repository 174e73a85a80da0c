"""What can be chosen by a name, in settings and in functions. Nothing here imports JAX."""

from typing import Literal

AdjointName = Literal["reverse", "checkpointed", "forward-over-reverse", "forward", "none"]
"""How learning steps are differentiated; see [`lookax.lookahead.adjoints`][]."""

OptimiserName = Literal["sgd", "adam", "rmsprop"]
"""An optimiser of optax, with its own defaults."""

MatrixGameName = Literal[
    "contribution", "prisoners-dilemma", "stag-hunt", "chicken", "matching-pennies", "battle-of-the-sexes"
]
"""A matrix game; see [`lookax.games.payoffs`][]."""

CoinGameName = Literal["coin", "two-coins"]
"""A coin game; see [`lookax.games.coin_game`][]."""

CommonsGameName = Literal["commons"]
"""The commons; see [`CommonsGame`][lookax.games.commons.CommonsGame]."""

CoinView = Literal["board", "own", "egocentric"]
"""What a player of a coin game sees; see [`OneCoinGame`][lookax.games.coin_game.OneCoinGame]."""

FirstOrderLearner = Literal["loqa", "advantage-alignment", "ppo"]
"""A policy gradient in games with others; see [`lookax.learners.policy_gradients.policy_gradient`][]."""

Start = Literal["separate", "all-cooperate", "all-defect"]
"""What players of a matrix game see at the first step: a state of its own, or as if that had always been played."""

PolicyKind = Literal["tabular", "preconditioned-tabular", "mlp", "preconditioned-mlp"]
"""A policy of a matrix game's states; see [`lookax.policies.factory`][]."""

Activation = Literal["tanh", "leaky-relu"]
"""What stands between a network's layers."""

Initialiser = Literal["pytorch", "lecun", "glorot", "orthogonal"]
"""How a network's layers are initialised; see [`lookax.policies.mlp`][]."""

RecurrentUnit = Literal["gru", "none"]
"""What carries an agent's hidden state from step to step; none for an agent that sees the last step alone."""

Baseline = Literal["critic", "zero", "mean", "linear", "none"]
"""A critic, zero, the mean of other games, or linear in hidden states; none: plain DiCE of rewards."""

DivergenceWeights = Literal["uniform", "visitation"]
"""Weights of the states in KL divergences: all 1, or the share of discounted visits."""

CriticTarget = Literal["returns", "rewards"]
"""What a critic learns from: discounted returns, or immediate rewards as in the published code of Liu et al. 2022."""

GameEstimator = Literal["exact", "dice", "dice-baseline", "self-normalised-dice", "loaded-dice"]
"""How a return is estimated. With many games all get every order of derivative right, those mixed between players too.

But for Loaded DiCE with λ < 1, all but `"self-normalised-dice"` are unbiased with few games as well.
"""

Surrogate = Literal["score-function", "lvc", "dice", "dice-baseline", "loaded-dice"]
"""A surrogate of one agent's trajectories; see [`lookax.surrogates`][]."""

PolicySurrogate = Literal["score-function", "lvc"]
"""What an actor-critic's updates are differentiated as."""

Console = Literal["atari", "minatar", "gymnax", "gymnasium"]
"""Where a game comes from: the Arcade Learning Environment or Gymnasium, on the host; MinAtar or gymnax."""
