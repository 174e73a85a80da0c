"""Equinox modules are dataclasses: a Griffe extension that says so, for the signatures of their constructors."""

from collections.abc import Iterator
from typing import Any

import griffe


class EquinoxModules(griffe.Extension):
    """Marks the subclasses of `equinox.Module` as dataclasses, and gives their fields the defaults in `eqx.field`.

    Griffe's own extension for dataclasses, which comes after all others, then makes their `__init__`.
    """

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Once a package is read."""
        for module in filter(_is_equinox_module, _classes(pkg)):
            dataclass = griffe.ExprName("dataclass", parent="dataclasses")
            module.decorators.append(griffe.Decorator(dataclass, lineno=None, endlineno=None))
            for attribute in module.attributes.values():
                if isinstance(call := attribute.value, griffe.ExprCall) and call.canonical_path == "equinox.field":
                    attribute.value = _default(call)


def _classes(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Class]:
    for member in parent.members.values():
        if isinstance(member, griffe.Class):
            yield member
        if isinstance(member, griffe.Module | griffe.Class):
            yield from _classes(member)


def _is_equinox_module(class_: griffe.Class) -> bool:
    bases = [base for ancestor in (class_, *class_.mro()) for base in ancestor.bases]
    return any(isinstance(base, griffe.Expr) and base.canonical_path == "equinox.Module" for base in bases)


def _default(field: griffe.ExprCall) -> griffe.Expr | str | None:
    keywords = (argument for argument in field.arguments if isinstance(argument, griffe.ExprKeyword))
    return next((keyword.value for keyword in keywords if keyword.name == "default"), None)
