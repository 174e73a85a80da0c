"""Settings as numbers and the rest: those that differ in numbers alone are lanes of one compiled program."""

import dataclasses
import types
import typing
from collections.abc import Hashable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

Settings = TypeVar("Settings")

LANE = "a number that may differ between lanes"

LaneInt = Annotated[int, LANE]
"""A whole number that changes no shape, and so can differ between lanes of a program as floating-point fields can."""

StaticFloat = Annotated[float, "a number that is the same in all lanes"]
"""A number that shapes follow from, and so has to be the same in all lanes of a program."""


def numbers_of(settings: Any) -> list[Any]:
    """The numbers of settings, a frozen dataclass, and of nested settings, in the order of fields.

    Numbers are floating-point fields and those marked as `LaneInt`; those that are `None` are none.
    """
    found: list[Any] = []
    for field, is_number in _fields(type(settings)):
        value = getattr(settings, field)
        if dataclasses.is_dataclass(value):
            found += numbers_of(value)
        elif is_number and value is not None:
            found.append(value)
    return found


def with_numbers(settings: Settings, numbers: Sequence[Any]) -> Settings:
    """The settings with other numbers, in the order of [`numbers_of`][lookax.experiments.settings.numbers.numbers_of].

    They may be arrays of JAX, as they are inside a compiled program; nothing is checked.
    """
    return _with_next(settings, iter(numbers))


def structure_of(settings: Any) -> Hashable:
    """Everything but the numbers: equal for settings that share a program."""
    parts: list[Hashable] = [type(settings)]
    for field, is_number in _fields(type(settings)):
        value = getattr(settings, field)
        if dataclasses.is_dataclass(value):
            value = structure_of(value)
        elif is_number and value is not None:
            value = LANE
        parts.append(value)
    return tuple(parts)


def holds_settings(hint: Any) -> bool:
    """Whether a field of this type holds nested settings, or may."""
    return any(dataclasses.is_dataclass(option) for option in options_of(hint))


def _with_next(settings: Settings, numbers: Iterator[Any]) -> Settings:
    # Not by __init__, which may check that a number is one.
    changed: Any = object.__new__(type(settings))
    for field, is_number in _fields(type(settings)):
        value = getattr(settings, field)
        if dataclasses.is_dataclass(value):
            value = _with_next(value, numbers)
        elif is_number and value is not None:
            value = next(numbers)
        object.__setattr__(changed, field, value)
    return changed


def _fields(settings: Any) -> list[tuple[str, bool]]:
    """The names of its fields, and whether each is a number."""
    hints = typing.get_type_hints(settings, include_extras=True)
    numbers = (float, LaneInt)
    return [
        (field.name, any(option in numbers for option in options_of(hints[field.name])))
        for field in dataclasses.fields(settings)
    ]


def options_of(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the type that it is."""
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if is_union else (hint,)
