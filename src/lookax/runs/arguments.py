"""Command-line arguments into dataclasses, each mistake in one line."""

import contextlib
import dataclasses
import difflib
import functools
import io
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

import docstring_parser
import tyro

from lookax.errors import BadInputError
from lookax.experiments.preset import Table
from lookax.experiments.settings.groups import GROUPS, OTHER, group_of
from lookax.experiments.settings.numbers import holds_settings, options_of

Parsed = TypeVar("Parsed")

FEW = 8
"""So many fields are all named where one is refused."""

MARKERS = (tyro.conf.OmitArgPrefixes, tyro.conf.AvoidSubcommands)


def parse(default: Parsed, arguments: Sequence[str], program: str) -> Parsed:
    """The dataclass `default`, fields overridden by `--field value`; nested ones' fields stand beside its own.

    **Arguments:** the `default`; the `arguments`, words of a command line; the `program`, as usage texts name it.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that its type does not allow.
    """
    complaint = io.StringIO()
    narrowed = _narrowed(default)
    try:
        with contextlib.redirect_stderr(complaint):
            parsed, unknown = tyro.cli(
                type(narrowed),
                args=list(arguments),
                default=narrowed,
                prog=program,
                config=MARKERS,
                return_unknown_args=True,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise BadInputError(_one_line(complaint.getvalue())) from None
    if unknown:
        raise BadInputError(_unknown(unknown[0], [field.name for field in described_fields(default)]))
    return _widened(default, parsed)


def _narrowed(default: Any) -> Any:
    """The same fields, of a class whose nested settings have just the types that they are of, where those differ.

    Settings of one's own, which no union of types names, can then be nested like others.
    """
    hints = typing.get_type_hints(type(default), include_extras=True)
    values = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    inner = {name: _narrowed(value) for name, value in values.items() if dataclasses.is_dataclass(value)}
    if all(inner[name] is values[name] and _is_closed(hints[name]) for name in inner):
        return default
    fields = [(name, type(inner[name]) if name in inner else hints[name]) for name in values]
    kind = dataclasses.make_dataclass(type(default).__name__, fields, frozen=True)
    return kind(**values | inner)


def _is_closed(hint: Any) -> bool:
    """Whether a type of settings names all that there may be."""
    return all(dataclasses.is_dataclass(option) or option is type(None) for option in options_of(hint))


def _widened(default: Parsed, narrowed: Any) -> Parsed:
    """What was parsed, of the classes that it had before."""
    if type(narrowed) is type(default):
        return narrowed
    own: Any = default
    changes = {}
    for field in dataclasses.fields(own):
        value, before = getattr(narrowed, field.name), getattr(own, field.name)
        changes[field.name] = _widened(before, value) if dataclasses.is_dataclass(before) else value
    return dataclasses.replace(own, **changes)


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of settings, for people.

    **Attributes:** its `name`; its `value`; what it is for; the `choices` that there are, none where any value of its
    type will do; whether the value is the `default`.
    """

    name: str
    value: Any
    meaning: str
    choices: tuple[str, ...]
    default: bool

    @property
    def option(self) -> str:
        """What it is called on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def explanation(self) -> str:
        """The meaning, and other choices than the present one."""
        others = [choice for choice in self.choices if choice != self.value]
        return f"{self.meaning} Or {', '.join(others)}." if others else self.meaning


def described_fields(settings: Any) -> list[Field]:
    """Every field, those of nested settings in their place.

    Settings that a preset does without (None) are left out, as on the command line.
    """
    meanings = _meanings(type(settings))
    hints = typing.get_type_hints(type(settings))
    found = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            found += described_fields(value)
        elif value is not None or not holds_settings(hints[field.name]):
            default = value == field.default
            found.append(Field(field.name, value, meanings.get(field.name) or "", _choices(hints[field.name]), default))
    return found


def settings_table(settings: Any) -> Table:
    """All fields by group: first those that a preset sets, then those that have their defaults."""
    return fields_table(described_fields(settings))


def fields_table(described: Sequence[Field]) -> Table:
    """The same of fields that are described."""
    rows: list[list[str]] = []

    def add(group: str, fields: Sequence[Field]) -> None:
        for number, field in enumerate(fields):
            rows.append(["" if number else group, field.option, str(field.value), field.explanation])

    place = {name: i for i, name in enumerate(name for names in GROUPS.values() for name in names)}
    fields = sorted(described, key=lambda field: place.get(field.name, len(place)))
    add("set here", [field for field in fields if not field.default])
    for group in (*GROUPS, OTHER):
        add(group, [field for field in fields if field.default and group_of(field.name) == group])
    return Table(("", "field", "value", "meaning"), rows, [None] * len(rows))


def _choices(hint: Any) -> tuple[str, ...]:
    """The strings that a type allows, if it allows no others."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    options = [option for option in typing.get_args(hint) if option is not str]  # what stands for one's own
    literal = [choice for option in options for choice in _choices(option)]
    return tuple(literal) if literal and len(literal) == sum(len(_choices(option)) or 1 for option in options) else ()


@functools.cache
def _meanings(settings: type) -> dict[str, str | None]:
    return {
        param.arg_name: param.description
        for kind in reversed(settings.__mro__)
        if dataclasses.is_dataclass(kind)
        for param in docstring_parser.parse_from_object(kind).params
    }


def _unknown(argument: str, fields: list[str]) -> str:
    if not argument.startswith("--"):
        return f"{argument!r} is not allowed; arguments are given as --field value"
    name = argument.removeprefix("--").split("=")[0].replace("-", "_")
    near = difflib.get_close_matches(name, fields, n=3)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    rest = f"the fields are {', '.join(fields)}" if len(fields) <= FEW else "`lookax show PRESET` names all"
    return f"{name}: is not a field{hint}; {rest}"


def _one_line(boxed: str) -> str:
    """What tyro says in the box that it draws, without the pointer to its help: the mistake, and the field's form."""
    paragraphs: list[list[str]] = [[]]
    for line in boxed.splitlines()[1:-1]:
        text = line.strip("│─ ")
        # Where output is not UTF-8, hyphens are the rules between paragraphs.
        if text.strip("-"):
            paragraphs[-1].append(text)
        elif paragraphs[-1]:
            paragraphs.append([])
    mistake = " ".join(paragraphs[0])
    form = [p[1] for p in paragraphs[1:] if p and p[0].startswith("Argument helptext")]
    return f"{mistake} ({form[0]})" if form else mistake
