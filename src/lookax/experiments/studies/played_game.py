"""Studies of agents that play games to learn from: which game, how it is played, and how agents fare in it."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, get_args

import jax
from jaxtyping import Array, Key

from lookax.choices import CoinGameName, CommonsGameName
from lookax.errors import check
from lookax.evaluation.matches import coins, match, own_coin_share, scores, scores_against
from lookax.evaluation.reciprocity import is_reciprocal
from lookax.experiments.studies.matrix_games import matrix_game_of, paying
from lookax.experiments.studies.study import AGAINST, against_metric
from lookax.games.adapters.by_name import game_by_name
from lookax.games.adapters.pettingzoo_game import PettingZooGame
from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.commons import CommonsGame
from lookax.games.game import Policies
from lookax.games.matrix_game import MatrixGame
from lookax.learners.learner import Metrics
from lookax.policies.network import Network
from lookax.policies.published.serialisation import serialise
from lookax.policies.strategies import strategy_names
from lookax.rollouts.check_game import check_game
from lookax.rollouts.microbatches import Play


@dataclasses.dataclass(frozen=True)
class PlayedGameStudy:
    """What studies have in common whose settings are a `PlayedGame`; their states have `agents` and `policies`."""

    settings: Any

    precision: ClassVar[Literal["float32", "float64"]] = "float32"
    settings_in_lanes: ClassVar[bool] = False
    spreads_games: ClassVar[bool] = True

    def validate(self) -> None:
        """Raises `ValueError` for a game that cannot be played, and one of which fewer are kept than play at once."""
        game, settings = self.game(), self.settings
        check_game(game)
        if isinstance(game, PettingZooGame):
            play = self.play()
            at_once = max(play.batch_size // play.num_microbatches, settings.evaluation_games) * settings.seeds
            rule = (
                f"at least {at_once}: seeds ({settings.seeds}) times the games that are played at once, those of a "
                "batch or evaluation_games"
            )
            check(game.source.limit >= at_once, "max_environments", game.source.limit, rule)

    def policies(self, state: Any) -> Policies:
        """All agents' policies."""
        return state.policies

    def game(self) -> Any:
        """The game."""
        settings = self.settings
        if settings.payoffs is None and ":" in settings.game:
            return game_by_name(settings.game)
        if settings.payoffs is None and settings.game in get_args(CoinGameName):
            names = "own_coin_reward", "other_coin_reward", "other_coin_cost", "grid_size", "shared_coins"
            common = {name: getattr(settings, name) for name in names}
            if settings.game == "coin":
                return OneCoinGame(**common, view=settings.view or "board", num_players=settings.num_players)
            return TwoCoinGame(**common, egocentric=settings.view == "egocentric")
        if settings.payoffs is None and settings.game in get_args(CommonsGameName):
            return CommonsGame(settings.num_players)
        game = matrix_game_of(settings, 1, settings.start, settings.num_players)
        return dataclasses.replace(game, own_view=settings.view == "own")

    def rules(self) -> dict[str, Any]:
        """The settings that say what is played and for how long, by name."""
        names = [*paying(self.settings), "num_players"]
        if isinstance(self.game(), CoinGame):
            names += ["grid_size", "own_coin_reward", "other_coin_reward", "other_coin_cost", "shared_coins"]
        elif isinstance(self.game(), MatrixGame):
            names += ["start"]
        horizon = self.settings.evaluation_horizon or self.settings.horizon
        return {name: getattr(self.settings, name) for name in names} | {"horizon": horizon}

    def play(self) -> Play:
        """How games are played to learn from."""
        return Play(
            game=self.game(),
            horizon=self.settings.horizon,
            batch_size=self.settings.batch_size,
            at_once=self.settings.games_at_once,
        )

    def evaluate(self, key: Key[Array, ""], state: Any, against: Sequence[str] = AGAINST) -> Metrics:
        """All players' `score` `[N]`, mean reward per step, and `against_…` of each seat.

        Those are `against` the strategies that the game has. In coin games, `coins` `[picker, colour]` of a game and
        `own_coin_share`; in the contribution game, whether agents are `reciprocal`.

        **Arguments:** the learner's `state`; names of strategies to play `against`, of which those that the game does
        not have are left out.
        """
        game, policies = self.game(), self.policies(state)
        horizon = self.rules()["horizon"]
        match_key, key = jax.random.split(key)
        games = match(game, policies, match_key, horizon, self.settings.evaluation_games)
        against = [name for name in against if name in strategy_names(game)]
        own = scores_against(against, game, policies, key, horizon, self.settings.evaluation_games)
        metrics = {"score": scores(games)}
        metrics |= {against_metric(name): score for name, score in zip(against, own, strict=True)}
        if isinstance(game, CoinGame):
            metrics["coins"] = coins(game, games)
            metrics["own_coin_share"] = own_coin_share(metrics["coins"])
        in_dilemma = "contribution_factor" in paying(self.settings)
        if in_dilemma and isinstance(game, MatrixGame) and "always-defect" in against:
            metrics["reciprocal"] = is_reciprocal(game, metrics["score"], metrics["against_always_defect"])
        return metrics

    def describe(self, state: Any) -> dict[str, Any]:
        """All policies and critics, where they are networks."""
        return {
            f"player{i + 1}": {"policy": serialise(agent.policy), "critic": serialise(agent.critic)}
            for i, agent in enumerate(state.agents)
            if isinstance(agent.policy, Network)
        }
