"""Agents with a memory that shape each other: POLA-DiCE, LOLA-DiCE and naive learners in games that go on."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import jax
import optax
from jaxtyping import Array, Key

from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.evaluation.matches import coins, match, own_coin_share, scores, scores_against
from lookax.evaluation.reciprocity import is_reciprocal
from lookax.experiments.settings import StaticFloat, check_seeds, settings
from lookax.experiments.studies.algorithms import OptimiserName, optimiser_of
from lookax.experiments.studies.repeated_game import GameName
from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.game import Game
from lookax.games.histories import Start
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.learners.learner import Metrics
from lookax.learners.objectives.agent import Agent, Baseline, SampledObjectives
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.pair import Pair, PairState
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.adjoints import AdjointName, adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.actor import Network
from lookax.policies.mlp import Initialiser
from lookax.policies.recurrent import Memory, network
from lookax.policies.serialisation import as_written, from_written
from lookax.policies.strategies import Strategy, strategy, strategy_names
from lookax.rollouts.microbatches import Play

CoinGameName = Literal["coin", "two-coins"]

ITSELF = "itself"
SIMPLER = ("naive", "lola-dice")
"""Learners that are this one with fewer steps, and no divergence."""

AGAINST = ("always-defect", "always-cooperate", "tit-for-tat")
"""Strategies that agents are evaluated against after every update."""


def against_metric(strategy: str) -> str:
    """The name of the metric that tells how agents fare against a strategy."""
    return f"against_{strategy.replace('-', '_')}"


@settings
@dataclasses.dataclass(frozen=True)
class MemoryShaping:
    """Two agents with a memory that learn from games with each other."""

    game: GameName | CoinGameName = "contribution"
    """What is played: a matrix game again and again, or a coin game."""
    contribution_factor: float = 1.33
    """What the contribution game multiplies contributions by, before they are shared equally."""
    start: Start = "separate"
    """What players of a matrix game see at the first step: a state of its own, or as if all had always cooperated."""
    grid_size: int = 3
    """Side of a coin game's grid."""
    own_coin_reward: float = 1.0
    """For a coin of one's own colour."""
    other_coin_reward: float = 1.0
    """For a coin of the other's colour."""
    other_coin_cost: float = -2.0
    """What the other gets for a coin of its colour."""
    shared_coins: bool = False
    """A coin that both pick up at once counts half for each."""
    discount: float = 0.96
    """Discount factor γ per step."""
    horizon: int = 50
    """Number of steps T of a game."""
    batch_size: int = 2000
    """How many games are played for every gradient."""
    games_at_once: int | None = None
    """How many of them are worked through at once, a divisor; None for what suits the kind of device."""

    outer_steps: int = 200
    """How many steps M an update takes."""
    inner_steps: int = 2
    """How many steps K of the opponent every one of them looks ahead; 0 for a naive learner."""
    learning_rate: float = 0.003
    """Step size of the policies' optimiser."""
    critic_learning_rate: float = 0.0005
    """Step size of the critics' optimiser."""
    optimiser: OptimiserName = "adam"
    """Optimiser of policies and critics, models' too; starts afresh at every update, unless kept."""
    keep_optimisers: bool = False
    """Optimisers go on from one update to the next."""
    inner_learning_rate: float = 0.005
    """Step size η of the opponent's steps (plain gradient steps)."""
    inner_critic_learning_rate: float = 0.0005
    """Step size of the opponent's critic in them (plain gradient steps)."""
    outer_beta: float | None = 100.0
    """Weight β of the KL divergence from the policy before the update; None for no such term."""
    inner_beta: float | None = 10.0
    """Weight β of the opponent's KL divergence from its policy before its steps; None for no such term."""
    reversed_divergence: bool = False
    """KL of the present policy to the former one, instead of the other way round."""
    baseline: Baseline = "critic"
    """Advantages by a critic, by values of zero, or plain DiCE of rewards without any baseline."""
    gae_lambda: float = 1.0
    """λ of generalised advantages."""
    critic_after_loop: bool = False
    """The critic learns after an update's steps, not along with them."""
    tremble_probability: float | None = None
    """With which learners' actions are random ones in the games that are learned from; None for never, as published."""
    defector_fraction: StaticFloat | None = None
    """Part of the games after the opponent's steps that is against a defector; None for none, as published."""
    adjoint: AdjointName = "forward-over-reverse"
    """How the opponent's steps are differentiated."""

    opponent: str = ITSELF
    """Who learns in the second seat: itself, naive, lola-dice, a strategy, or an agent written to FILE.json."""
    opponent_model: bool = False
    """Learn a model of the opponent from games with it, and shape that."""
    model_batches: int = 200
    """How many batches of games an update's models are fitted to."""
    model_steps: int = 1
    """How many steps are taken on each of them."""
    model_learning_rate: float = 0.003
    """Step size of the model's policy."""
    model_critic_learning_rate: float = 0.0005
    """Step size of the model's critic."""

    memory: Memory = "gru"
    """What agents remember by; none for the last step alone."""
    hidden_size: int = 64
    """Size of their dense layers and memories."""
    num_layers: int = 1
    """How many dense layers come before the memory."""
    shared_encoder: bool = False
    """The critic is a head on the policy's memory, instead of a network of its own."""
    initialiser: Initialiser = "lecun"
    """Initialisation of all layers."""

    evaluation_games: int = 500
    """How many games are played for every score."""
    total_updates: int = 100
    """How many updates to learn for."""
    seeds: int = 10
    """How many runs, each with its own random seed; all of them learn at once."""
    first_seed: int = 0
    """Seed of the first run; the others count up from it."""

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = True
    updates_in_loops: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        for name in ("contribution_factor", "learning_rate", "critic_learning_rate", "inner_learning_rate",
                     "inner_critic_learning_rate", "model_learning_rate", "model_critic_learning_rate"):  # fmt: skip
            check_positive(name, getattr(self, name))
        for name in ("horizon", "batch_size", "outer_steps", "model_batches", "model_steps", "hidden_size",
                     "evaluation_games", "total_updates"):  # fmt: skip
            check_at_least(name, getattr(self, name), 1)
        check_at_least("inner_steps", self.inner_steps, 0)
        check(3 <= self.grid_size <= 100, "grid_size", self.grid_size, "between 3 and 100")
        check(0 <= self.discount <= 1, "discount", self.discount, "between 0 and 1")
        check(0 <= self.gae_lambda <= 1, "gae_lambda", self.gae_lambda, "between 0 and 1")
        for name in ("own_coin_reward", "other_coin_reward", "other_coin_cost"):
            check(math.isfinite(getattr(self, name)), name, getattr(self, name), "finite")
        if self.games_at_once is not None:
            divides = self.games_at_once >= 1 and self.batch_size % self.games_at_once == 0
            rule = f"a divisor of the batch size, {self.batch_size}"
            check(divides, "games_at_once", self.games_at_once, rule)
        for name in ("outer_beta", "inner_beta"):
            if (beta := getattr(self, name)) is not None:
                check_at_least(name, beta, 0)
        if self.tremble_probability is not None:
            check(0 < self.tremble_probability < 1, "tremble_probability", self.tremble_probability, "between 0 and 1")
        if self.defector_fraction is not None:
            names = strategy_names(self.played())
            rule = "None in a game without a defector"
            check("always-defect" in names, "defector_fraction", self.defector_fraction, rule)
            at_once = self.batch_size // self.play().num_microbatches
            rule = f"between 1/{at_once} and {at_once - 1}/{at_once}, as {at_once} games are played at once"
            possible = 1 <= self.defector_fraction * at_once <= at_once - 1
            check(possible, "defector_fraction", self.defector_fraction, rule)
        check(self.num_layers in (0, 1, 2), "num_layers", self.num_layers, "0, 1 or 2")
        check_seeds(self.seeds, self.first_seed)
        self.learner()
        if self._written_opponent() is not None:
            self._read_opponent()
        elif self.opponent not in (ITSELF, *SIMPLER):
            names = strategy_names(self.played())
            rule = f"one of {', '.join((ITSELF, *SIMPLER, *names))} in this game, or an agent's FILE.json"
            check(self.opponent in names, "opponent", self.opponent, rule)

    def played(self) -> OneCoinGame | TwoCoinGame | MatrixGame:
        """The game."""
        if self.game == "contribution":
            return MatrixGame(contribution_payoffs(self.contribution_factor, 2), 1, self.start)
        if self.game in get_args(CoinGameName):
            kind = OneCoinGame if self.game == "coin" else TwoCoinGame
            rewards = self.own_coin_reward, self.other_coin_reward, self.other_coin_cost
            return kind(*rewards, self.grid_size, self.shared_coins)
        return MatrixGame(TWO_PLAYER_GAMES[self.game], 1, self.start)

    def rules(self) -> dict[str, Any]:
        """The settings that say what is played and for how long, by name."""
        names = ["game"]
        if self.game in get_args(CoinGameName):
            names += ["grid_size", "own_coin_reward", "other_coin_reward", "other_coin_cost", "shared_coins"]
        else:
            names += [*(["contribution_factor"] if self.game == "contribution" else []), "start"]
        return {name: getattr(self, name) for name in (*names, "horizon")}

    def play(self) -> Play:
        """How games are played to learn from."""
        return Play(game=self.played(), horizon=self.horizon, batch_size=self.batch_size, at_once=self.games_at_once)

    def objectives(self) -> SampledObjectives:
        """What is maximised."""
        return SampledObjectives(
            discount=self.discount,
            gae_lambda=self.gae_lambda,
            baseline=self.baseline,
            reversed_divergence=self.reversed_divergence,
        )

    def learner(self) -> POLADiCEUpdate:
        """How the first player learns."""
        return POLADiCEUpdate(
            play=self.play(),
            objectives=self.objectives(),
            optimiser=optimiser_of(self.optimiser, self.learning_rate),
            critic_optimiser=optimiser_of(self.optimiser, self.critic_learning_rate),
            lookahead=Lookahead(
                Optimiser(optax.sgd, learning_rate=self.inner_learning_rate),
                self.inner_steps,
                adjoint_by_name(self.adjoint),
            ),
            inner_critic_optimiser=Optimiser(optax.sgd, learning_rate=self.inner_critic_learning_rate),
            outer_steps=self.outer_steps,
            inner_beta=self.inner_beta,
            outer_beta=self.outer_beta,
            keep_optimisers=self.keep_optimisers,
            critic_after_loop=self.critic_after_loop,
            tremble_probability=self.tremble_probability,
            scripted_opponent=None if self.defector_fraction is None else _defector,
            scripted_fraction=self.defector_fraction or 0.0,
        )

    def pair(self) -> Pair:
        """Both learners."""
        learner, imitation = self.learner(), self._imitation() if self.opponent_model else None
        if self.opponent == ITSELF:
            return Pair(initial=self._initial, updates=(learner, learner), imitations=(imitation, imitation))
        other = None
        if self.opponent in SIMPLER:
            lookahead = dataclasses.replace(
                learner.lookahead, steps=0 if self.opponent == "naive" else self.inner_steps
            )
            other = dataclasses.replace(learner, lookahead=lookahead, outer_steps=1, inner_beta=None, outer_beta=None)
        return Pair(initial=self._initial, updates=(learner, other), imitations=(imitation, None))

    def init(self, key: Key[Array, ""]) -> PairState:
        """First agents."""
        return self.pair().init(key)

    def update(self, key: Key[Array, ""], state: PairState) -> tuple[PairState, Metrics]:
        """One update of both; with models, `model_cross_entropy` `[N]` of them."""
        return self.pair().update(key, state)

    def evaluate(self, key: Key[Array, ""], state: PairState, against: Sequence[str] = AGAINST) -> Metrics:
        """All players' `score` `[N]`, mean reward per step, and `against_…` of each seat `against` strategies.

        In coin games, `coins` `[picker, colour]` of a game and `own_coin_share`; in the contribution game, whether the
        pair is `reciprocal`.
        """
        game, policies = self.played(), tuple(agent.policy for agent in state.agents)
        match_key, key = jax.random.split(key)
        games = match(game, policies, match_key, self.horizon, self.evaluation_games)
        own = scores_against(against, game, policies, key, self.horizon, self.evaluation_games)
        metrics = {"score": scores(games)}
        metrics |= {against_metric(name): score for name, score in zip(against, own, strict=True)}
        if isinstance(game, CoinGame):
            metrics["coins"] = coins(game, games)
            metrics["own_coin_share"] = own_coin_share(metrics["coins"])
        if self.game == "contribution" and isinstance(game, MatrixGame) and "always-defect" in against:
            metrics["reciprocal"] = is_reciprocal(game, metrics["score"], metrics["against_always_defect"])
        return metrics

    def describe(self, state: PairState) -> dict[str, Any]:
        """Both policies and critics, where they are networks."""
        return {
            f"player{i + 1}": {"policy": as_written(agent.policy), "critic": as_written(agent.critic)}
            for i, agent in enumerate(state.agents)
            if isinstance(agent.policy, Network)
        }

    def first_agent(self, key: Key[Array, ""], player: int) -> Agent:
        """A fresh agent for a seat."""
        game = self.played()
        policy_key, critic_key = jax.random.split(key)
        inputs = _observation_size(game, player)

        def fresh(key: Key[Array, ""], outputs: int) -> Network:
            return network(
                key,
                inputs,
                outputs,
                hidden_size=self.hidden_size,
                num_layers=self.num_layers,
                memory=self.memory,
                initialiser=self.initialiser,
            )

        critic = fresh(critic_key, 1) if self.baseline == "critic" else None
        if critic is not None and self.shared_encoder:
            critic = critic.head
        return Agent(fresh(policy_key, game.num_actions[player]), critic)

    def _initial(self, key: Key[Array, ""]) -> tuple[tuple[Agent, Agent], tuple[Agent, Agent]]:
        keys = jax.random.split(key, 4)
        agents = self.first_agent(keys[0], 0), self.first_agent(keys[1], 1)
        models = self.first_agent(keys[2], 1), self.first_agent(keys[3], 0)
        if self._written_opponent() is not None:
            return (agents[0], self._read_opponent()), models
        if self.opponent not in (ITSELF, *SIMPLER):
            return (agents[0], Agent(strategy(self.opponent, self.played(), 1), None)), models
        return agents, models

    def _imitation(self) -> Imitation:
        return Imitation(
            play=self.play(),
            objectives=self.objectives(),
            optimiser=optimiser_of(self.optimiser, self.model_learning_rate),
            critic_optimiser=optimiser_of(self.optimiser, self.model_critic_learning_rate),
            batches=self.model_batches,
            steps=self.model_steps,
        )

    def _written_opponent(self) -> Path | None:
        return Path(self.opponent) if self.opponent.endswith(".json") else None

    def _read_opponent(self) -> Agent:
        path = self._written_opponent()
        try:
            written = json.loads(Path(str(path)).read_text())["player2"]
            like = jax.eval_shape(lambda key: self.first_agent(key, 1), jax.random.key(0))
            critic = None if like.critic is None else from_written(written["critic"], like.critic)
            return Agent(from_written(written["policy"], like.policy), critic)
        except BadInputError as reason:
            raise BadInputError(f"opponent: {str(path)!r}: {reason}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
            raise BadInputError(f"opponent: {str(path)!r} cannot be read as a run's seed-….json ({reason})") from None


def _defector(game: Game, player: int) -> Strategy:
    return strategy("always-defect", game, player)


def _observation_size(game: Game, player: int) -> int:
    return jax.eval_shape(lambda key: game.observe(game.reset(key), player), jax.random.key(0)).shape[0]
