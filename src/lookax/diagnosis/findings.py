"""What is found out about an installation."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong, and how to mend it; or something to know.

    **Attributes:** `what` was found; how to `mend` it, or nothing; whether it is `wrong`.
    """

    what: str
    mend: str = ""
    wrong: bool = True


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of what is found out.

    **Attributes:** its `title`; `lines` of what there is; its `findings`.
    """

    title: str
    lines: Sequence[str]
    findings: Sequence[Finding] = ()
