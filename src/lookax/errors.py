"""Checks of values that people give: each failure names the field, the value and what is allowed, in one line."""

import math


class BadInputError(ValueError):
    """What a person gave makes no sense; the message says which field, which value and what is allowed."""


class RunFailedError(ArithmeticError):
    """A quantity has become infinite or not a number, or a solver gave up; what was computed before is kept."""


class StoppedError(Exception):
    """Work was asked to stop, and has; the message says where.

    **Arguments:** the `message`; the `number` of the signal, which says the exit status.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message, number)
        self.exit_status = 128 + number

    def __str__(self):
        return str(self.args[0])


def check(allowed: bool, field: str, value: object, rule: str) -> None:
    """Raises `BadInputError` with one line naming the field, the value and the rule, unless `allowed`."""
    if not allowed:
        raise BadInputError(f"{field}: {value!r} is not allowed; it must be {rule}")


def check_at_least(field: str, value: int | float, least: int | float) -> None:
    """Raises `ValueError` unless value ≥ least and finite."""
    check(math.isfinite(value) and value >= least, field, value, f"at least {least}")


def check_positive(field: str, value: int | float) -> None:
    """Raises `ValueError` unless value > 0 and finite."""
    check(math.isfinite(value) and value > 0, field, value, "greater than 0 and finite")


def check_seeds(seeds: int, first_seed: int) -> None:
    """Raises `ValueError` if the number of seeds or the first one is out of range."""
    check_at_least("seeds", seeds, 1)
    check(seeds <= 100_000, "seeds", seeds, "at most 100000")
    check_at_least("first_seed", first_seed, 0)
    check(first_seed < 2**31, "first_seed", first_seed, "less than 2147483648")
