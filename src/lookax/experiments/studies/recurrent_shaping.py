"""Recurrent agents that shape each other: POLA-DiCE, LOLA-DiCE and naive learners in games that go on."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import jax
import optax
from jaxtyping import Array, Key

from lookax.choices import CoinGameName
from lookax.errors import BadInputError, check
from lookax.evaluation.matches import coins, match, own_coin_share, scores, scores_against
from lookax.evaluation.reciprocity import is_reciprocal
from lookax.experiments.settings.recurrent_shaping import ITSELF, SIMPLER, RecurrentShaping
from lookax.experiments.studies.exact_learners import optimiser_of
from lookax.experiments.studies.study import AGAINST, against_metric
from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.game import Game, Policies
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import TWO_PLAYER_GAMES, contribution_payoffs
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.pair import Pair, PairState
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.serialisation import deserialise, serialise
from lookax.policies.strategies import Strategy, strategy, strategy_names
from lookax.rollouts.microbatches import Play


@dataclasses.dataclass(frozen=True)
class RecurrentShapingStudy:
    """Two recurrent agents that learn from games with each other."""

    settings: RecurrentShaping

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError` for opponents that the game does not have, or that cannot be read."""
        settings, names = self.settings, strategy_names(self.game())
        if settings.defector_fraction is not None:
            rule = "None in a game without a defector"
            check("always-defect" in names, "defector_fraction", settings.defector_fraction, rule)
            at_once = settings.batch_size // self.play().num_microbatches
            rule = f"between 1/{at_once} and {at_once - 1}/{at_once}, as {at_once} games are played at once"
            possible = 1 <= settings.defector_fraction * at_once <= at_once - 1
            check(possible, "defector_fraction", settings.defector_fraction, rule)
        self.learner()
        if self._opponent_file() is not None:
            self._read_opponent()
        elif settings.opponent not in (ITSELF, *SIMPLER):
            rule = f"one of {', '.join((ITSELF, *SIMPLER, *names))} in this game, or an agent's FILE.json"
            check(settings.opponent in names, "opponent", settings.opponent, rule)

    def game(self) -> OneCoinGame | TwoCoinGame | MatrixGame:
        """The game."""
        if self.settings.game == "contribution":
            return MatrixGame(contribution_payoffs(self.settings.contribution_factor, 2), 1, self.settings.start)
        if self.settings.game in get_args(CoinGameName):
            kind = OneCoinGame if self.settings.game == "coin" else TwoCoinGame
            rewards = self.settings.own_coin_reward, self.settings.other_coin_reward, self.settings.other_coin_cost
            return kind(*rewards, self.settings.grid_size, self.settings.shared_coins)
        return MatrixGame(TWO_PLAYER_GAMES[self.settings.game], 1, self.settings.start)

    def rules(self) -> dict[str, Any]:
        """The settings that say what is played and for how long, by name."""
        names = ["game"]
        if self.settings.game in get_args(CoinGameName):
            names += ["grid_size", "own_coin_reward", "other_coin_reward", "other_coin_cost", "shared_coins"]
        else:
            names += [*(["contribution_factor"] if self.settings.game == "contribution" else []), "start"]
        return {name: getattr(self.settings, name) for name in (*names, "horizon")}

    def policies(self, state: PairState) -> Policies:
        """Both agents' policies."""
        return tuple(agent.policy for agent in state.agents)

    def play(self) -> Play:
        """How games are played to learn from."""
        return Play(
            game=self.game(),
            horizon=self.settings.horizon,
            batch_size=self.settings.batch_size,
            at_once=self.settings.games_at_once,
        )

    def objectives(self) -> SampledObjectives:
        """What is maximised."""
        return SampledObjectives(
            discount=self.settings.discount,
            gae_lambda=self.settings.gae_lambda,
            baseline=self.settings.baseline,
            reversed_divergence=self.settings.reversed_divergence,
        )

    def learner(self) -> POLADiCEUpdate:
        """How the first player learns."""
        return POLADiCEUpdate(
            play=self.play(),
            objectives=self.objectives(),
            optimiser=optimiser_of(self.settings.optimiser, self.settings.learning_rate),
            critic_optimiser=optimiser_of(self.settings.optimiser, self.settings.critic_learning_rate),
            lookahead=Lookahead(
                Optimiser(optax.sgd, learning_rate=self.settings.inner_learning_rate),
                self.settings.inner_steps,
                adjoint_by_name(self.settings.adjoint),
            ),
            inner_critic_optimiser=Optimiser(optax.sgd, learning_rate=self.settings.inner_critic_learning_rate),
            outer_steps=self.settings.outer_steps,
            inner_beta=self.settings.inner_beta,
            outer_beta=self.settings.outer_beta,
            keep_optimisers=self.settings.keep_optimisers,
            critic_after_loop=self.settings.critic_after_loop,
            tremble_probability=self.settings.tremble_probability,
            scripted_opponent=None if self.settings.defector_fraction is None else _defector,
            scripted_fraction=self.settings.defector_fraction or 0.0,
        )

    def pair(self) -> Pair:
        """Both learners."""
        learner, imitation = self.learner(), self._imitation() if self.settings.opponent_model else None
        if self.settings.opponent == ITSELF:
            return Pair(initial=self._initial, updates=(learner, learner), imitations=(imitation, imitation))
        other = None
        if self.settings.opponent in SIMPLER:
            lookahead = dataclasses.replace(
                learner.lookahead, steps=0 if self.settings.opponent == "naive" else self.settings.inner_steps
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
        game, policies = self.game(), self.policies(state)
        match_key, key = jax.random.split(key)
        games = match(game, policies, match_key, self.settings.horizon, self.settings.evaluation_games)
        own = scores_against(against, game, policies, key, self.settings.horizon, self.settings.evaluation_games)
        metrics = {"score": scores(games)}
        metrics |= {against_metric(name): score for name, score in zip(against, own, strict=True)}
        if isinstance(game, CoinGame):
            metrics["coins"] = coins(game, games)
            metrics["own_coin_share"] = own_coin_share(metrics["coins"])
        if self.settings.game == "contribution" and isinstance(game, MatrixGame) and "always-defect" in against:
            metrics["reciprocal"] = is_reciprocal(game, metrics["score"], metrics["against_always_defect"])
        return metrics

    def describe(self, state: PairState) -> dict[str, Any]:
        """Both policies and critics, where they are networks."""
        return {
            f"player{i + 1}": {"policy": serialise(agent.policy), "critic": serialise(agent.critic)}
            for i, agent in enumerate(state.agents)
            if isinstance(agent.policy, Network)
        }

    def first_agent(self, key: Key[Array, ""], player: int) -> Agent:
        """A fresh agent for a seat."""
        game = self.game()
        policy_key, critic_key = jax.random.split(key)
        inputs = _observation_size(game, player)

        def fresh(key: Key[Array, ""], outputs: int) -> Network:
            return network(
                key,
                inputs,
                outputs,
                hidden_size=self.settings.hidden_size,
                num_layers=self.settings.num_layers,
                recurrent_unit=self.settings.recurrent_unit,
                initialiser=self.settings.initialiser,
            )

        critic = fresh(critic_key, 1) if self.settings.baseline == "critic" else None
        if critic is not None and self.settings.shared_encoder:
            critic = critic.head
        return Agent(fresh(policy_key, game.num_actions[player]), critic)

    def _initial(self, key: Key[Array, ""]) -> tuple[tuple[Agent, Agent], tuple[Agent, Agent]]:
        keys = jax.random.split(key, 4)
        agents = self.first_agent(keys[0], 0), self.first_agent(keys[1], 1)
        models = self.first_agent(keys[2], 1), self.first_agent(keys[3], 0)
        if self._opponent_file() is not None:
            return (agents[0], self._read_opponent()), models
        if self.settings.opponent not in (ITSELF, *SIMPLER):
            return (agents[0], Agent(strategy(self.settings.opponent, self.game(), 1), None)), models
        return agents, models

    def _imitation(self) -> Imitation:
        return Imitation(
            play=self.play(),
            objectives=self.objectives(),
            optimiser=optimiser_of(self.settings.optimiser, self.settings.model_learning_rate),
            critic_optimiser=optimiser_of(self.settings.optimiser, self.settings.model_critic_learning_rate),
            batches=self.settings.model_batches,
            steps=self.settings.model_steps,
        )

    def _opponent_file(self) -> Path | None:
        return Path(self.settings.opponent) if self.settings.opponent.endswith(".json") else None

    def _read_opponent(self) -> Agent:
        path = self._opponent_file()
        try:
            serialised = json.loads(Path(str(path)).read_text())["player2"]
            like = jax.eval_shape(lambda key: self.first_agent(key, 1), jax.random.key(0))
            critic = None if like.critic is None else deserialise(serialised["critic"], like.critic)
            return Agent(deserialise(serialised["policy"], like.policy), critic)
        except BadInputError as reason:
            raise BadInputError(f"opponent: {str(path)!r}: {reason}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
            raise BadInputError(f"opponent: {str(path)!r} cannot be read as a run's seed-….json ({reason})") from None


def _defector(game: Game, player: int) -> Strategy:
    return strategy("always-defect", game, player)


def _observation_size(game: Game, player: int) -> int:
    return jax.eval_shape(lambda key: game.observe(game.reset(key), player), jax.random.key(0)).shape[0]
