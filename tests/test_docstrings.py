"""Public functions say what their arguments are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "lookax"
FEW = 2
"""Parameters that need no description: the summary line is about them."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, Function]]:
    """Public functions of a module, and public methods of its public classes, with their dotted names."""
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and node.name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node.body, f"{owner}{node.name}.")
        elif isinstance(node, Function):
            yield f"{owner}{node.name}", node


def parameters(function: Function) -> list[str]:
    """Names of a function's parameters, `self` and `cls` left out."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [argument.arg for argument in (*named, *rest) if argument.arg not in ("self", "cls")]


def undescribed(function: Function) -> list[str]:
    """Parameters that neither an **Arguments** section nor backticks describe; a random `key` needs no description."""
    names = parameters(function)
    docstring = ast.get_docstring(function) or ""
    if len(names) <= FEW or "**Arguments" in docstring:
        return []
    described = {name for code in re.findall(r"`([^`]+)`", docstring) for name in re.findall(r"\w+", code)}
    return [name for name in names if name != "key" and name not in described]


@pytest.mark.parametrize("file", [str(file.relative_to(SOURCES)) for file in sorted(SOURCES.rglob("*.py"))])
def test_arguments_are_described(file: str):
    module = ast.parse((SOURCES / file).read_text())
    missing = {name: names for name, function in public_functions(module.body) if (names := undescribed(function))}
    assert not missing, "\n".join(f"{name}: no description of {', '.join(names)}" for name, names in missing.items())
