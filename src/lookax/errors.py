"""Checks of values that people give: each failure names the field, the value and what is allowed, in one line."""

import math
import numbers
from typing import Any


class BadInputError(ValueError):
    """What a person gave makes no sense; the message says which field, which value and what is allowed."""


def check(allowed: bool, field: str, value: object, rule: str) -> None:
    """Raises `BadInputError` with one line naming the field, the value and the rule, unless `allowed`.

    **Arguments:** whether the value is `allowed`; the `field` that is checked; its `value`; the `rule` that it has to
    satisfy, in words.
    """
    if not allowed:
        raise BadInputError(f"{field}: {value!r} is not allowed; it must be {rule}")


def check_at_least(field: str, value: int | float, least: int | float) -> None:
    """Raises `ValueError` unless value ≥ least and finite.

    **Arguments:** the `field` that is checked; its `value`; the `least` that it may be.
    """
    check(math.isfinite(value) and value >= least, field, value, f"at least {least}")


def check_positive(field: str, value: int | float) -> None:
    """Raises `ValueError` unless value > 0 and finite."""
    check(math.isfinite(value) and value > 0, field, value, "greater than 0 and finite")


def check_whole(field: str, value: Any, least: int) -> None:
    """Raises `ValueError` unless the value is a whole number ≥ least.

    **Arguments:** the `field` that is checked; its `value`; the `least` that it may be.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    check(whole and int(value) >= least, field, value, f"a whole number, at least {least}")


def first_line(reason: BaseException) -> str:
    """The first line of an exception's message, or its class where that is empty."""
    lines = str(reason).strip().splitlines()
    return lines[0] if lines else type(reason).__name__
