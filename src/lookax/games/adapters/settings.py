"""Settings of environments of others: as keys that their environments are kept by, and what they are not made of."""

from collections.abc import Hashable
from typing import Any, NamedTuple

from lookax.errors import BadInputError, first_line

Settings = tuple[tuple[str, Hashable], ...]
"""Pairs of a name and a value, by name."""


class Frozen(NamedTuple):
    """A value that could change, as one that cannot: the `kind` of it, and its parts, `values`."""

    kind: str
    values: tuple[Hashable, ...]


class Itself:
    """A `value` that has no hash, such as an array: equal to nothing but itself."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def frozen_settings(settings: dict[str, Any]) -> Settings:
    """Settings that can be compared and hashed, whatever they are: lists, dictionaries and sets by what is in them."""
    return tuple((name, _frozen(value)) for name, value in sorted(settings.items()))


def thawed_settings(settings: Settings) -> dict[str, Any]:
    """The settings that were frozen."""
    return {name: _thawed(value) for name, value in settings}


def cannot_be_made(name: Any, reason: BaseException, field: str = "environment") -> BadInputError:
    """What to raise for that which others' code did not make, in one line.

    **Arguments:** the `name` of what was to be made; the `reason`, which their code raised; the `field` of settings.
    """
    return BadInputError(f"{field}: {name!r} cannot be made: {first_line(reason)}")


def is_discrete(space: Any) -> bool:
    """Whether a space of JaxMARL, gymnax or a library with copies of theirs is their `Discrete`, known by its name."""
    return any(kind.__name__ == "Discrete" for kind in type(space).__mro__)


def _frozen(value: Any) -> Hashable:
    if isinstance(value, dict):
        return Frozen("dict", tuple(map(_frozen, value.items())))
    if type(value) in (list, tuple, set):
        # Of tuples too, as what is in them need not have a hash.
        return Frozen(type(value).__name__, tuple(map(_frozen, value)))
    try:
        hash(value)
    except TypeError:
        return Itself(value)
    return value


def _thawed(value: Any) -> Any:
    if isinstance(value, Itself):
        return value.value
    if not isinstance(value, Frozen):
        return value
    kinds: dict[str, Any] = {"dict": dict, "list": list, "tuple": tuple, "set": set}
    return kinds[value.kind](map(_thawed, value.values))
