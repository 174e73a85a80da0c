"""`lookax doctor`: what is installed, what this machine has, what is wrong, and how to mend it."""

import dataclasses
import platform
from collections.abc import Sequence
from pathlib import Path

from lookax import __version__
from lookax.diagnosis.findings import Finding, Section
from lookax.diagnosis.machine import cache_folder, diagnose_cache, diagnose_devices, diagnose_disk


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What was found out: `str(diagnosis)` is what the command prints.

    **Attributes:** the `sections`.
    """

    sections: Sequence[Section]

    @property
    def findings(self) -> list[Finding]:
        """Those of all sections, what is wrong first."""
        return sorted((own for section in self.sections for own in section.findings), key=lambda own: not own.wrong)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.wrong for finding in self.findings)

    def __str__(self) -> str:
        lines = []
        for section in self.sections:
            lines += [section.title, *(f"  {line}" for line in section.lines), ""]
        for finding in self.findings:
            lines.append(f"{'WRONG' if finding.wrong else 'note'}: {finding.what}")
            lines += [f"  mend: {finding.mend}"] if finding.mend else []
        return "\n".join([*lines, "Nothing is wrong." if self.healthy else "Something is wrong; see above."])


def doctor() -> Diagnosis:
    """Finds out what is installed, which devices there are, and what is wrong, as `lookax doctor` does.

    Nothing is changed.

    ```python
    print(lx.doctor())
    ```
    """
    versions = f"Python {platform.python_version()} on {platform.platform()}"
    sections = [Section("lookax", [f"lookax {__version__} in {Path(__file__).parents[1]}", versions])]
    try:
        from lookax.diagnosis.packages import diagnose_packages, installed_packages, required_by_lookax

        packages = installed_packages()
        sections += diagnose_packages(packages, required_by_lookax(packages))
    except ImportError as missing:
        packages = {}
        sections.append(Section("packages", [], [Finding(f"{missing}", 'pip install "packaging"')]))
    cache = cache_folder()
    sections += [diagnose_devices(packages), diagnose_cache(cache), diagnose_disk([Path.cwd(), cache])]
    return Diagnosis(sections)
