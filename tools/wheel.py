"""Builds the wheel and the sources, looks into both, and uses the wheel in a clean environment as the README says.

python -m tools.wheel [PYTHON …]: in an environment of each of these versions, or of this one's.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

UV = Path(sys.executable).with_name("uv")

PREFIXES = ("lookax/", "lookax-")

SHORT = ("--seeds", "2", "--total-updates", "3")

COMMANDS = (
    ("--version",),
    ("list",),
    ("show", "ipd-pola"),
    ("run", "ipd-pola", "--contribution-factor", "1.5", *SHORT, "--out", "runs/first"),
    ("run", "ipd-lola", "--payoffs", "[[2,3],[0,5]]", *SHORT, "--out", "runs/second"),
    ("resume", "runs/first", "--total-updates", "4"),
    ("sweep", "ipd-lola", "--set", "learning_rate=0.3,1", "--set", "inner_steps=1,2", *SHORT, "--out", "runs/sweep"),
    ("runs",),
    ("report", "runs", "-o", "report.html"),
    ("export", "runs/first", "--out", "agent"),
    ("doctor",),
)
"""The README's commands, shorter, and what they leave behind."""


def main(pythons: Sequence[str]) -> str | None:
    """What is wrong, if anything."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _call(UV, "build", "--quiet", "--out-dir", place / "dist", cwd=ROOT)
        [wheel], [sources] = place.glob("dist/*.whl"), place.glob("dist/*.tar.gz")
        if faults := [*wheel_faults(wheel), *source_faults(sources)]:
            return "\n".join(faults)
        for python in pythons or [sys.executable]:
            _try(place / f"with-{Path(python).name}", python, wheel)
    return None


def wheel_faults(wheel: Path) -> list[str]:
    """Files of the package that the wheel does not have, and others that it has."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    own = {str(file.relative_to(ROOT / "src")) for file in _package_files()}
    faults = [f"the wheel has no {name}" for name in sorted(own - names)]
    faults += [f"the wheel has {name}" for name in sorted(names - own) if ".dist-info/" not in name]
    if "# lookax" not in metadata:
        faults.append("the wheel's metadata has no README")
    return faults


def source_faults(sources: Path) -> list[str]:
    """Files that the source distribution does not have."""
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {str(file.relative_to(ROOT)) for file in _package_files()}
    wanted |= {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"}
    return [f"the source distribution has no {name}" for name in sorted(wanted - names)]


def readme_examples() -> str:
    """The README's programs."""
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL))


def _package_files() -> list[Path]:
    files = (ROOT / "src" / "lookax").rglob("*")
    return [file for file in files if file.is_file() and "__pycache__" not in file.parts]


def _try(place: Path, python: str, wheel: Path) -> None:
    """Installs the wheel alone, with what it needs, and uses it in an empty folder."""
    _call(UV, "venv", "--quiet", "--python", python, place / "venv")
    own = place / "venv" / "bin"
    _call(UV, "pip", "install", "--quiet", "--python", own / "python", wheel)
    empty = place / "empty"
    empty.mkdir()
    for words in COMMANDS:
        _call(own / "lookax", *words, cwd=empty)
    _call(own / "python", "-c", readme_examples(), cwd=empty)
    example = (ROOT / "examples" / "load_agent.py").read_text()
    _call(own / "python", "-c", example, "agent", cwd=empty, given="[0, 0, 0, 0, 1]\n")


def _call(*command: object, cwd: Path | None = None, given: str | None = None) -> None:
    words = list(map(str, command))
    sys.stdout.write(f"{' '.join(words)[:150]!r}\n")
    sys.stdout.flush()
    # The sources are not to be seen, nor the packages of the environment that this runs in.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run(words, cwd=cwd, check=True, input=given, text=True, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
