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
from lookax.experiments.studies.matrix_games import matrix_game_of, paying
from lookax.experiments.studies.study import AGAINST, against_metric
from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.game import Game, Policies
from lookax.games.matrix_game import MatrixGame
from lookax.imports import import_named
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.pair import Pair, PairState
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.network import Network
from lookax.policies.published.agent_files import is_agent_file, read_agent
from lookax.policies.recurrent import network
from lookax.policies.serialisation import deserialise, serialise
from lookax.policies.strategies import Strategy, strategy, strategy_names
from lookax.rollouts.check_game import check_game
from lookax.rollouts.microbatches import Play
from lookax.training.constructors import PolicyFactory, new_agent


@dataclasses.dataclass(frozen=True)
class RecurrentShapingStudy:
    """Two recurrent agents that learn from games with each other."""

    settings: RecurrentShaping

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError` for a game that cannot be played, policies that cannot be made, and missing opponents."""
        check_game(self.game())
        settings, names = self.settings, strategy_names(self.game())
        if settings.defector_fraction is not None:
            rule = "None in a game without a defector"
            check("always-defect" in names, "defector_fraction", settings.defector_fraction, rule)
            at_once = settings.batch_size // self.play().num_microbatches
            rule = f"between 1/{at_once} and {at_once - 1}/{at_once}, as {at_once} games are played at once"
            possible = 1 <= settings.defector_fraction * at_once <= at_once - 1
            check(possible, "defector_fraction", settings.defector_fraction, rule)
        self.learner()
        jax.eval_shape(lambda key: self.first_agent(key, 0), jax.random.key(0))
        if (fixed := self._fixed_opponent()) is not None:
            self._check_fits(fixed)
        elif settings.opponent not in (ITSELF, *SIMPLER):
            rule = (
                f"one of {', '.join((ITSELF, *SIMPLER, *names))} in this game, or an agent's FILE.json or FILE.npz:NAME"
            )
            check(settings.opponent in names, "opponent", settings.opponent, rule)

    def game(self) -> Any:
        """The game."""
        settings = self.settings
        if settings.payoffs is None and ":" in settings.game:
            named = import_named("game", settings.game)
            return named() if isinstance(named, type) else named
        if settings.payoffs is None and settings.game in get_args(CoinGameName):
            rewards = settings.own_coin_reward, settings.other_coin_reward, settings.other_coin_cost
            common = *rewards, settings.grid_size, settings.shared_coins
            if settings.game == "coin":
                return OneCoinGame(*common, settings.view or "board")
            return TwoCoinGame(*common, settings.view == "egocentric")
        return matrix_game_of(settings, 1, settings.start)

    def rules(self) -> dict[str, Any]:
        """The settings that say what is played and for how long, by name."""
        names = list(paying(self.settings))
        if isinstance(self.game(), CoinGame):
            names += ["grid_size", "own_coin_reward", "other_coin_reward", "other_coin_cost", "shared_coins"]
        elif isinstance(self.game(), MatrixGame):
            names += ["start"]
        return {name: getattr(self.settings, name) for name in (*names, "horizon")}

    def policies(self, state: PairState) -> Policies:
        """Both agents' policies."""
        return state.policies

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
        """All players' `score` `[N]`, mean reward per step, and `against_…` of each seat.

        Those are `against` the strategies that the game has. In coin games, `coins` `[picker, colour]` of a game and
        `own_coin_share`; in the contribution game, whether the pair is `reciprocal`.

        **Arguments:** the learner's `state`; names of strategies to play `against`, of which those that the game does
        not have are left out.
        """
        game, policies = self.game(), self.policies(state)
        match_key, key = jax.random.split(key)
        games = match(game, policies, match_key, self.settings.horizon, self.settings.evaluation_games)
        against = [name for name in against if name in strategy_names(game)]
        own = scores_against(against, game, policies, key, self.settings.horizon, self.settings.evaluation_games)
        metrics = {"score": scores(games)}
        metrics |= {against_metric(name): score for name, score in zip(against, own, strict=True)}
        if isinstance(game, CoinGame):
            metrics["coins"] = coins(game, games)
            metrics["own_coin_share"] = own_coin_share(metrics["coins"])
        in_dilemma = "contribution_factor" in paying(self.settings)
        if in_dilemma and isinstance(game, MatrixGame) and "always-defect" in against:
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
        settings = self.settings

        def fresh(key: Key[Array, ""], inputs: int, outputs: int) -> Network:
            return network(
                key,
                inputs,
                outputs,
                hidden_size=settings.hidden_size,
                num_layers=settings.num_layers,
                recurrent_unit=settings.recurrent_unit,
                initialiser=settings.initialiser,
            )

        def head(key: Key[Array, ""], inputs: int, outputs: int) -> Any:
            return fresh(key, inputs, outputs).head

        make: PolicyFactory = fresh if settings.policy is None else import_named("policy", settings.policy)
        critic = (head if settings.shared_encoder else fresh) if settings.baseline == "critic" else None
        return new_agent(key, self.game(), player, make, critic)

    def _initial(self, key: Key[Array, ""]) -> tuple[tuple[Agent, Agent], tuple[Agent, Agent]]:
        keys = jax.random.split(key, 4)
        agents = self.first_agent(keys[0], 0), self.first_agent(keys[1], 1)
        models = self.first_agent(keys[2], 1), self.first_agent(keys[3], 0)
        if (fixed := self._fixed_opponent()) is not None:
            return (agents[0], fixed), models
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

    def _fixed_opponent(self) -> Agent | None:
        """The agent of a file in the second seat, if there is to be one."""
        named = self.settings.opponent
        if is_agent_file(named):
            try:
                return Agent(read_agent(named), None)
            except BadInputError as reason:
                raise BadInputError(f"opponent: {reason}") from None
        return self._written_opponent(Path(named)) if named.endswith(".json") else None

    def _check_fits(self, fixed: Agent) -> None:
        """Raises `ValueError` for an agent that cannot sit in the second seat."""
        try:
            jax.eval_shape(lambda key: match(self.game(), ("random", fixed.policy), key, 1, 1), jax.random.key(0))
        except BadInputError as reason:
            raise BadInputError(f"opponent: {self.settings.opponent!r}: {reason}") from None
        settings = self.settings
        if fixed.critic is None and settings.baseline == "critic" and not settings.opponent_model:
            rule = "0 with an opponent that has no critic, unless it is modelled or the baseline is zero or none"
            check(settings.inner_steps == 0, "inner_steps", settings.inner_steps, rule)

    def _written_opponent(self, path: Path) -> Agent:
        try:
            serialised = json.loads(path.read_text())["player2"]
            like = jax.eval_shape(lambda key: self.first_agent(key, 1), jax.random.key(0))
            critic = None if like.critic is None else deserialise(serialised["critic"], like.critic)
            return Agent(deserialise(serialised["policy"], like.policy), critic)
        except BadInputError as reason:
            raise BadInputError(f"opponent: {str(path)!r}: {reason}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
            raise BadInputError(f"opponent: {str(path)!r} cannot be read as a run's seed-….json ({reason})") from None


def _defector(game: Game, player: int) -> Strategy:
    return strategy("always-defect", game, player)
