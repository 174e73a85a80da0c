"""What the page asks for: JSON whose fields are what they should be."""

from typing import Any

import orjson
from starlette.exceptions import HTTPException

from lookax.errors import BadInputError, check

LARGEST_NUMBER = 2**53
LONGEST_NAME = 40


class Payload:
    """The fields of a request.

    **Arguments:** the `fields`, by name.
    """

    def __init__(self, fields: dict[str, Any]):
        self._fields = fields

    def number(self, name: str, least: int = 0) -> int:
        """A whole number.

        **Raises:** `ValueError` if it is none, or below the least.
        """
        value = self._given(name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        check(whole and least <= value <= LARGEST_NUMBER, name, value, f"a whole number from {least}")
        return value

    def name(self, name: str) -> str:
        """A short text.

        **Raises:** `ValueError` if it is none.
        """
        value = self._given(name)
        check(isinstance(value, str) and len(value) <= LONGEST_NAME, name, value, "a short text")
        return value

    def _given(self, name: str) -> Any:
        if name not in self._fields:
            raise BadInputError(f"{name}: is missing")
        return self._fields[name]


def payload_of(kind: str, body: bytes) -> Payload:
    """The fields of a request's body, of some media kind.

    **Raises:** a refusal (415) unless that is JSON, `ValueError` if it is no object of JSON.
    """
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body has to be application/json")
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadInputError("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise BadInputError("the body has to be an object of JSON")
    return Payload(fields)
