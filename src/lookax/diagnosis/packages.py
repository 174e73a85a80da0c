"""What is installed, by the metadata of the packages alone: nothing of them is imported."""

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from lookax.diagnosis.findings import Finding, Section

WORKS_NEVERTHELESS = {("gymnax", "jax")}
"""Packages that forbid a version of another one with which lookax' tests of them pass."""

CUDA = re.compile(r"jax-cuda(\d+)-(plugin|pjrt)")


@dataclasses.dataclass(frozen=True)
class Package:
    """An installed package: its `name` and `version`, and what it `requires`, as its metadata says."""

    name: str
    version: str
    requires: tuple[str, ...] = ()


def installed_packages() -> dict[str, Package]:
    """All packages that can be imported from here, by name; those whose metadata is damaged are left out."""
    found: dict[str, Package] = {}
    for distribution in metadata.distributions():
        try:
            name, version = normalised(distribution.metadata["Name"]), distribution.version
            # The first one is what Python imports.
            found.setdefault(name, Package(name, str(version), tuple(distribution.requires or ())))
        except Exception:
            continue
    return found


def required_by_lookax(packages: Mapping[str, Package]) -> tuple[str, ...]:
    """What lookax requires, by `pyproject.toml` where it runs from its sources, otherwise by its metadata."""
    try:
        project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return packages["lookax"].requires if "lookax" in packages else ()
    extras = project["optional-dependencies"].items()
    return (*project["dependencies"], *(f'{own}; extra == "{extra}"' for extra, each in extras for own in each))


def diagnose_packages(packages: Mapping[str, Package], required: Sequence[str]) -> list[Section]:
    """What lookax needs and has, its extras, and versions that conflict.

    **Arguments:** the installed `packages`, by name; what lookax has `required`, as metadata says it.
    """
    needed = list(_parsed(required, ""))
    extras = sorted({extra for text in required for extra in re.findall(r"extra == ['\"]([\w-]+)['\"]", text)})
    everything = {**packages, "lookax": Package("lookax", "", tuple(required))}
    by_extra = {extra: list(_of_extra("lookax", extra, everything)) for extra in extras}
    lines, findings = [], []
    for own in needed:
        lines.append(f"{own.name} {_version(packages, own.name) or 'missing'}")
        findings += _unmet("lookax", own, packages)
    lines += [f"jaxlib {version}" for version in [_version(packages, "jaxlib")] if version]
    if not needed:
        findings.append(Finding("what lookax needs is not known: it is not installed, and has no pyproject.toml"))
    extra_lines = []
    for extra, members in by_extra.items():
        there = [own for own in members if _version(packages, own.name)]
        missing = [own.name for own in members if own not in there]
        names = ", ".join(f"{own.name} {_version(packages, own.name)}" for own in there)
        state = (f"{names}; {', '.join(missing)} missing" if missing else names) if there else "not installed"
        extra_lines.append(f"{extra}: {state}")
    members = {own.name: own for own in (own for each in by_extra.values() for own in each)}
    chosen = [own for own in members.values() if _version(packages, own.name)]
    extra_findings = [finding for own in chosen for finding in _unmet("lookax", own, packages)]
    names = [own.name for own in (*needed, *chosen)]
    return [
        Section("packages", lines, findings),
        Section("extras", extra_lines, extra_findings),
        Section("versions", *_conflicts(names, packages)),
    ]


def _of_extra(name: str, extra: str, packages: Mapping[str, Package]) -> Iterator[Requirement]:
    """What an extra of a package adds; where that is an extra of another package, or of itself, what that one adds."""
    requires = packages[name].requires if name in packages else ()
    always = {normalised(own.name) for own in _parsed(requires, "")}
    for own in _parsed(requires, extra):
        inner = [deeper for more in own.extras for deeper in _of_extra(normalised(own.name), more, packages)]
        if inner:
            yield from inner
        elif normalised(own.name) not in always:
            yield own


def _conflicts(names: Iterable[str], packages: Mapping[str, Package]) -> tuple[list[str], list[Finding]]:
    """What these packages, and all that they need, forbid of one another; and plugins of JAX that do not fit."""
    findings: list[Finding] = []
    waiting, seen = [normalised(name) for name in names], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in packages:
            continue
        seen.add(name)
        for own in _parsed(packages[name].requires, ""):
            findings += _unmet(f"{name} {packages[name].version}", own, packages)
            waiting.append(normalised(own.name))
    findings += _plugins(packages)
    return [f"{len(seen)} packages compared with what they ask of each other"], findings


def _unmet(who: str, own: Requirement, packages: Mapping[str, Package]) -> Iterator[Finding]:
    """What a requirement is not met by."""
    version = _version(packages, own.name)
    mend = f'pip install "{own.name}{own.specifier}"'
    if version is None:
        yield Finding(f"{who} needs {own.name}, which is not installed", mend)
    elif not own.specifier.contains(version, prereleases=True):
        asked = f"{who} asks for {own.name}{own.specifier}, and {version} is installed"
        if (who.split()[0], own.name) in WORKS_NEVERTHELESS:
            yield Finding(f"{asked}; lookax' tests pass with it, so nothing needs to be done", wrong=False)
        else:
            yield Finding(asked, mend)


def _plugins(packages: Mapping[str, Package]) -> Iterator[Finding]:
    """Plugins of JAX for CUDA: of one version of CUDA only, and of jaxlib's version."""
    plugins = {name: found for name in packages if (found := CUDA.fullmatch(name))}
    versions = sorted({found[1] for found in plugins.values()})
    if len(versions) > 1:
        others = " ".join(name for name, found in plugins.items() if found[1] != versions[-1])
        yield Finding(
            f"JAX has plugins for CUDA {' and '.join(versions)}, of which it can load one",
            f"pip uninstall {others}   # keeps CUDA {versions[-1]}, which needs a recent driver",
        )
    jaxlib = _version(packages, "jaxlib")
    for name in plugins:
        # A later build of the same version fits: JAX compares numbers alone.
        if jaxlib is not None and _numbers(packages[name].version) != _numbers(jaxlib):
            yield Finding(
                f"{name} {packages[name].version} is not of the version of jaxlib {jaxlib}",
                f'pip install "{name}=={jaxlib}"',
            )


def _numbers(version: str) -> str:
    """What a version begins with: `0.10.0` of `0.10.0.post1`."""
    return "".join(re.findall(r"^\d+(?:\.\d+)*", version))


def _parsed(requirements: Iterable[str], extra: str) -> Iterator[Requirement]:
    """The requirements that hold here, with an extra, or with none."""
    for text in requirements:
        try:
            own = Requirement(text)
            if own.marker is None or own.marker.evaluate({"extra": extra}):
                yield own
        except (InvalidRequirement, UndefinedEnvironmentName):
            continue


def _version(packages: Mapping[str, Package], name: str) -> str | None:
    found = packages.get(normalised(name))
    return None if found is None else found.version


def normalised(name: str) -> str:
    """A package's name as it is compared: `Orbax_checkpoint` and `orbax-checkpoint` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()
