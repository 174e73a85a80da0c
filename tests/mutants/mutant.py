"""A mutant: a change of one line of the library, and the tests that are to notice it."""

import dataclasses
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
SOURCES = TESTS.parent / "src"


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A change of the text of one file.

    **Attributes:**

    - `what`: what is wrong then, in words.
    - `file`: the file that is changed, in `src/lookax`.
    - `old`, `new`: the text that is replaced, and what replaces it.
    - `tests`: files or tests in `tests` that are run first.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def room(self) -> str:
        """The folder of tests that mirrors the file's."""
        return self.file.split("/")[0]

    def applied_to(self, text: str) -> str:
        """The changed text.

        **Raises:** `ValueError` where the old text does not stand exactly once.
        """
        if (number := text.count(self.old)) != 1:
            raise ValueError(f"{self.what}: {self.old!r} stands {number} times in {self.file}; it must once")
        return text.replace(self.old, self.new)


def all_mutants() -> list[Mutant]:
    """Those in this folder's files, one for each room."""
    found = []
    for path in sorted(HERE.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutant"]:
            entry["tests"] = tuple(entry["tests"])
            found.append(Mutant(**entry))
    return found
