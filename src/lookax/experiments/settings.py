"""Settings of experiments: frozen dataclasses whose floating-point fields can be lanes of one compiled program."""

import dataclasses
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import jax

from lookax.errors import check, check_at_least

Settings = TypeVar("Settings", bound=type)

LANE = "a number that may differ between lanes"

LaneInt = Annotated[int, LANE]
"""A whole number that changes no shape, and so can differ between lanes of a program as floating-point fields can."""

StaticFloat = Annotated[float, "a number that is the same in all lanes"]
"""A number that shapes follow from, and so has to be the same in all lanes of a program."""


def settings(cls: Settings) -> Settings:
    """Registers a dataclass as a pytree whose leaves are its numbers, those of nested settings included.

    Numbers are floating-point fields and those marked as `LaneInt`.

    Settings that differ in leaves alone run in one program, one lane each (`jax.vmap`); those that differ in anything
    else have another tree structure, and get a program of their own.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [field.name for field in dataclasses.fields(cls)]
    leaves = [name for name in names if _holds_leaves(hints[name])]
    static = [name for name in names if name not in leaves]

    def flatten(value: Any) -> tuple[list[Any], tuple[Any, ...]]:
        return [getattr(value, name) for name in leaves], tuple(getattr(value, name) for name in static)

    def unflatten(static_values: tuple[Any, ...], leaf_values: Iterable[Any]) -> Any:
        # Not by __init__: inside a program, leaves are arrays of JAX, not the numbers that people give.
        value = object.__new__(cls)
        for name, field in zip([*static, *leaves], [*static_values, *leaf_values], strict=True):
            object.__setattr__(value, name, field)
        return value

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    return cls


def check_seeds(seeds: int, first_seed: int) -> None:
    """Raises `ValueError` if the number of seeds or the first one is out of range."""
    check_at_least("seeds", seeds, 1)
    check(seeds <= 100_000, "seeds", seeds, "at most 100000")
    check_at_least("first_seed", first_seed, 0)
    check(first_seed < 2**31, "first_seed", first_seed, "less than 2147483648")


def holds_settings(hint: Any) -> bool:
    """Whether a field of this type holds nested settings, or may."""
    return any(dataclasses.is_dataclass(option) for option in _options(hint))


def _holds_leaves(hint: Any) -> bool:
    options = _options(hint)
    return float in options or LaneInt in options or holds_settings(hint)


def _options(hint: Any) -> tuple[Any, ...]:
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if is_union else (hint,)
