"""Configurations as YAML or TOML files: what the command line takes, fields by name, nested settings' beside them."""

import contextlib
import dataclasses
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lookax.errors import BadInputError
from lookax.experiments.settings.games import nested
from lookax.experiments.settings.numbers import holds_settings
from lookax.runs.arguments import Parsed, parse

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""By libyaml where that is installed, in a fifth of the time."""

FORMAT = 2
"""Version of the form of run folders: 1 was that of lookax 0.1, whose settings have other names."""


def as_fields(settings: Any) -> dict[str, Any]:
    """The settings' fields by name, as YAML can hold them; those of nested settings in their place.

    Nested settings that are done without (None) are left out, as on the command line.
    """
    hints = typing.get_type_hints(type(settings))
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            fields |= as_fields(value)
        elif value is not None or not holds_settings(hints[field.name]):
            fields[field.name] = _plain(value)
    return fields


def from_fields(default: Parsed, fields: Mapping[str, Any], program: str) -> Parsed:
    """The dataclass `default` with fields as given, checked as those of the command line are.

    **Arguments:** the `default`; `fields` that differ from it, by name; the `program`, as messages name it.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that its type does not allow.
    """
    defaults = as_fields(default)
    changed = {name: value for name, value in fields.items() if name not in defaults or defaults[name] != value}
    try:
        return _replaced(default, changed)
    except LookupError:
        # Whatever is not as it was written is read as words are, which says what is wrong with it.
        return parse(default, _as_words(changed), program)


def _replaced(default: Parsed, fields: Mapping[str, Any]) -> Parsed:
    """The dataclass with fields whose values are of their types.

    **Raises:** `LookupError` for others, and for fields that there are not.
    """
    rest = dict(fields)

    def replaced(settings: Any) -> Any:
        hints = typing.get_type_hints(type(settings))
        changes: dict[str, Any] = {}
        for field in dataclasses.fields(settings):
            value = getattr(settings, field.name)
            if dataclasses.is_dataclass(value):
                changes[field.name] = replaced(value)
            elif field.name in rest:
                changes[field.name] = _of_type(hints[field.name], rest.pop(field.name))
        return dataclasses.replace(settings, **changes) if changes else settings

    changed = replaced(default)
    if rest:
        raise LookupError(rest)
    return changed


def _of_type(hint: Any, value: Any) -> Any:
    """What YAML read, as a type has it.

    **Raises:** `LookupError` for what may be of another one.
    """
    kind: Any = typing.get_origin(hint) or hint
    options = typing.get_args(hint)
    if kind in (typing.Union, types.UnionType) and value != "None":
        for option in options:
            with contextlib.suppress(LookupError):
                return _of_type(option, value)
    elif kind is typing.Literal and value in options:
        return value
    elif kind is tuple and isinstance(value, list) and options[1:] == (...,):
        return tuple(_of_type(options[0], item) for item in value)
    elif hint is tuple and isinstance(value, list | tuple):
        return nested(value)
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    elif kind is Path and isinstance(value, str):
        return Path(value)
    elif kind in (bool, int, str, type(None)) and type(value) is kind:
        return value
    raise LookupError(value)


def _as_words(fields: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in fields.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            nests = isinstance(value, list) and any(isinstance(item, list) for item in value)
            listed = value if isinstance(value, list) and not nests else [value]
            words += [f"--{name}", *map(str, listed)]
    return words


def fields_of(part: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in a part of a configuration, none of one that is missing.

    **Raises:** `ValueError`, in one line, if it holds something else.
    """
    fields = content.get(part, {})
    if not isinstance(fields, dict):
        raise BadInputError(f"{part}: {fields!r} is not allowed; it must be fields and values")
    return fields


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields whose values are not the same, with both; None for one that is missing."""
    names = [*old, *(name for name in new if name not in old)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a configuration, under the version of its form."""
    text = yaml.safe_dump({"format": FORMAT, **content}, sort_keys=False, allow_unicode=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


def read_yaml(path: Path) -> dict[str, Any]:
    """A configuration as it was written.

    **Raises:** `ValueError`, in one line, for a file that cannot be read, is not YAML, or is of a later form.
    """
    try:
        return _of_this_format(path, LOADER(_text(path)).get_single_data())
    except RecursionError:
        raise _too_deep(path) from None
    except yaml.YAMLError as reason:
        where = getattr(reason, "problem_mark", None)
        raise BadInputError(
            f"{str(path)!r} is not YAML{'' if where is None else f' (line {where.line + 1})'}"
        ) from None


def read_any(path: Path) -> dict[str, Any]:
    """A configuration that a person has written: TOML where the file's name ends in .toml, YAML otherwise.

    **Raises:** `ValueError`, as `read_yaml`.
    """
    if path.suffix != ".toml":
        return read_yaml(path)
    try:
        return _of_this_format(path, tomllib.loads(_text(path, "TOML")))
    except RecursionError:
        raise _too_deep(path) from None
    except tomllib.TOMLDecodeError as reason:
        line = re.search(r"\(at (line \d+)", str(reason))
        raise BadInputError(f"{str(path)!r} is not TOML{f' ({line[1]})' if line else ''}") from None


def _too_deep(path: Path) -> BadInputError:
    return BadInputError(f"{str(path)!r} is not a configuration of lookax; it is nested too deeply")


def _text(path: Path, kind: str = "YAML") -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as reason:
        raise BadInputError(f"{str(path)!r} cannot be read ({reason.strerror})") from None
    except UnicodeDecodeError:
        raise BadInputError(f"{str(path)!r} is not {kind}") from None


def _of_this_format(path: Path, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict) or "format" not in content:
        raise BadInputError(f"{str(path)!r} is not a configuration of lookax; it has no format")
    if content["format"] != FORMAT:
        other = "an earlier" if content["format"] == 1 else "a later"
        raise BadInputError(
            f"{str(path)!r} is of format {content['format']!r}, and this release reads format {FORMAT}; use {other} one"
        )
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
