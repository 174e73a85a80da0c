"""Things that settings name by where they are, `"package.module:name"`, and extras. Nothing here imports JAX."""

import importlib
import pkgutil
from typing import Any

from lookax.errors import BadInputError


def import_named(field: str, name: str) -> Any:
    """What `"package.module:name"` names, which a `field` of settings says.

    **Raises:** `ValueError`, in one line, if there is no such thing.
    """
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as reason:
        raise BadInputError(
            f"{field}: {name!r} cannot be imported ({reason}); it must be package.module:name, of a module on Python's "
            "path or of a --plugin FILE.py"
        ) from None


def how_to_install(extra: str) -> str:
    """The commands that install an extra, as messages say them."""
    return f'`pip install "lookax[{extra}]"`, in a clone of lookax `pip install -e ".[{extra}]"`'


def import_extra(module: str, extra: str) -> Any:
    """A module that comes with an extra of lookax.

    **Raises:** `ValueError`, in one line that says how to install it, if it is not there.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as reason:
        raise BadInputError(f"{extra}: {reason.name} is not installed; {how_to_install(extra)}") from None
