"""The names of `import lookax`, in tables: a Markdown extension."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

PACKAGE = Path(__file__).parents[2] / "src" / "lookax"
PLACE = "<!-- exports -->"
ORDER = [
    "training",
    "games",
    "policies",
    "rollouts",
    "surrogates",
    "lookahead",
    "learners",
    "evaluation",
    "opened",
    "commands",
]


def exports() -> dict[str, dict[str, str]]:
    """The module of every name that the front door's stub imports, by package."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for statement in ast.parse((PACKAGE / "__init__.pyi").read_text()).body:
        if isinstance(statement, ast.ImportFrom) and statement.module and statement.level == 1:
            found[statement.module.split(".")[0]] |= {alias.name: statement.module for alias in statement.names}
    return found


def summary(module: str, name: str) -> str:
    """The first line of what a name's docstring says."""
    source = PACKAGE.joinpath(*module.split("."))
    statements = ast.parse((source / "__init__.py" if source.is_dir() else source.with_suffix(".py")).read_text()).body
    for statement, following in zip(statements, [*statements[1:], None], strict=True):
        match statement, following:
            case (ast.ClassDef() | ast.FunctionDef(), _) if statement.name == name:
                return (ast.get_docstring(statement) or "").partition("\n")[0]
            case (
                ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if found == name:
                return text.partition("\n")[0]
    return ""


def _place(item: tuple[str, Any]) -> int:
    return ORDER.index(item[0]) if item[0] in ORDER else len(ORDER)


def tables() -> Iterator[str]:
    """Lines of Markdown: a heading and a table for each package."""
    for package, names in sorted(exports().items(), key=_place):
        yield from ("", f"## {package.capitalize()}", "", "| name | what it is |", "|---|---|")
        for name, module in names.items():
            described = summary(module, name).replace("|", r"\|")
            yield f"| [`{name}`][lookax.{module}.{name}] | {described} |"


class ExportsPreprocessor(Preprocessor):
    """Puts the tables where a page says `<!-- exports -->`."""

    def run(self, lines: list[str]) -> list[str]:
        """All lines of a page."""
        return [new for line in lines for new in (tables() if line == PLACE else [line])]


class ExportsExtension(Extension):
    """Makes `<!-- exports -->` known to Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown's name)
        """Called by Markdown."""
        md.preprocessors.register(ExportsPreprocessor(md), "exports", priority=26)


def makeExtension(**settings: Any) -> ExportsExtension:  # noqa: N802 (Markdown's name)
    """Called by Markdown."""
    return ExportsExtension(**settings)
