"""How settings say which game is played: by a name, by payoffs, or by where the game is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import yaml
from tyro.constructors import PrimitiveConstructorSpec

from lookax.choices import MatrixGameName
from lookax.errors import check


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
