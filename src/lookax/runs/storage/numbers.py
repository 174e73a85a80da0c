"""A file of numbers beside drawings and pages, which says that a command has written them and may replace them."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError, check


@dataclasses.dataclass(frozen=True)
class Numbers:
    """The numbers that a command writes.

    **Attributes:** the `file`, a .json; the command that it is `written_by`, such as `lookax crossplay`.
    """

    file: Path
    written_by: str

    def check_replaceable(self, *others: Path) -> None:
        """Raises `ValueError` if this or another file is there that the command has not written, or has no folder."""
        for path in (*others, self.file):
            check(path.parent.is_dir(), "out", str(path), "a file in a folder that exists")
        for path in (*others, self.file):
            replaceable = not path.exists() or self._is_ours()
            check(replaceable, "out", str(path), f"new, or written by `{self.written_by}`")

    def write(self, content: Mapping[str, Any]) -> None:
        """Writes them, after the command."""
        self.file.write_text(json.dumps({"written_by": self.written_by, **content}, indent=1) + "\n")

    def _is_ours(self) -> bool:
        try:
            return json.loads(self.file.read_text())["written_by"] == self.written_by
        except (OSError, ValueError, TypeError, KeyError):
            return False


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """Within, a file that cannot be written is a mistake of the option `out`."""
    try:
        yield
    except OSError as reason:
        raise BadInputError(f"out: {str(out)!r} cannot be written ({reason.strerror})") from None
