"""Learners in one line each, with settings that usually work; their classes take them apart."""

from collections.abc import Callable
from typing import Any

import jax
import optax
from jaxtyping import Array, Key, ScalarLike

from lookax.choices import Baseline, GameEstimator, PolicyKind
from lookax.errors import check
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame
from lookax.learners.agents import Agents
from lookax.learners.lola import LOLA
from lookax.learners.lola_dice import LOLADiCE
from lookax.learners.naive import Naive
from lookax.learners.objectives.game_returns import PlayedReturn
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.objectives.shaping import Shaping
from lookax.learners.pola import POLA
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.objectives import Maximiser
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.factory import PolicyMaker, of_arrays
from lookax.policies.recurrent import network
from lookax.rollouts.check_game import check_game
from lookax.rollouts.microbatches import Play

PolicyFactory = Callable[[Key[Array, ""], int, int], Any]
"""`make(key, num_inputs, num_outputs)`: a new policy."""


def naive(
    game: MatrixGame,
    *,
    policy: PolicyKind | PolicyFactory = "tabular",
    discount: ScalarLike = 0.96,
    horizon: int | None = None,
    learning_rate: ScalarLike = 1.0,
) -> Naive:
    """Naive learners in a matrix game, from exact values: each maximises its own return as if the others did not learn.

    **Arguments:**

    - `game`: a matrix game of any number of players.
    - `policy`: the kind of policy, or `make(key, num_inputs, num_actions)`.
    - `discount`: γ per step.
    - `horizon`: steps of a game; `None` for infinitely many.
    - `learning_rate`: α of plain gradient steps.
    """
    play, maker = _exact(game, policy, discount, horizon)
    return Naive(game=play, initial=maker.initial, optimiser=Optimiser(optax.sgd, learning_rate=learning_rate))


def lola(
    game: MatrixGame,
    *,
    policy: PolicyKind | PolicyFactory = "tabular",
    discount: ScalarLike = 0.96,
    horizon: int | None = None,
    learning_rate: ScalarLike = 1.0,
    inner_learning_rate: ScalarLike = 3.0,
    lookahead: Maximiser | None = None,
    taylor: bool = False,
) -> LOLA:
    """[`LOLA`][lookax.learners.lola.LOLA] in a matrix game, from exact values.

    ```python
    learner = lx.lola(lx.MatrixGame([[-2, 0], [-3, -1]]))
    state, history = jax.jit(lambda key: lx.train(learner, key, 200))(jax.random.key(0))
    ```

    **Arguments:** as of [`naive`][lookax.training.constructors.naive], and

    - `inner_learning_rate`: η of one plain gradient step of the opponents.
    - `lookahead`: what opponents are expected to do, instead of that step.
    - `taylor`: the first-order expansion in the opponents' step, as LOLA was first published.
    """
    play, maker = _exact(game, policy, discount, horizon)
    return LOLA(
        game=play,
        initial=maker.initial,
        optimiser=Optimiser(optax.sgd, learning_rate=learning_rate),
        shaping=Shaping(lookahead=lookahead or _one_step(inner_learning_rate), taylor=taylor),
    )


def pola(
    game: MatrixGame,
    *,
    policy: PolicyKind | PolicyFactory = "tabular",
    discount: ScalarLike = 0.96,
    horizon: int | None = None,
    learning_rate: ScalarLike = 0.3,
    outer_beta: ScalarLike = 0.1,
    inner_learning_rate: ScalarLike = 5.0,
    inner_beta: ScalarLike | None = None,
    lookahead: Maximiser | None = None,
) -> POLA:
    """[`POLA`][lookax.learners.pola.POLA] in a matrix game, from exact values; outer steps until the policy is still.

    Compute in double precision: within `jax.enable_x64(True)`, as presets do. A policy counts as still at a KL
    divergence of 1e-8, which single precision cannot tell from rounding; some pairs then leave cooperation again.

    **Arguments:** as of [`lola`][lookax.training.constructors.lola], with `learning_rate` that of the outer steps, and

    - `outer_beta`: β of my KL divergence from the policy before the update.
    - `inner_beta`: β of the opponents' one; `None` for no such term.
    """
    play, maker = _exact(game, policy, discount, horizon)
    return POLA(
        game=play,
        initial=maker.initial,
        optimiser=Optimiser(optax.sgd, learning_rate=learning_rate),
        shaping=Shaping(lookahead=lookahead or _one_step(inner_learning_rate), inner_beta=inner_beta),
        outer_beta=outer_beta,
    )


def lola_dice(
    game: MatrixGame,
    *,
    policy: PolicyKind | PolicyFactory = "tabular",
    discount: ScalarLike = 0.96,
    horizon: int = 100,
    batch_size: int = 128,
    estimator: GameEstimator = "self-normalised-dice",
    learning_rate: ScalarLike = 0.1,
    inner_learning_rate: ScalarLike = 0.3,
    lookahead: Lookahead | None = None,
) -> LOLADiCE:
    """[`LOLADiCE`][lookax.learners.lola_dice.LOLADiCE] in a matrix game, from sampled games, without a critic.

    **Arguments:** as of [`lola`][lookax.training.constructors.lola], with `learning_rate` that of Adam, and

    - `horizon`: steps of a game.
    - `batch_size`: games behind each estimate.
    - `estimator`: of returns; baselines of those that have one stay at zero.
    """
    play, maker = _exact(game, policy, discount, None)
    estimate = PlayedReturn(estimator=estimator, batch_size=batch_size, horizon=horizon)
    return LOLADiCE(
        game=play,
        initial=maker.initial,
        lookahead=lookahead or _one_step(inner_learning_rate),
        inner=estimate,
        outer=estimate,
        optimiser=Optimiser(optax.adam, learning_rate=learning_rate),
    )


def pola_dice(
    game: Game,
    *,
    horizon: int = 20,
    batch_size: int = 256,
    discount: ScalarLike = 0.9,
    learning_rate: ScalarLike = 0.01,
    critic_learning_rate: ScalarLike = 0.01,
    outer_steps: int = 20,
    outer_beta: ScalarLike | None = 10.0,
    inner_steps: int = 1,
    inner_learning_rate: ScalarLike = 0.1,
    inner_critic_learning_rate: ScalarLike = 0.01,
    inner_beta: ScalarLike | None = None,
    baseline: Baseline = "critic",
    gae_lambda: ScalarLike = 1.0,
    dice_decay: ScalarLike = 1.0,
    hidden_size: int = 16,
    policy: PolicyFactory | None = None,
) -> Agents:
    """POLA-DiCE: recurrent agents in any game, from sampled games.

    See [`POLADiCEUpdate`][lookax.learners.pola_dice.POLADiCEUpdate]. Defaults are those of the laptop-scale presets.
    `outer_steps=1, outer_beta=None` is LOLA-DiCE, `inner_steps=0` besides a naive policy gradient.

    ```python
    learner = lx.pola_dice(lx.OneCoinGame(), batch_size=64, outer_steps=2)
    state, history = jax.jit(lambda key: lx.train(learner, key, 10))(jax.random.key(0))
    ```

    **Arguments:**

    - `horizon`, `batch_size`: steps of a game, and how many games each estimate is of.
    - `discount`: γ per step.
    - `learning_rate`, `critic_learning_rate`: of Adam in an agent's outer steps.
    - `outer_steps`, `outer_beta`: M of them; β of its KL divergence, `None` for no such term.
    - `inner_steps`, `inner_learning_rate`, `inner_critic_learning_rate`, `inner_beta`: the opponents' K plain gradient
      steps, all at once.
    - `baseline`, `gae_lambda`, `dice_decay`: of advantages, λ, and how much of the past Loaded DiCE keeps, as of
      [`SampledObjectives`][lookax.learners.objectives.sampled_objectives.SampledObjectives]. With
      `baseline="linear"` there is no critic, and fewer games will do.
    - `hidden_size`: of GRU networks, the critics' too.
    - `policy`: `make(key, num_inputs, num_outputs)`, for policies other than those networks.

    **Raises:** `ValueError` for numbers out of range, and for all that
    [`check_game`][lookax.rollouts.check_game.check_game] finds.
    """
    check_game(game)
    update = POLADiCEUpdate(
        play=Play(game=game, horizon=horizon, batch_size=batch_size),
        objectives=SampledObjectives(
            discount=discount, gae_lambda=gae_lambda, dice_decay=dice_decay, baseline=baseline
        ),
        optimiser=Optimiser(optax.adam, learning_rate=learning_rate),
        critic_optimiser=Optimiser(optax.adam, learning_rate=critic_learning_rate),
        lookahead=_one_step(inner_learning_rate, inner_steps),
        inner_critic_optimiser=Optimiser(optax.sgd, learning_rate=inner_critic_learning_rate),
        outer_steps=outer_steps,
        inner_beta=inner_beta,
        outer_beta=outer_beta,
    )

    def gru(key: Key[Array, ""], num_inputs: int, num_outputs: int) -> Any:
        return network(key, num_inputs, num_outputs, hidden_size=hidden_size)

    def initial(key: Key[Array, ""]) -> tuple[tuple[Agent, ...], tuple[tuple[()], ...]]:
        critic = gru if baseline == "critic" else None
        keys = jax.random.split(key, game.num_players)
        agents = tuple(new_agent(own, game, player, policy or gru, critic) for player, own in enumerate(keys))
        return agents, ((),) * game.num_players

    return Agents(initial=initial, updates=(update,) * game.num_players)


def new_agent(
    key: Key[Array, ""], game: Game, player: int, policy: PolicyFactory, critic: PolicyFactory | None
) -> Agent:
    """An agent for a player of a game.

    **Arguments:** the `key` that it is drawn from; the `game` and the `player`, whose observations say what networks
    take; what makes its `policy` and its `critic`, `None` for none.
    """
    policy_key, critic_key = jax.random.split(key)
    observation = jax.eval_shape(lambda key: game.observe(game.reset(key), player), jax.random.key(0))
    num_inputs = observation.shape[0]
    made = None if critic is None else critic(critic_key, num_inputs, 1)
    return Agent(of_arrays(policy(policy_key, num_inputs, game.num_actions[player])), made)


def _exact(
    game: MatrixGame, policy: PolicyKind | PolicyFactory, discount: ScalarLike, horizon: int | None
) -> tuple[ExactPlay, PolicyMaker]:
    rule = "a MatrixGame, such as MatrixGame([[-2, 0], [-3, -1]]); `pola_dice` learns in other games"
    check(isinstance(game, MatrixGame), "game", type(game).__name__, rule)
    maker = PolicyMaker(game, policy)
    return ExactPlay(game, maker.observations(), discount, horizon), maker


def _one_step(learning_rate: ScalarLike, steps: int = 1) -> Lookahead:
    return Lookahead(Optimiser(optax.sgd, learning_rate=learning_rate), steps)
