"""How settings say which game is played: by a name, by payoffs, or by where the game is; and what of it is seen."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import yaml
from tyro.constructors import PrimitiveConstructorSpec

from lookax.choices import CoinGameName, CoinView, CommonsGameName, MatrixGameName, Start
from lookax.errors import check, check_at_least, check_positive


def _read(text: str) -> Any:
    """Payoffs that are written out or stand in a JSON or YAML file; what is neither is left to `check_payoffs`."""
    try:
        return nested(yaml.safe_load(text if text.lstrip().startswith("[") else Path(text).read_text()))
    except (OSError, yaml.YAMLError):
        return text


def nested(values: Any) -> Any:
    """Lists, or an array, as nested tuples."""
    values = values.tolist() if hasattr(values, "tolist") else values
    return tuple(map(nested, values)) if isinstance(values, list | tuple) else values


Payoffs = Annotated[
    tuple,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="[[2,3],[0,5]]|FILE",
        instance_from_str=lambda words: _read(words[0]),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [json.dumps(value)],
    ),
]
"""Nested tuples: `[N, A₁, …, A_N]`, or the row player's of a symmetric game of two, `[A, A]`."""


def check_payoffs(payoffs: Any) -> None:
    """Raises `ValueError`, in one line, for payoffs that are no array of finite numbers."""
    try:
        array = np.asarray(payoffs, float)
    except (ValueError, TypeError):
        array = np.zeros(0)
    rule = "finite numbers such as [[2, 3], [0, 5]], or a JSON or YAML file of such"
    check(array.ndim >= 2 and bool(np.isfinite(array).all()), "payoffs", payoffs, rule)


def check_game_name(game: str, others: Sequence[str] = ()) -> None:
    """Raises `ValueError` for a game that is no matrix game, none of `others`, and no `"package.module:name"`."""
    names = (*get_args(MatrixGameName), *others)
    check(game in names or ":" in game, "game", game, f"one of {', '.join(names)}, or package.module:name")


VIEWS: dict[str, tuple[CoinView, ...]] = {
    "coin": ("board", "own", "egocentric"),
    "two-coins": ("own", "egocentric"),
    "commons": ("own",),
}
"""What can be seen of coin games and of the commons."""

MORE_THAN_TWO = ("contribution", "coin", "commons")
"""Games that any number of players can play."""

MATRIX_VIEWS: tuple[CoinView, ...] = ("board", "own")
"""What can be seen of matrix games: the first player's actions first, or one's own."""


@dataclasses.dataclass(frozen=True)
class PlayedGame:
    """A game that agents play to learn from: what settings of such learners have in common."""

    game: MatrixGameName | CoinGameName | CommonsGameName | str = "contribution"
    """What is played: a matrix game again and again, a coin game, the commons, or package.module:name of one's own."""
    num_players: int = 2
    """How many players; more than 2 in contribution, coin and commons only. Games of one's own say it themselves."""
    payoffs: Payoffs | None = None
    """Of a matrix game of one's own, instead: written out, or in a JSON or YAML file; None for those of the game."""
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
    """A coin that several pick up at once is shared by them."""
    view: CoinView | None = None
    """What players see; None for what they do in published code: of two-coins their own side, of others the board."""
    discount: float = 0.96
    """Discount factor γ per step."""
    horizon: int = 50
    """Number of steps T of a game."""
    batch_size: int = 2000
    """How many games are played for every gradient."""
    games_at_once: int | None = None
    """How many of them are worked through at once, a divisor; None for what suits the kind of device."""

    def check_game(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, if a field is out of range."""
        check_game_name(self.game, (*get_args(CoinGameName), *get_args(CommonsGameName)))
        if self.payoffs is None and self.game in MORE_THAN_TWO:
            check(2 <= self.num_players <= 8, "num_players", self.num_players, "between 2 and 8")
        else:
            check(self.num_players == 2, "num_players", self.num_players, "2, as only some games can have more")
        if self.payoffs is not None:
            check_payoffs(self.payoffs)
        check_positive("contribution_factor", self.contribution_factor)
        for name in ("horizon", "batch_size"):
            check_at_least(name, getattr(self, name), 1)
        check(3 <= self.grid_size <= 100, "grid_size", self.grid_size, "between 3 and 100")
        check(0 <= self.discount <= 1, "discount", self.discount, "between 0 and 1")
        for name in ("own_coin_reward", "other_coin_reward", "other_coin_cost"):
            check(math.isfinite(getattr(self, name)), name, getattr(self, name), "finite")
        if self.view is not None:
            own = () if ":" in self.game else MATRIX_VIEWS
            views = VIEWS.get(self.game, own) if self.payoffs is None else MATRIX_VIEWS
            check(self.view in views, "view", self.view, f"one of {', '.join(map(str, (None, *views)))} in this game")
        if self.games_at_once is not None:
            divides = self.games_at_once >= 1 and self.batch_size % self.games_at_once == 0
            rule = f"a divisor of the batch size, {self.batch_size}"
            check(divides, "games_at_once", self.games_at_once, rule)
