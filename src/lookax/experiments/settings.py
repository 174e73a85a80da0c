"""Settings of experiments: frozen dataclasses whose floating-point fields can be lanes of one compiled program."""

import dataclasses
import types
import typing
from typing import Any, TypeVar

import jax

Settings = TypeVar("Settings", bound=type)


def settings(cls: Settings) -> Settings:
    """Registers a dataclass as a pytree whose leaves are its floating-point fields, those of nested settings included.

    Settings that differ in leaves alone run in one program, one lane each (`jax.vmap`); those that differ in anything
    else have another tree structure, and get a program of their own.
    """
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    leaves = [name for name in fields if _holds_floats(hints[name])]
    jax.tree_util.register_dataclass(cls, leaves, [name for name in fields if name not in leaves])
    return cls


def _holds_floats(hint: Any) -> bool:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_holds_floats(option) for option in typing.get_args(hint))
    return hint is float or dataclasses.is_dataclass(hint)
