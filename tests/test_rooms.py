"""Imports go one way: a room imports from those before it, and from itself."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "lookax"
ROOMS = (
    "choices", "errors", "imports", "concrete", "categorical", "games", "policies", "rollouts", "surrogates",
    "lookahead", "learners", "training", "evaluation", "experiments", "runs", "diagnosis", "options", "opened",
    "beginning", "commands", "usage", "completion", "cli",
)  # fmt: skip
FILES = sorted(file for file in SOURCES.rglob("*.py") if file != SOURCES / "__init__.py")


def room_of(file: Path) -> str:
    return file.relative_to(SOURCES).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """Modules of lookax that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("lookax.")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_those_before_it(room):
    before = ROOMS[: ROOMS.index(room) + 1]
    for file in FILES:
        if room_of(file) == room:
            for name in imported(file):
                assert name.split(".")[1].removesuffix(".py") in (*before, "__version__"), f"{file} imports {name}"


@pytest.mark.parametrize(
    ("room", "parts"),
    [
        (
            "experiments",
            ("settings", "preset", "run_reports", "presets", "registry", "plugins", "studies", "reports", "figures"),
        ),
        ("runs", ("errors", "processes", "arguments", "storage", "programs", "commands", "sweeps", "studio")),
    ],
)
def test_parts_of_a_room_import_from_those_before_them(room, parts):
    for file in FILES:
        own = file.relative_to(SOURCES).parts
        if own[0] == room and own[1] != "__init__.py":
            before = parts[: parts.index(own[1].removesuffix(".py")) + 1]
            for name in imported(file):
                if name.split(".")[1] == room and len(name.split(".")) > 2:
                    assert name.split(".")[2] in before, f"{file} imports {name}"


def test_settings_and_presets_need_nothing_that_computes():
    light = ("choices", "errors", "imports", "experiments.plugins", "experiments.preset", "experiments.settings",
             "experiments.presets", "experiments.run_reports", "experiments.registry")  # fmt: skip
    for file in FILES:
        own = ".".join(file.relative_to(SOURCES).with_suffix("").parts)
        if own.startswith(light):
            for name in imported(file):
                assert name.removeprefix("lookax.").startswith((*light, "experiments.run_reports")), f"{file}: {name}"


def test_the_command_imports_nothing_that_computes_before_it_computes():
    heavy = ("jax", "equinox", "optax", "orbax", "scipy", "pandas", "matplotlib", "jaxtyping", "tensorboardX")
    program = f"import sys, lookax.cli; print(*sorted(set({heavy}) & set(sys.modules)))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.split() == []


def test_every_file_is_in_a_room():
    assert {room_of(file) for file in FILES} == set(ROOMS)


def test_no_folder_is_crowded():
    # A dozen, and what a folder says of itself.
    for folder in {file.parent for file in FILES}:
        files = [file for file in folder.iterdir() if file.suffix == ".py" and file.name != "__init__.py"]
        assert len(files) <= 13, f"{folder} holds {len(files)} files"
