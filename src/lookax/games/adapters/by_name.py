"""Games of others by names that settings hold: `jaxmarl:coin_game(num_inner_steps=50)`."""

import ast
from collections.abc import Callable
from typing import Any

from lookax.errors import BadInputError
from lookax.games.adapters.jaxmarl_game import from_jaxmarl
from lookax.games.adapters.pettingzoo_game import from_pettingzoo
from lookax.games.adapters.settings import cannot_be_made
from lookax.imports import import_named

LIBRARIES: dict[str, Callable[..., Any]] = {"jaxmarl": from_jaxmarl, "pettingzoo": from_pettingzoo}
"""What makes a game of a library's name for it, and of settings."""


def game_by_name(name: str) -> Any:
    """A game by `library:name`, `library:name(setting=value, …)`, or by where it is, `package.module:name`.

    Of what is at a place, a class is called without arguments.

    **Raises:** `ValueError` for a name of neither kind, or what the library's own function raises.
    """
    library, _, called = name.partition(":")
    if library not in LIBRARIES:
        named = import_named("game", name)
        if not isinstance(named, type):
            return named
        try:
            return named()
        except Exception as reason:
            raise cannot_be_made(name, reason, "game") from reason
    own, settings = name_and_settings("game", called)
    return LIBRARIES[library](own, **settings)


def name_and_settings(field: str, called: str) -> tuple[str, dict[str, Any]]:
    """Of `"name(setting=value, …)"` the name and the settings, which are Python's numbers, texts, lists and the like.

    **Raises:** `ValueError` for a field of settings that is not so.
    """
    name, bracket, rest = called.partition("(")
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
        # A call of a call has no name for its function.
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        settings = {str(own.arg): ast.literal_eval(own.value) for own in call.keywords}
        # One that is given twice is told of only where a call is compiled.
        if call.args or any(own.arg is None for own in call.keywords) or len(settings) < len(call.keywords):
            raise ValueError
        return name, settings
    except (SyntaxError, TypeError, ValueError):
        raise BadInputError(
            f"{field}: {called!r} is not allowed; it must be NAME or NAME(setting=value, …), with numbers, texts, lists"
        ) from None
