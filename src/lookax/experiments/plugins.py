"""Presets and figures of one's own: by entry points, by a file, or by a script that registers them.

Where each comes from is remembered, and written into the configurations of runs: a module's name, or a file.
"""

import contextlib
import functools
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from lookax.errors import BadInputError
from lookax.experiments.preset import Collection, Figure, Preset
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS, add, look_up

GROUP = "lookax.presets"
"""The group of entry points: modules that register presets, or presets and figures themselves, alone or in a list."""

INTERACTIVE = "interactive session"
"""Where presets come from that no file holds."""

BETWEEN = ("lookax", "jaxtyping", "beartype")
"""Packages whose functions may stand between `register` and the code that calls it."""

_loaded: ContextVar[str | None] = ContextVar("_loaded", default=None)
"""The plugin that is being loaded, if one is."""


def register(*items: Preset | Figure | Collection) -> None:
    """Makes presets and figures known by their names, to this process and to the runs that it begins.

    ```python
    lx.register(lx.Preset("my-lola", "LOLA, faster", settings, lx.EXACT))
    ```

    Runs remember the file or the module that this is called from; `resume`, `evaluate` and others load it again. In
    a script put what runs under `if __name__ == "__main__":`. Presets of the same name and origin are replaced.

    **Raises:** `ValueError` for a name that lookax has, that comes from elsewhere, or that is not of letters, digits,
    `.`, `_`, `+` and `-`.
    """
    add(items, _loaded.get() or _origin(_caller()))


def load_plugin(plugin: str) -> None:
    """Loads a file `FILE.py`, or a module by its name, which registers presets.

    The file becomes a module of its own name, so that settings can say `"file:function"`.

    **Raises:** `ValueError`, in one line, if it is missing or fails.
    """
    if not plugin:
        raise BadInputError("plugin: its file is missing; give --plugin FILE.py, or the name of a module")
    with _loading(plugin), _in_one_line(plugin):
        if plugin.endswith(".py"):
            _load_file(Path(plugin).resolve())
        else:
            importlib.import_module(plugin)


@functools.cache
def load_entry_points() -> None:
    """Loads the presets of installed packages; of one that fails, a line on standard error says so."""
    for entry in entry_points(group=GROUP):
        try:
            with _loading(entry.module), _in_one_line(f"{entry.name} = {entry.value}"):
                found = entry.load()
                if not isinstance(found, ModuleType):
                    add([found] if isinstance(found, Preset | Figure | Collection) else _listed(found), entry.module)
        except BadInputError as mistake:
            sys.stderr.write(f"lookax: {mistake}\n")


def find_preset(name: str, plugin: str | None = None, *, loads: bool = True) -> Preset:
    """The preset of a name.

    **Arguments:**

    - `name`: of the preset.
    - `plugin`: where it comes from, as a configuration says.
    - `loads`: whether that is loaded if need be, which runs its code; if not, entry points alone are.

    **Raises:** `ValueError`, in one line, if there is none, or the plugin is missing; the nearest names are named.
    """
    _make_known("preset", name, (PRESETS,), plugin, loads)
    if name in FIGURES or name in COLLECTIONS:
        raise BadInputError(f"preset: {name!r} is a figure; `lookax list {name}` names what it is made of")
    return look_up("preset", name, PRESETS)


def find_figure(name: str, plugin: str | None = None) -> Figure | Collection:
    """The figure or collection of a name; arguments and errors as of `find_preset`."""
    _make_known("figure", name, (FIGURES, COLLECTIONS), plugin)
    return look_up("figure", name, FIGURES | COLLECTIONS)


def _make_known(what: str, name: str, places: Sequence[dict[str, Any]], plugin: str | None, loads: bool = True) -> None:
    if any(name in known for known in places):
        return
    load_entry_points()
    if plugin is None or any(name in known for known in places):
        return
    if plugin == INTERACTIVE:
        raise BadInputError(
            f"{what}: {name!r} was registered in an interactive session; register it again here, or put it in a file "
            "and say where: `lookax --plugin FILE.py …`"
        )
    if not loads:
        raise BadInputError(f"{what}: {name!r} comes from {plugin!r}; name that by `lookax --plugin FILE.py …`")
    try:
        load_plugin(plugin)
    except BadInputError as mistake:
        raise BadInputError(
            f"{what}: {name!r} comes from a plugin, and {mistake}; put that back, or say where it is: "
            "`lookax --plugin FILE.py …`"
        ) from None
    if not any(name in known for known in places):
        raise BadInputError(f"{what}: {name!r} comes from {plugin!r}, which does not register it any more")


def _load_file(path: Path) -> None:
    there = sys.modules.get(path.stem)
    if there is not None and _file(there) == path:
        return
    if there is not None:
        raise BadInputError(f"there is another module {path.stem}; rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise


def _caller() -> dict[str, Any]:
    """The global variables of the code that has called lookax; what checks types of calls stands between."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in BETWEEN:
        frame = frame.f_back
    return frame.f_globals


def _origin(caller: dict[str, Any]) -> str:
    """Where code comes from: a module's name; a script's file; or neither, in an interactive session."""
    name = caller.get("__name__", "__main__")
    if name != "__main__":
        return name if name in sys.modules else INTERACTIVE
    if "__file__" not in caller:
        return INTERACTIVE
    path = Path(caller["__file__"]).resolve()
    # So that settings that say `"script:function"` find this very module, and not a second copy of it.
    sys.modules.setdefault(path.stem, sys.modules["__main__"])
    return str(path)


def _file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve()


def _listed(found: Any) -> Iterable[Any]:
    if not isinstance(found, Iterable):
        raise BadInputError(f"it is {found!r}; it must be a module that registers presets, a preset, or several")
    return found


@contextlib.contextmanager
def _loading(plugin: str) -> Iterator[None]:
    origin = str(Path(plugin).resolve()) if plugin.endswith(".py") else plugin
    token = _loaded.set(origin)
    try:
        yield
    finally:
        _loaded.reset(token)


@contextlib.contextmanager
def _in_one_line(plugin: str) -> Iterator[None]:
    """Within, errors become one line that names the plugin and where."""
    try:
        yield
    except BadInputError as mistake:
        raise BadInputError(f"{plugin}: {mistake}") from None
    except FileNotFoundError as reason:
        raise BadInputError(f"{plugin} is missing ({reason.strerror})") from None
    except Exception as reason:
        where = traceback.extract_tb(reason.__traceback__)[-1]
        raise BadInputError(f"{plugin}: {type(reason).__name__}: {reason} ({where.filename}:{where.lineno})") from None
