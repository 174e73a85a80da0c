"""Command-line arguments into dataclasses, each mistake told in one line."""

import contextlib
import dataclasses
import difflib
import io
from collections.abc import Sequence
from typing import Any, TypeVar

import docstring_parser
import tyro

Parsed = TypeVar("Parsed")

MARKERS = (tyro.conf.OmitArgPrefixes, tyro.conf.AvoidSubcommands)


def parse(default: Parsed, arguments: Sequence[str], program: str) -> Parsed:
    """The dataclass `default`, fields overridden by `--field value`; nested ones' fields stand beside its own.

    **Raises:** `ValueError`, in one line, for an unknown field or a value that its type does not allow.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            parsed, unknown = tyro.cli(
                type(default),
                args=list(arguments),
                default=default,
                prog=program,
                config=MARKERS,
                return_unknown_args=True,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ValueError(_one_line(complaint.getvalue())) from None
    if unknown:
        raise ValueError(_unknown(unknown[0], field_names(default)))
    return parsed


def field_names(settings: Any) -> list[str]:
    """The settings' fields, those of nested settings in their place."""
    names = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        names += field_names(value) if dataclasses.is_dataclass(value) else [field.name]
    return names


def described_fields(settings: Any) -> list[tuple[str, str, str]]:
    """Name on the command line, value and meaning of every field; the meaning stands in the source under the field."""
    meanings = {
        param.arg_name: param.description for param in docstring_parser.parse_from_object(type(settings)).params
    }
    rows = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            rows += described_fields(value)
        else:
            rows.append((field.name.replace("_", "-"), str(value), meanings[field.name] or ""))
    return rows


def _unknown(argument: str, fields: list[str]) -> str:
    if not argument.startswith("--"):
        return f"{argument!r} is not allowed; arguments are given as --field value"
    name = argument.removeprefix("--").split("=")[0].replace("-", "_")
    near = difflib.get_close_matches(name, fields, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{name}: is not a field{hint}; the fields are {', '.join(fields)}"


def _one_line(boxed: str) -> str:
    """What tyro says in the box that it draws, without the pointer to its help: the mistake, and the field's form."""
    paragraphs: list[list[str]] = [[]]
    for line in boxed.splitlines()[1:-1]:
        text = line.strip("│─ ")
        if text:
            paragraphs[-1].append(text)
        else:
            paragraphs.append([])
    mistake = " ".join(paragraphs[0])
    form = [p[1] for p in paragraphs[1:] if p[0].startswith("Argument helptext")]
    return f"{mistake} ({form[0]})" if form else mistake
